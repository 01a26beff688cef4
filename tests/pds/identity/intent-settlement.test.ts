/** What becomes of DIDs when their changes are settled late: nothing is ended or changed that somebody else rules, or has in use. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { markRestored, restoredMark } from '@dunlin/pds/backup/after-restore';
import { IdentityChanges, settleBackoff } from '@dunlin/pds/identity/identity-changes';
import { IntentStore } from '@dunlin/pds/identity/intent-store';
import { identityIntentSchema } from '@dunlin/pds/identity/schema';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { eventually } from '../../harness/wait.ts';
import type { Answer } from '../small-pds.ts';
import { startTroubled, type Troubled } from './silent-directory.ts';

let all: Troubled;
beforeAll(async () => { all = await startTroubled(); });
afterAll(() => all?.close());

const unheard = { status: 502, json: { error: 'UpstreamFailure' } };
const person = Keypair.generate('k256');
const signUp = (handle: string): Promise<Answer> => all.small.call('com.atproto.server.createAccount', { body: { handle, password: 'x', recoveryKey: person.did } });
const statusOf = async (did: string): Promise<number> => (await fetch(`${all.small.plc.url}/${did}`)).status;
const onlyIntent = (): string => all.database.prepare<[], string>('SELECT did FROM identity_intent').pluck().all().join();

/** A sign-up whose DID the directory made, and of which nobody heard; the directory is down after it. */
async function cutOffSignUp(handle: string): Promise<string> {
  all.mood = 'mute';
  expect(await signUp(handle)).toMatchObject(unheard);
  const did = onlyIntent();
  expect(await statusOf(did)).toBe(200);
  return did;
}

/** Starts the server again with the directory in order. */
async function settleAnew(): Promise<void> {
  all.mood = 'well';
  await all.small.restart();
  await all.allSettled();
}

/** Starts the server again, and lets it ask the directory only when `meanwhile` is done. */
async function settleAfter(meanwhile: () => Promise<void>): Promise<void> {
  await all.small.restart();
  await meanwhile();
  all.mood = 'well';
  await all.allSettled();
}

test('a DID of a sign-up that was cut off is ended, once, and its handle can be had', async () => {
  const did = await cutOffSignUp('ann.test');
  expect(await signUp('ann.test')).toMatchObject(unheard);
  expect(onlyIntent()).toBe(did);
  await settleAnew();
  expect(await statusOf(did)).toBe(410);
  expect(await all.operationsOf(did)).toMatchObject([{ type: 'plc_operation' }, { type: 'plc_tombstone' }]);
  expect((await signUp('ann.test')).status).toBe(200);
});

test('a DID whose account could not be stored is ended by the job when the disk is well again', async () => {
  const { database, small } = all;
  database.exec("CREATE TRIGGER cut_off BEFORE DELETE ON identity_intent BEGIN SELECT RAISE(ABORT, 'cut off'); END");
  expect((await signUp('bert.test')).status).toBe(500);
  const did = onlyIntent();
  expect(all.handleOf(did)).toBe(undefined);
  database.exec('DROP TRIGGER cut_off');
  await all.allSettled();
  expect(await statusOf(did)).toBe(410);
  expect(small.errors.splice(0).join('')).toContain('cut off');
  expect((await signUp('bert.test')).status).toBe(200);
});

test('a handle of a sign-up that the directory does not know can be had at once, and the DID is ended if it comes after all', async () => {
  const did = await cutOffSignUp('cora.test');
  // As if the operation were still on its way: the directory is asked about a DID it does not know.
  const unknown = did.replace(/.{4}$/, 'aaaa');
  all.database.prepare('UPDATE identity_intent SET did = ? WHERE did = ?').run(unknown, did);
  all.mood = 'well';
  expect((await signUp('cora.test')).status).toBe(200);
  expect(onlyIntent()).toBe(unknown);
  all.mood = 'down';
  all.database.prepare('UPDATE identity_intent SET did = ? WHERE did = ?').run(did, unknown);
  await settleAnew();
  expect(await statusOf(did)).toBe(410);
  expect((await all.small.call('com.atproto.identity.resolveHandle', { params: { handle: 'cora.test' } })).json['did']).not.toBe(did);
});

test.each([
  ['that its person changed since', async (did: string) => all.changeDid(did, { alsoKnownAs: ['at://mine.example'] }, person)],
  ['of which nothing was heard for an hour', () => all.database.exec('UPDATE identity_intent SET begun_at = begun_at - 3600000')],
  ['of a time that has not come yet, so that its age is not known', () => all.database.exec('UPDATE identity_intent SET begun_at = begun_at + 3600000')],
])('a new DID %s is not ended', async (_what, meanwhile) => {
  const handle = `dan${all.sent.length}.test`;
  const did = await cutOffSignUp(handle);
  const sent = all.sent.length;
  await meanwhile(did);
  await settleAnew();
  expect(await statusOf(did)).toBe(200);
  expect(all.sent).toHaveLength(sent);
  expect((await signUp(handle)).status).toBe(200);
});

