/** Changes of accounts that are cut off between directory and database: what the directory took becomes true here, whatever comes between. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { identityIntentSchema } from '@dunlin/pds/identity/schema';
import { plcOperationCid, signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { eventually } from '../../harness/wait.ts';
import { Subscriber, type Answer, type Person } from '../small-pds.ts';
import { pdsMigrations } from '../../../pds/src/wiring/stores.ts';
import { rotationHex, startTroubled, type Troubled } from './silent-directory.ts';

let all: Troubled;
beforeAll(async () => { all = await startTroubled(); });
afterAll(() => all?.close());

const unheard = { status: 502, json: { error: 'UpstreamFailure' } };

/** Waits for an event that tells of the DID by this handle, after all that is there now. */
async function tellsOf(did: string, handle: string, work: () => Promise<unknown>): Promise<void> {
  const head = all.database.prepare<[], number>('SELECT max(seq) FROM newest_event').pluck().get()!;
  await work();
  const subscriber = new Subscriber(all.small.url, head);
  await eventually('it is told', () => subscriber.seen.some((event) => event.kind === 'identity' && event.did === did && event.handle === handle));
  subscriber.close();
}

interface Kind {
  what: string;
  name: string;
  change: (who: Person) => Promise<Answer>;
  handle: (name: string) => string;
  isTrue: (did: string) => Promise<void>;
}

let newKey = '';
const kinds: Kind[] = [
  {
    what: 'handle', name: 'pia',
    change: ({ did }) => all.setHandle(did, 'pia2.test'),
    handle: () => 'pia2.test',
    isTrue: async () => undefined,
  },
  {
    what: 'signing key', name: 'quin',
    async change({ did }) {
      newKey = String((await all.small.call('com.atproto.server.reserveSigningKey', { body: {} })).json['signingKey']);
      return await all.small.call('com.atproto.admin.updateAccountSigningKey', { headers: all.small.admin, body: { did, signingKey: newKey } });
    },
    handle: (name) => `${name}.test`,
    async isTrue(did) {
      const car = (await all.small.call('com.atproto.sync.getRepo', { params: { did } })).bytes;
      expect(verifyRepoCar(car, did, parseDidKey(newKey)).recordCount).toBe(0);
    },
  },
  {
    what: 'its owner\'s operation', name: 'rob',
    async change({ did, token }) {
      const [last] = (await all.operationsOf(did)) as [UnsignedPlcUpdate & { sig: string }];
      const { sig: _sig, ...state } = last;
      const operation = signPlcOperation<UnsignedPlcUpdate>({ ...state, alsoKnownAs: [...state.alsoKnownAs, 'https://own.example'], prev: plcOperationCid(last).toString() }, Keypair.fromPrivateBytes('k256', Buffer.from(rotationHex, 'hex')));
      return await all.small.call('com.atproto.identity.submitPlcOperation', { token, body: { operation } });
    },
    handle: (name) => `${name}.test`,
    isTrue: async () => undefined,
  },
];

test.each(kinds)('a change that the directory took ($what) and of which nobody heard is made true by the next process, when the directory is back', async ({ name, change, handle, isTrue }) => {
  const who = await all.small.newPerson(name);
  all.mood = 'mute';
  expect(await change(who)).toMatchObject(unheard);
  expect([all.openIntents(), all.handleOf(who.did)]).toEqual([1, `${name}.test`]);
  const sent = all.sent.length;
  // The directory is down still: the start does not wait for it.
  await all.small.restart();
  expect((await all.small.call('com.atproto.server.describeServer')).status).toBe(200);
  expect(all.openIntents()).toBe(1);
  await tellsOf(who.did, handle(name), async () => {
    all.mood = 'well';
    await all.allSettled();
  });
  expect(all.handleOf(who.did)).toBe(handle(name));
  await isTrue(who.did);
  expect(await all.operationsOf(who.did)).toHaveLength(2);
  expect(all.sent).toHaveLength(sent);
  expect((await all.setHandle(who.did, `${name}9.test`)).status).toBe(200);
});

test('a rename to another host that was cut off gives the account the handle its document has, and the next run does the rest', async () => {
  const { small } = all;
  const from = new URL(small.url).host;
  const { did } = await small.newPerson('ren');
  await small.restart();
  const rename = async (old: string): Promise<Answer> => {
    const { json: { accounts } } = await small.call('com.atproto.admin.searchAccounts', { headers: small.admin, params: { limit: 100 } });
    expect((accounts as { did: string }[]).at(-1)!.did).toBe(did);
    const after = all.database.prepare<[string], number>('SELECT id FROM account WHERE did = ?').pluck().get(did)! - 1;
    return await small.call('app.dunlin.admin.renameHost', { headers: small.admin, body: { from: old, to: new URL(small.url).host, perSecond: 100, handles: { from: '.test', to: '.example' }, cursor: String(after) } });
  };
  all.mood = 'mute';
  expect((await rename(from)).json['fault']).toContain('directory');
  expect([all.openIntents(), all.handleOf(did)]).toEqual([1, 'ren.test']);
  const middle = new URL(small.url).host;
  all.mood = 'well';
  await small.restart();
  await all.allSettled();
  expect(all.handleOf(did)).toBe('ren.example');
  expect((await rename(middle)).json['accounts']).toMatchObject([{ did, outcome: 'changed' }]);
  expect((await all.operationsOf(did)).at(-1)).toMatchObject({ alsoKnownAs: ['at://ren.example'], services: { atproto_pds: { endpoint: small.url } } });
});

