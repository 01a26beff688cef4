/** How accounts are fetched: what is believed, what is asked again and when, what is held back, who is left alone. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { FirehoseConsumer, memoryLedger } from '../../firehose-consumer/src/index.ts';
import type { ConsumerEvent, ConsumerOptions, ContinuityOptions, Ledger, Notice } from '../../firehose-consumer/src/index.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually } from '../harness/wait.ts';
import { MadeAccount, MadeResolver, madeTime } from './made-stream.ts';

let server: FakeFirehose;
let clock: ManualClock;
let account: MadeAccount;
let identity: MadeResolver;
let ledger: Ledger;
let heard: string[];
let notices: Notice[];
/** Answers the questions for repositories; how many were asked. */
let answer: (did: string, count: number) => Response | Promise<Response>;
let asked: number;
/** What handling an event takes besides hearing of it. */
let handling: Promise<void> | undefined;
let consumer: FirehoseConsumer;
let ended: Promise<void>;

beforeEach(async () => {
  server = await FakeFirehose.start();
  clock = new ManualClock();
  account = new MadeAccount('a');
  identity = new MadeResolver(account);
  identity.pdsUrl = 'https://pds.test';
  ledger = memoryLedger();
  [heard, notices, asked, handling] = [[], [], 0, undefined];
  answer = () => car();
});
afterEach(async () => {
  await consumer.close();
  await ended;
  await server.close();
});

const car = (): Response => new Response(new Uint8Array(account.car() as Uint8Array));
const told = (event: ConsumerEvent): string => (event.kind === 'record' ? `${event.isResync ? 'resync ' : ''}${event.action} ${event.collection}/${event.rkey}` : event.kind);
const send = (...frames: Uint8Array[]): void => server.append(...frames.map((bytes) => ({ seq: server.log.length + 1, bytes })));
const next = (): number => server.log.length + 1;
const create = (path: string): void => send(account.create(next(), path));
/** A commit nobody hears of. */
const lose = (path: string, isDeletion = false): void => void account.commit(1_000, isDeletion ? { path, record: null } : { path, record: { lost: true } });
const failures = (): string[] => notices.filter((notice) => notice.kind === 'resyncFailed').map(({ reason }) => reason);

function start(options: Partial<ConsumerOptions> = {}, continuity: Partial<ContinuityOptions> = {}): void {
  consumer = new FirehoseConsumer({
    service: server.url, cursor: 0, clock, verify: 'full', identity, onNotice: (notice) => notices.push(notice), ...options,
    continuity: {
      ledger,
      fetch: ((input: string) => Promise.resolve(answer(new URL(input).searchParams.get('did') as string, ++asked))) as typeof fetch,
      ...continuity,
    },
  });
  ended = consumer.run((event) => {
    if (event.kind === 'commit') heard.push(...event.ops.map(({ action, collection, rkey }) => `${action} ${collection}/${rkey}`));
    else heard.push(told(event));
    return handling;
  });
}

/** The DID document of an account at a server. */
const documentOf = ({ did, keypair }: MadeAccount, serviceEndpoint: string): object => ({
  id: did,
  verificationMethod: [{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: keypair.did.slice('did:key:'.length) }],
  service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint }],
});

/** Waits for a condition while time passes. */
async function passes(what: string, check: () => unknown): Promise<void> {
  await eventually(what, () => {
    clock.advance(1_000);
    return check();
  });
}

test('what a gap hides is told as creates, updates and deletes, once, and behind it the stream goes on', async () => {
  start();
  create('app.test.record/a');
  create('app.test.record/b');
  await passes('both', () => heard.length === 2);
  lose('app.test.record/a', true);
  lose('app.test.record/c');
  send(encodeEvent(account.commit(next(), { action: 'update', path: 'app.test.record/b', record: { changed: true } })));
  await passes('the difference', () => heard.length === 5);
  create('app.test.record/d');
  await passes('the next', () => heard.length === 6);
  expect(heard.slice(2)).toEqual(['resync delete app.test.record/a', 'resync update app.test.record/b', 'resync create app.test.record/c', 'create app.test.record/d']);
  expect([asked, notices.filter(({ kind }) => kind === 'gap').length]).toEqual([1, 1]);
  expect(notices.find(({ kind }) => kind === 'resynced')).toMatchObject({ created: 1, updated: 1, deleted: 1 });
});