test('a new DID is not ended when the data were restored from a backup: its account may have been made since', async () => {
  const did = await cutOffSignUp('eve.test');
  const sent = all.sent.length;
  await markRestored(all.small.dataDirectory, { restoredAtMs: Date.now(), backup: null });
  await settleAfter(() => Promise.resolve());
  expect(await statusOf(did)).toBe(200);
  expect(all.sent).toHaveLength(sent);
  rmSync(join(all.small.dataDirectory, restoredMark), { force: true });
});

test('a DID that an account has in use is not ended, whatever an intent says', async () => {
  const { did } = await all.small.newPerson('flo');
  const [genesis] = await all.operationsOf(did);
  const { database } = all;
  all.mood = 'down';
  database.prepare('INSERT INTO identity_intent (did, operation, begun_at) VALUES (?, ?, ?)').run(did, JSON.stringify(genesis), Date.now());
  const sent = all.sent.length;
  await settleAnew();
  expect(await statusOf(did)).toBe(200);
  expect(all.sent).toHaveLength(sent);
});

/** A change to a handle that the directory took, and that another account here has all the same. */
async function crossedNames(name: string, parts: () => object): Promise<string> {
  const [mine, other] = [await all.small.newPerson(name), await all.small.newPerson(`${name}b`)];
  all.mood = 'mute';
  expect(await all.setHandle(mine.did, `${name}c.test`)).toMatchObject(unheard);
  await settleAfter(async () => {
    all.database.prepare('UPDATE account SET handle = ? WHERE did = ?').run(`${name}c.test`, other.did);
    await all.changeDid(mine.did, parts());
  });
  expect([all.handleOf(mine.did), all.handleOf(other.did)]).toEqual([`${name}.test`, `${name}c.test`]);
  return mine.did;
}

/** At each start the server has another port here, and so another address. */
const atHome = (): object => ({ services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: all.small.url } } });

test('a document that names this server gets the name back that its account has, when another account has the new one', async () => {
  const did = await crossedNames('gus', atHome);
  const operations = await all.operationsOf(did);
  expect(operations).toHaveLength(4);
  expect(operations[3]).toMatchObject({ alsoKnownAs: ['at://gus.test'], services: operations[2]!.services });
});

test('a document that names another server, or is ruled by the keys of others, keeps the name', async () => {
  const sent = all.sent.length;
  const elsewhere = await crossedNames('hal', () => ({ services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example.org' } } }));
  const others = await crossedNames('ida', () => ({ ...atHome(), rotationKeys: [person.did] }));
  for (const did of [elsewhere, others]) expect(await all.operationsOf(did)).toHaveLength(3);
  // Two genesis operations and a change for each.
  expect(all.sent).toHaveLength(sent + 6);
});

test('a directory that is silent is asked about three DIDs at a time, at longer and longer waits, and about all once it speaks', async () => {
  const clock = new ManualClock(0);
  const intents = new IntentStore(openDatabase(':memory:', { migrations: [identityIntentSchema] }));
  const dids = Array.from({ length: 7 }, (_, n) => `did:plc:${'abcdefg'[n]}`);
  const [genesis] = await all.operationsOf((await all.small.newPerson('kim')).did);
  for (const did of dids) intents.add({ did, accountId: null, handle: null, signingKey: null, operation: genesis as never, begunAtMs: 0 });
  let [asked, isSilent]: [string[], boolean] = [[], true];
  const settle = async (did: string): Promise<void> => {
    asked.push(did.slice(-1));
    if (isSilent) throw new XrpcError(502, 'UpstreamFailure', 'silent');
    intents.remove(did);
  };
  const none = {} as never;
  const changes = new IdentityChanges({ intents, settlement: { settle } as never, accounts: none, plc: none, groups: none, clock, onFault: (fault) => { throw fault; } });
  await changes.start({ isRestored: false });
  const heard = async (letters: string): Promise<void> => {
    await eventually(letters, () => asked.join('') === letters && clock.waiting > 0);
    asked = [];
  };
  await heard('abc');
  for (const [waitMs, letters] of [[2_000, 'def'], [4_000, 'g'], [8_000, 'abc']] as const) {
    clock.advance(waitMs - 1);
    expect(asked).toEqual([]);
    clock.advance(1);
    await heard(letters);
  }
  isSilent = false;
  clock.advance(16_000);
  await heard('defg');
  clock.advance(settleBackoff.minMs);
  await eventually('all are settled', () => intents.count() === 0);
  expect([asked.join(''), clock.waiting]).toEqual(['abc', 0]);
  await changes.close();
});
