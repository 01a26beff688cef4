/** Forged commits are refused, keys that rotated are found, directories out of reach are waited for. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { parseDidDocument } from '@dunlin/protocol/identity/did-document';
import type { CommitEvent } from '@dunlin/protocol/stream/event';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { Intake, kindOf } from '../../firehose-consumer/src/decode.ts';
import type { HeldFrame } from '../../firehose-consumer/src/decode.ts';
import { Filter } from '../../firehose-consumer/src/filter.ts';
import { Verifier } from '../../firehose-consumer/src/verify.ts';
import type { VerifierOptions } from '../../firehose-consumer/src/verify.ts';
import { readFrames } from '../harness/capture.ts';
import { captureFolder, readJson } from '../harness/vectors.ts';
import { MadeAccount, MadeResolver, madeTime, unavailable } from './made-stream.ts';

const levels = ['signature', 'full'] as const;
const path = 'app.bsky.feed.like/a';
let account: MadeAccount;
let resolver: MadeResolver;
let clock: ManualClock;
beforeEach(() => {
  account = new MadeAccount('alice');
  resolver = new MadeResolver(account);
  clock = new ManualClock(Date.parse(madeTime));
});

function hold(frame: Uint8Array): HeldFrame {
  const scan = scanFrame(frame);
  return new Intake(new Filter({}), true).take(frame, scan, kindOf(scan) as 'commit') as HeldFrame;
}

function verifier(options: Partial<VerifierOptions> = {}): Verifier {
  return new Verifier({ level: 'full', identity: resolver, clock, isLenient: false, patienceMs: 10_000, signal: new AbortController().signal, ...options });
}

async function reason(judge: Verifier, frame: Uint8Array): Promise<string | null> {
  return (await judge.verify(hold(frame)))?.reason ?? null;
}

describe.each(levels)('at level %s', (level) => {
  test('accepts what the account signed, the second time without waiting', async () => {
    const judge = verifier({ level });
    expect(await reason(judge, account.create(1, path))).toBeNull();
    expect(judge.verify(hold(account.create(2, 'app.bsky.feed.like/b')))).toBeNull();
    expect(judge.verify(hold(account.sync(3)))).toBeNull();
    expect(resolver.asked).toEqual([account.did]);
  });

  test('refuses a commit or #sync signed by another key, after asking for the key afresh once a minute', async () => {
    const judge = verifier({ level });
    account.keypair = Keypair.generate();
    expect(await reason(judge, account.create(1, path))).toBe('badSignature');
    expect(await reason(judge, account.create(2, 'app.bsky.feed.like/b'))).toBe('badSignature');
    expect(await reason(judge, account.sync(3))).toBe('badSignature');
    expect(resolver.asked).toEqual([account.did, `${account.did}!`]);
    clock.advance(60_000);
    expect(await reason(judge, account.sync(4))).toBe('badSignature');
    expect(resolver.asked).toHaveLength(3);
  });

  test('refuses a commit of another account or rev, one from the future, and one whose block is absent or forged', async () => {
    const judge = verifier({ level });
    const bob = new MadeAccount('bob');
    bob.keypair = account.keypair;
    resolver.keys.set(bob.did, bob.keypair.publicKey);
    expect(await reason(judge, encodeEvent({ ...account.commit(1), did: bob.did }))).toBe('didMismatch');
    expect(await reason(judge, encodeEvent({ ...account.commit(2), rev: '3kaaaaaaaaa22', since: null }))).toBe('revMismatch');
    const commit = account.commit(3, { path, record: { n: 1 } });
    const without = [...readCar(commit.blocks).blocks].filter(([cid]) => String(cid) !== String(commit.commit));
    expect(await reason(judge, encodeEvent({ ...commit, blocks: writeCar(commit.commit, without) }))).toBe('badCommit');
    expect(await reason(judge, encodeEvent({ ...commit, blocks: writeCar(commit.commit, [[commit.commit, encode({ forged: true })]]) }))).not.toBeNull();
    const forged = encode({ version: 3 });
    const forgedCid = cidForCbor(forged);
    expect(await reason(judge, encodeEvent({ ...commit, commit: forgedCid, blocks: writeCar(forgedCid, [[forgedCid, forged]]) }))).toBe('badCommit');
    clock.setNow(Date.parse(madeTime) - 300_001);
    expect(await reason(judge, account.create(4, 'app.bsky.feed.like/d'))).toBe('revInFuture');
  });

  test('finds a rotated key by itself, or told by an #identity event', async () => {
    const judge = verifier({ level });
    expect(await reason(judge, account.create(1, path))).toBeNull();
    for (const isTold of [false, true]) {
      account.keypair = Keypair.generate();
      resolver.keys.set(account.did, account.keypair.publicKey);
      if (isTold) judge.forget(account.did);
      expect(await reason(judge, account.create(2, `app.bsky.feed.like/${isTold}`))).toBeNull();
    }
    expect(resolver.asked).toEqual([account.did, `${account.did}!`, account.did]);
    expect(resolver.invalidated).toEqual([account.did]);
  });

  test('refuses an unknown account and one without a key, asking afresh once', async () => {
    resolver.keys.delete(account.did);
    expect(await reason(verifier({ level }), account.create(1, path))).toBe('unknownAccount');
    resolver.keys.set(account.did, null);
    expect(await reason(verifier({ level }), account.create(2, 'app.bsky.feed.like/b'))).toBe('unknownAccount');
    expect(resolver.asked).toEqual([account.did, `${account.did}!`, account.did, `${account.did}!`]);
  });
});

const forge = (change: (commit: CommitEvent) => CommitEvent): Uint8Array => {
  account.create(1, 'app.bsky.feed.like/before', { n: 0 });
  return encodeEvent(change(account.commit(2, { path, record: { n: 1 } })));
};

describe('at level full', () => {

  test('refuses operations that are not true of the signed tree, which level signature lets pass', async () => {
    const other = encode({ n: 2 });
    const cid = cidForCbor(other);
    const frame = forge((commit) => ({ ...commit, ops: [{ action: 'create', path, cid, prev: null }], blocks: writeCar(commit.commit, [...readCar(commit.blocks).blocks, [cid, other]]) }));
    expect(await reason(verifier({ level: 'signature' }), frame)).toBeNull();
    expect(await reason(verifier(), frame)).toBe('opMismatch');
  });

  test('refuses a prevData that the operations do not lead back to, and one that is absent unless lenient', async () => {
    expect(await reason(verifier(), forge((commit) => ({ ...commit, prevData: cidForCbor(encode({})) })))).toBe('inversionFailed');
    account = new MadeAccount('alice');
    resolver.keys.set(account.did, account.keypair.publicKey);
    const old = forge((commit) => ({ ...commit, prevData: null }));
    expect(await reason(verifier(), old)).toBe('noPrevData');
    expect(await reason(verifier({ isLenient: true }), old)).toBeNull();
  });
});

async function tick(ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

describe('while the directory is out of reach', () => {
  test('the event waits, and is accepted when it answers', async () => {
    resolver.before = () => {
      if (resolver.asked.length < 3) throw unavailable();
    };
    const verdict = verifier().verify(hold(account.create(1, path)));
    for (let step = 0; step < 20 && resolver.asked.length < 3; step++) await tick(1_000);
    expect(await verdict).toBeNull();
  });

  test('the event is given up when patience ends', async () => {
    resolver.before = () => {
      throw unavailable();
    };
    const verdicts: unknown[] = [];
    void Promise.resolve(verifier().verify(hold(account.create(1, path)))).then((verdict) => verdicts.push(verdict));
    await tick(9_999);
    expect(verdicts).toEqual([]);
    for (let step = 0; step < 40 && verdicts.length === 0; step++) await tick(1_000);
    expect(verdicts).toMatchObject([{ reason: 'unresolvable' }]);
  });

  test('patience is the account’s and not the event’s: once it ended each event is tried once, until the host answers', async () => {
    resolver.before = () => {
      throw unavailable();
    };
    const judge = verifier({ patienceMs: 0 });
    for (let seq = 1; seq <= 3; seq++) expect(await reason(judge, account.create(seq, `app.bsky.feed.like/r${seq}`))).toBe('unresolvable');
    expect(resolver.asked).toHaveLength(3);
    resolver.before = () => undefined;
    expect(await reason(judge, account.create(4, path))).toBeNull();
  });

  test('a did:plc is waited for as long as the directory is out, and that is told', async () => {
    const plc = new MadeAccount('plc', 'did:plc:ewvi7nxzyoun6zhxrhs64oiz');
    resolver.keys.set(plc.did, plc.keypair.publicKey);
    resolver.before = () => {
      throw unavailable();
    };
    const told: string[] = [];
    const verdict = verifier({ onWaiting: (did, message) => told.push(`${did} ${message}`) }).verify(hold(plc.create(1, path)));
    for (let step = 0; step < 200; step++) await tick(60_000);
    resolver.before = () => undefined;
    await tick(60_000);
    expect(await verdict).toBeNull();
    expect(told.length).toBeGreaterThan(100);
    expect(told[0]).toBe('did:plc:ewvi7nxzyoun6zhxrhs64oiz directory did not answer');
  });

  test('waiting ends with the signal, without a verdict', async () => {
    resolver.before = () => {
      throw unavailable();
    };
    const stop = new AbortController();
    const verdict = verifier({ signal: stop.signal }).verify(hold(account.create(1, path)));
    await tick(100);
    stop.abort(new Error('over'));
    await expect(verdict).rejects.toThrow('over');
  });

});

test('every captured commit and #sync that its account signed is accepted in full', async () => {
  const folder = captureFolder();
  if (folder === null) return;
  const judge = verifier({
    clock: new ManualClock(Date.UTC(2027, 0, 1)),
    identity: Object.assign(new MadeResolver(), {
      resolveDid: (did: string) => Promise.resolve(parseDidDocument(did, readJson(folder, 'did', `${did.slice('did:plc:'.length)}.json`))),
    }),
  });
  const refusals: string[] = [];
  let commits = 0;
  for (const frame of readFrames(join(folder, 'frames.bin'))) {
    const held = hold(frame);
    const verdict = await judge.verify(held);
    if (held.kind === 'commit') commits += 1;
    if (verdict) refusals.push(`${held.kind} ${verdict.reason}`);
  }
  expect(commits).toBe(6_283);
  // Accounts that migrated here announce themselves with a new rev over the commit of the server they left.
  expect(refusals).toEqual(['sync revMismatch', 'sync revMismatch', 'sync revMismatch']);
});