test('a chain without gap asks nobody for a repository', async () => {
  start();
  for (let count = 1; count <= 20; count++) create(`app.test.record/r${count}`);
  await passes('all', () => heard.length === 20);
  expect([asked, (await ledger.account(account.did))?.isStale]).toEqual([0, false]);
});

test('a #sync with another tree fetches the account, one with the same does not', async () => {
  start({ kinds: ['commit', 'sync'] });
  create('app.test.record/a');
  send(account.sync(next()));
  await passes('the first', () => heard.length === 1);
  lose('app.test.record/b');
  send(account.sync(next()));
  await passes('what it means', () => heard.includes('resync create app.test.record/b'));
  expect([heard, asked]).toEqual([['create app.test.record/a', 'sync', 'resync create app.test.record/b'], 1]);
});

test('events that come while an account is fetched wait and go on behind it, without another fetch', async () => {
  const gate = Promise.withResolvers<void>();
  start();
  create('app.test.record/a');
  lose('app.test.record/b');
  create('app.test.record/c');
  answer = async () => {
    const snapshot = car();
    await gate.promise;
    return snapshot;
  };
  await passes('the question', () => asked === 1);
  create('app.test.record/d');
  create('app.test.record/e');
  await passes('held', () => consumer.stats()?.openEvents === 2);
  expect(heard).toEqual(['create app.test.record/a']);
  gate.resolve();
  await passes('all', () => heard.length === 5);
  expect([heard.slice(1), asked]).toEqual([['resync create app.test.record/b', 'resync create app.test.record/c', 'create app.test.record/d', 'create app.test.record/e'], 1]);
});

test('what does not fit while an account is fetched is fetched too', async () => {
  const gate = Promise.withResolvers<void>();
  start({ maxBufferedBytes: 8_000 });
  create('app.test.record/a');
  lose('app.test.record/b');
  create('app.test.record/c');
  answer = async (_did, count) => {
    const snapshot = car();
    if (count === 1) await gate.promise;
    return snapshot;
  };
  await passes('the question', () => asked === 1);
  for (let count = 1; count <= 10; count++) create(`app.test.record/d${count}`);
  await passes('taken in', () => consumer.stats()?.lastSeq === 12 && consumer.stats()?.openEvents === 0);
  gate.resolve();
  await passes('all', () => heard.length === 13);
  expect([new Set(heard).size, asked]).toEqual([13, 2]);
});

test('a server that lags, refuses or cuts is asked again until it has what was heard of', async () => {
  start();
  create('app.test.record/a');
  const former = account.car() as Uint8Array;
  lose('app.test.record/b');
  answer = (_did, count) => {
    if (count === 1) return new Response(new Uint8Array(former));
    if (count === 2) return new Response('no', { status: 502 });
    return count === 3 ? new Response((account.car() as Uint8Array).slice(0, 300)) : car();
  };
  create('app.test.record/c');
  await passes('all', () => heard.length === 3);
  expect(failures()).toEqual([expect.stringContaining('older repository'), 'http 502', expect.stringContaining('cut short')]);
});

test('a repository signed by another key, of another account or too large is not believed', async () => {
  const other = new MadeAccount('b');
  const forged = new MadeAccount('a');
  forged.keypair = Keypair.generate();
  for (const each of [other, forged]) for (const path of ['app.test.record/a', 'app.test.record/x', 'app.test.record/y']) each.create(1, path);
  start({}, { maxRepoBytes: 5_000 });
  create('app.test.record/a');
  lose('app.test.record/b');
  answer = (_did, count) => {
    // The signature is looked at twice: the second time with the key asked for afresh.
    if (count <= 2) return new Response(new Uint8Array(forged.car() as Uint8Array));
    if (count === 3) return new Response(new Uint8Array(other.car() as Uint8Array));
    return count === 4 ? new Response(new Uint8Array(5_001)) : car();
  };
  create('app.test.record/c');
  await passes('all', () => heard.length === 3);
  expect(failures()).toEqual([expect.stringContaining('not signed'), expect.stringContaining('another account'), expect.any(String)]);
  expect(heard.slice(1)).toEqual(['resync create app.test.record/b', 'resync create app.test.record/c']);
});

