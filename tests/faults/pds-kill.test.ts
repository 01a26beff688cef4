/**
 * A PDS killed with -9 under write load, again and again: every answered write is there and was told once, repositories verify,
 * and what a repository holds is exactly what its events told (invariants 1 and 2).
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import type { CommitEvent } from '@dunlin/protocol/stream/event';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { startDunlin, type StartedProcess } from '../harness/process.ts';
import { freePort, temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { call, Subscriber, type Seen } from '../pds/small-pds.ts';

const kills = 3;
const people = 6;
const writesBeforeKill = 150;

interface Person {
  did: string;
  token: string;
  /** CID by path of every write that was answered. */
  answered: Map<string, string>;
}

let plc: RunningPlc;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let environment: Record<string, string>;
let server: StartedProcess;
beforeAll(async () => {
  folder = await temporaryFolder();
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  // The port is part of the server's name in development, so it stays.
  environment = {
    PDS_HOSTNAME: 'localhost', PDS_PORT: String(await freePort()), PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DEV_MODE: 'true',
    PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: '.test',
  };
  server = await startDunlin(['pds'], environment);
}, 60_000);
afterAll(async () => {
  await server?.stop('SIGKILL');
  await plc?.close();
  await folder?.remove();
});

const url = (): string => String(server.ready['url']);

/** Writes until the server goes away; gives how many were answered. */
async function writeUntilGone(person: Person, round: number, onAnswer: () => void): Promise<void> {
  for (let n = 0; ; n++) {
    const path = `com.example.kill/r${round}-${n}`;
    const [collection, rkey] = path.split('/');
    const body = { repo: person.did, collection, rkey, record: { round, n } };
    const answer = await call(url(), 'com.atproto.repo.createRecord', { body, token: person.token }).catch(() => null);
    if (answer === null) return;
    if (answer.status !== 200) throw new Error(`write was refused: ${answer.bytes.toString()}`);
    person.answered.set(path, String(answer.json['cid']));
    onAnswer();
  }
}

/** Every event, from the oldest to the last one there is. */
async function readAll(last: string): Promise<Seen[]> {
  const subscriber = new Subscriber(url(), 0);
  try {
    await eventually('the last event is seen', () => subscriber.seen.some((event) => event.kind === 'commit' && event.rev === last), 20_000);
    return subscriber.seen;
  } finally {
    subscriber.close();
  }
}

async function checkPerson({ did, token, answered }: Person, events: readonly CommitEvent[]): Promise<void> {
  const { json } = await call(url(), 'com.atproto.identity.getRecommendedDidCredentials', { token });
  const key = parseDidKey((json['verificationMethods'] as { atproto: string }).atproto);
  const { bytes } = await call(url(), 'com.atproto.sync.getRepo', { params: { did } });
  const repo = verifyRepoCar(bytes, did, key);
  const held = new Map([...walkEntries(repo.blocks, repo.commit.data)].map(({ key: path, value }) => [path, value.toString()]));
  for (const [path, cid] of answered) expect([path, held.get(path)]).toEqual([path, cid]);
  const mine = events.filter((event) => event.did === did);
  const told = mine.flatMap(({ ops }) => ops.map(({ path, cid }) => [path, String(cid)] as const));
  expect(new Map(told)).toEqual(held);
  expect(told).toHaveLength(held.size);
  for (const [index, { since }] of mine.entries()) expect(since).toBe(mine[index - 1]?.rev ?? null);
  expect(mine.at(-1)?.commit.toString()).toBe(repo.cid.toString());
}

test('every answered write outlives kill -9 and is sequenced once', async () => {
  const crowd: Person[] = [];
  for (let n = 0; n < people; n++) {
    const { json } = await call(url(), 'com.atproto.server.createAccount', { body: { handle: `writer${n}.test` } });
    crowd.push({ did: String(json['did']), token: String(json['accessJwt']), answered: new Map() });
  }
  for (let round = 0; round < kills; round++) {
    let count = 0;
    const enough = Promise.withResolvers<void>();
    const writing = crowd.map((person) => writeUntilGone(person, round, () => void (++count === writesBeforeKill && enough.resolve())));
    await enough.promise;
    await delay(Math.random() * 20);
    await server.stop('SIGKILL');
    await Promise.all(writing);
    server = await startDunlin(['pds'], environment);
  }
  const final = await call(url(), 'com.atproto.repo.createRecord', { body: { repo: crowd[0].did, collection: 'com.example.kill', rkey: 'last', record: {} }, token: crowd[0].token });
  const events = await readAll((final.json['commit'] as { rev: string }).rev);
  const seqs = events.map((event) => ('seq' in event ? event.seq : Number.NaN));
  for (const [index, seq] of seqs.entries()) if (index > 0) expect(seq).toBeGreaterThan(seqs[index - 1]);
  const commits = events.filter((event) => event.kind === 'commit');
  expect(crowd.reduce((sum, { answered }) => sum + answered.size, 0)).toBeGreaterThanOrEqual(kills * writesBeforeKill);
  for (const person of crowd) await checkPerson(person, commits);
}, 60_000);