test('a change whose last write fails is made true by the job of the same process', async () => {
  const { small, database } = all;
  const { did } = await small.newPerson('fay');
  database.exec("CREATE TRIGGER cut_off BEFORE DELETE ON identity_intent BEGIN SELECT RAISE(ABORT, 'cut off'); END");
  expect((await all.setHandle(did, 'fay2.test')).status).toBe(500);
  expect([all.openIntents(), all.handleOf(did)]).toEqual([1, 'fay.test']);
  database.exec('DROP TRIGGER cut_off');
  await all.allSettled();
  expect(all.handleOf(did)).toBe('fay2.test');
  expect(await all.operationsOf(did)).toHaveLength(2);
  expect(small.errors.splice(0).join('')).toContain('cut off');
});

test('a handle that may be another\'s by the directory is held while the directory is down, and so is the account that wants it', async () => {
  const { small } = all;
  const [gus, hal] = [await small.newPerson('gus'), await small.newPerson('hal')];
  all.mood = 'mute';
  expect(await all.setHandle(gus.did, 'shared.test')).toMatchObject(unheard);
  for (let round = 0; round < 2; round++) {
    expect(await all.setHandle(hal.did, 'shared.test')).toMatchObject(unheard);
    expect(await small.call('com.atproto.server.createAccount', { body: { handle: 'shared.test', password: 'x' } })).toMatchObject(unheard);
    const { json } = await small.call('com.atproto.temp.checkHandleAvailability', { params: { handle: 'shared.test' } });
    expect(json['result']).toMatchObject({ $type: 'com.atproto.temp.checkHandleAvailability#resultUnavailable' });
    await small.restart();
  }
  all.mood = 'well';
  expect(await all.setHandle(hal.did, 'shared.test')).toMatchObject({ status: 400, json: { error: 'HandleNotAvailable' } });
  expect([all.handleOf(gus.did), all.handleOf(hal.did)]).toEqual(['shared.test', 'hal.test']);
});

test('who asks for the handle they have while a change to another is open gets it back in their document', async () => {
  const { did } = await all.small.newPerson('ida');
  all.mood = 'mute';
  expect(await all.setHandle(did, 'ida2.test')).toMatchObject(unheard);
  all.mood = 'well';
  expect((await all.setHandle(did, 'ida.test')).status).toBe(200);
  expect([all.openIntents(), all.handleOf(did)]).toEqual([0, 'ida.test']);
  expect((await all.operationsOf(did)).at(-1)!.alsoKnownAs).toEqual(['at://ida.test']);
});

test('an operation that never came to the directory holds the account for a minute, then it is given up; a refused one leaves nothing', async () => {
  const { did } = await all.small.newPerson('jim');
  all.mood = 'down';
  // Nothing is begun before the directory has said what the DID is now.
  expect(await all.setHandle(did, 'jim2.test')).toMatchObject(unheard);
  expect(all.openIntents()).toBe(0);
  all.mood = 'refusing';
  expect(await all.setHandle(did, 'jim2.test')).toMatchObject(unheard);
  expect([all.openIntents(), all.handleOf(did)]).toEqual([0, 'jim.test']);
  all.mood = 'mute';
  expect(await all.setHandle(did, 'jim2.test')).toMatchObject(unheard);
  // A later operation makes the directory say what it would if this one were still on its way.
  await all.changeDid(did, { alsoKnownAs: ['at://jim.test'] });
  all.mood = 'well';
  expect(await all.setHandle(did, 'jim3.test')).toMatchObject({ status: 503 });
  all.database.exec('UPDATE identity_intent SET begun_at = begun_at - 61000');
  expect((await all.setHandle(did, 'jim3.test')).status).toBe(200);
  expect([all.openIntents(), all.handleOf(did)]).toEqual([0, 'jim3.test']);
});

test('an account that is deleted while its change is open leaves no intent, and its DID is left as it is', async () => {
  const { did } = await all.small.newPerson('kim');
  all.mood = 'mute';
  expect(await all.setHandle(did, 'kim2.test')).toMatchObject(unheard);
  expect((await all.small.call('com.atproto.admin.deleteAccount', { headers: all.small.admin, body: { did } })).status).toBe(200);
  expect(all.openIntents()).toBe(0);
  all.mood = 'well';
  const sent = all.sent.length;
  await all.small.restart();
  const { did: other } = await all.small.newPerson('kim2');
  expect(all.handleOf(other)).toBe('kim2.test');
  expect(await all.operationsOf(did)).toHaveLength(2);
  expect(all.sent).toHaveLength(sent + 1);
});

test('a data folder of before there were intents gets their table, and goes on', async () => {
  const { small } = all;
  await small.pds.close();
  all.database.close();
  const path = join(small.dataDirectory, 'pds.sqlite');
  for (const ending of ['', '-wal', '-shm']) rmSync(path + ending, { force: true });
  openDatabase(path, { migrations: pdsMigrations.slice(0, pdsMigrations.indexOf(identityIntentSchema)) }).close();
  await small.restart();
  const { did } = await small.newPerson('lea');
  expect((await all.setHandle(did, 'lea2.test')).status).toBe(200);
  expect((await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'lea2.test' } })).json).toEqual({ did });
});