test('a host that says "later" is left alone for so long', async () => {
  start();
  create('app.test.record/a');
  lose('app.test.record/b');
  let saidAtMs = 0;
  let againAtMs = 0;
  answer = (_did, count) => {
    if (count > 1) againAtMs = clock.elapsedMs();
    else saidAtMs = clock.elapsedMs();
    return count > 1 ? car() : new Response('{"error":"RateLimitExceeded"}', { status: 429, headers: { 'retry-after': '120' } });
  };
  create('app.test.record/c');
  await passes('all', () => heard.length === 3);
  expect(againAtMs - saidAtMs).toBeGreaterThanOrEqual(120_000);
});

test('an account that is not active is not fetched before it is active again, and a deleted one is forgotten', async () => {
  const say = (active: boolean, status: string | null): void => send(encodeEvent({ kind: 'account', seq: next(), did: account.did, time: madeTime, active, status }));
  start({ kinds: ['commit', 'account'] });
  create('app.test.record/a');
  say(false, 'deactivated');
  await passes('the rest', () => heard.length === 2);
  await passes('in the ledger', async () => (await ledger.account(account.did))?.isActive === false);
  lose('app.test.record/b');
  say(true, null);
  create('app.test.record/c');
  await passes('the difference', () => heard.length === 5);
  say(false, 'deleted');
  await passes('forgotten', async () => (await ledger.account(account.did)) === null);
  expect((await ledger.records(account.did, '', 9)).length).toBe(0);
  expect(heard).toEqual(['create app.test.record/a', 'account', 'account', 'resync create app.test.record/b', 'resync create app.test.record/c', 'account']);
});

test('an account whose server does not have it is not asked for again before the stream speaks of it', async () => {
  answer = () => Response.json({ error: 'RepoNotFound' }, { status: 400 });
  start();
  create('app.test.record/a');
  lose('app.test.record/b');
  create('app.test.record/c');
  await passes('the failure', () => failures().length === 1);
  for (let hours = 0; hours < 3; hours++) {
    clock.advance(3_600_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(asked).toBe(1);
  answer = () => car();
  create('app.test.record/d');
  await passes('all', () => heard.length === 4);
});

test('accounts that are asked for are fetched whole, those that are known are not, and the stream goes on behind them', async () => {
  for (let count = 0; count < 450; count++) account.create(1, `app.test.record/r${count}`);
  start({}, { accounts: [account.did] });
  await passes('all', () => heard.length === 450);
  create('app.test.record/live');
  await passes('the next', () => heard.length === 451);
  await consumer.close();
  await ended;
  start({ cursor: 1 }, { accounts: [account.did] });
  create('app.test.record/more');
  await passes('the next', () => heard.length === 452);
  expect([asked, new Set(heard).size]).toEqual([1, 452]);
});

test('what a close in the midst of a resync left untold is told by the next run', async () => {
  for (let count = 0; count < 450; count++) account.create(1, `app.test.record/r${count}`);
  const gate = Promise.withResolvers<void>();
  handling = gate.promise;
  // The first piece fills the bound, so the second waits for its handler.
  start({ unit: 'commit', maxBufferedBytes: 4_000 }, { accounts: [account.did] });
  await passes('the first piece', () => heard.length === 200);
  const closed = consumer.close();
  gate.resolve();
  await closed;
  await ended;
  expect(heard.length).toBe(200);
  handling = undefined;
  start({ unit: 'commit' }, { accounts: [account.did] });
  await passes('the rest', () => new Set(heard).size === 450);
  expect(heard.length).toBe(450);
});

test('accounts that are asked for are fetched also when the stream spoke of them before', async () => {
  account.create(1, 'app.test.record/before');
  start();
  create('app.test.record/a');
  await passes('what is followed', () => heard.length === 1);
  await consumer.close();
  await ended;
  start({ cursor: 1 }, { accounts: [account.did] });
  await passes('what was before', () => heard.length === 2);
  expect([heard, asked]).toEqual([['create app.test.record/a', 'resync create app.test.record/before'], 1]);
});

test.each(['account', 'records', 'stale', 'write', 'mark'] as const)('a ledger whose %s fails ends the run by its name', async (method) => {
  await ledger.write([{ kind: 'stale', did: account.did, rev: null }]);
  account.create(1, 'app.test.record/a');
  const broken = { ...ledger, [method]: () => Promise.reject(new Error('disk is gone')) };
  start({}, { ledger: broken });
  const fault: unknown = await ended.catch((error: unknown) => error);
  ended = Promise.resolve();
  expect(fault).toMatchObject({ code: 'Ledger', cause: { message: 'disk is gone' } });
});

test('an account is asked for at the server it has moved to, at each level', async () => {
  for (const verify of ['none', 'full'] as const) {
    account = new MadeAccount(verify);
    const documents = new Map<string, string>([[account.did, 'https://old.test']]);
    // The resolver of the house, with its memory: only what makes it forget leads to the new server.
    const identity = createIdentityResolver({
      plcUrl: 'https://plc.test', clock, resolveTxt: () => Promise.resolve([]),
      fetch: (() => Promise.resolve(Response.json(documentOf(account, documents.get(account.did) as string)))) as typeof fetch,
    });
    const hosts: string[] = [];
    server.log.length = 0;
    heard = [];
    ledger = memoryLedger();
    start({ verify, identity }, {
      ledger,
      fetch: ((input: string) => {
        hosts.push(new URL(input).host);
        return Promise.resolve(car());
      }) as typeof fetch,
    });
    create('app.test.record/a');
    lose('app.test.record/b');
    create('app.test.record/c');
    await passes('the first gap', () => heard.length === 3);
    documents.set(account.did, 'https://new.test');
    send(encodeEvent({ kind: 'identity', seq: next(), did: account.did, time: madeTime, handle: null }));
    lose('app.test.record/d');
    create('app.test.record/e');
    await passes('the second gap', () => heard.includes('resync create app.test.record/e'));
    expect(hosts).toEqual(['old.test', 'new.test']);
    await consumer.close();
    await ended;
  }
});

test('after six failures an account is left alone for a while, whatever it says', async () => {
  const gone = (): Response => new Response('no', { status: 502 });
  answer = gone;
  start();
  create('app.test.record/a');
  lose('app.test.record/b');
  create('app.test.record/c');
  await passes('six failures', () => failures().length === 6);
  create('app.test.record/d');
  await eventually('taken in', () => consumer.stats()?.lastSeq === 3 && consumer.stats()?.openEvents === 0);
  for (let seconds = 0; seconds < 100; seconds++) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(asked).toBe(6);
  answer = () => car();
  await passes('all', () => heard.length === 4);
});

test('a backfill of more accounts than memory takes goes on without a pause', async () => {
  const gate = Promise.withResolvers<void>();
  identity.before = () => gate.promise;
  const accounts = Array.from({ length: 10_700 }, (_, index) => `did:web:nobody${index}.test`);
  start({ verify: 'none' }, { accounts });
  await eventually('all are in the ledger', () => notices.some((notice) => notice.kind === 'backfill' && notice.isOver));
  gate.resolve();
  // The clock stands: nobody waits for the next time the ledger is gone through.
  await eventually('each was tried', () => new Set(notices.map((notice) => (notice.kind === 'resyncFailed' ? notice.did : ''))).size > accounts.length);
});

test('more accounts than memory takes are gone through without a pause', async () => {
  const count = 10_700;
  await ledger.write(Array.from({ length: count }, (_, index) => ({ kind: 'stale' as const, did: `did:web:nobody${index}.test`, rev: null })));
  start({ verify: 'none' });
  // The clock stands: nobody waits for the next time the ledger is gone through.
  await eventually('each was tried', () => failures().length === count);
  expect((await ledger.stale('', 1)).length).toBe(0);
});

test('when other collections are wanted every account is fetched once more', async () => {
  start({ collections: ['app.test.record'] });
  create('app.test.record/a');
  create('app.test.other/b');
  await passes('one', () => heard.length === 1 && consumer.cursor === 2);
  await consumer.close();
  await ended;
  start({ collections: ['app.test.other'], cursor: 2 });
  await passes('the other', () => heard.length === 2);
  await passes('the ledger', async () => (await ledger.records(account.did, '', 9)).length === 1);
  expect(heard).toEqual(['create app.test.record/a', 'resync create app.test.other/b']);
});
