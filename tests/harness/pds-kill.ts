/**
 * A PDS killed with -9 under write load, again and again: every answered write is there and was told once, repositories verify,
 * and what a repository holds is exactly what its events told (invariants 1 and 2).
 * Place: tests/faults (a few rounds) and tests/soak (many). Source: ours.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import type { CommitEvent } from '@dunlin/protocol/stream/event';
import { silentLogger } from '@dunlin/service/log/logger';
import { eventFolder, listEventFiles } from '../../pds/src/sequencer/event-files.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { call, Subscriber, type Seen } from '../pds/small-pds.ts';
import { startDunlin, type StartedProcess } from './process.ts';
import type { KillOptions } from './relay-kill.ts';
import { freePort, temporaryFolder } from './temporary.ts';
import { eventually } from './wait.ts';

const people = 6;
const writesBeforeKill = 150;
const patienceMs = 60_000;

interface Person {
  did: string;
  token: string;
  /** CID by path of every write that was answered. */
  answered: Map<string, string>;
}

/** Does it all and gives a sentence of what was done. @throws at the first write that is lost, changed or told twice */
export async function killPds(o: KillOptions): Promise<string> {
  const folder = await temporaryFolder();
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  // The port is part of the server's name in development, so it stays.
  const run = new Run({
    PDS_HOSTNAME: 'localhost', PDS_PORT: String(await freePort()), PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DEV_MODE: 'true',
    PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: '.test',
    // Small, so that events go to files all the time.
    PDS_EVENT_RUN_BYTES: '4096',
  });
  try {
    return await run.all(o);
  } finally {
    await run.server?.stop('SIGKILL');
    await plc.close();
    await folder.remove();
  }
}

/** One PDS's life in many processes. */
class Run {
  server: StartedProcess | null = null;
  readonly #environment: Record<string, string>;

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
  }

  get #url(): string {
    return String(this.server?.ready['url']);
  }

  async all({ rounds, random, onRound }: KillOptions): Promise<string> {
    this.server = await startDunlin(['pds'], this.#environment);
    const crowd: Person[] = [];
    for (let n = 0; n < people; n++) crowd.push(await this.#newPerson(n));
    for (let round = 0; round < rounds; round++) {
      onRound?.(round, answers(crowd));
      let count = 0;
      const enough = Promise.withResolvers<void>();
      const writing = crowd.map((person) => this.#writeUntilGone(person, round, () => void (++count === writesBeforeKill && enough.resolve())));
      await Promise.race([enough.promise, Promise.all(writing)]);
      await delay(random() * 20);
      await this.server.stop('SIGKILL');
      await Promise.all(writing);
      this.server = await startDunlin(['pds'], this.#environment);
    }
    const events = await this.#readAll(await this.#writeLast(crowd[0]!));
    let last = 0;
    for (const event of events) {
      const seq = 'seq' in event ? event.seq : Number.NaN;
      assert(seq > last, `seq came twice or out of order: seq=${seq} last=${last}`);
      last = seq;
    }
    const files = listEventFiles(eventFolder(this.#environment['PDS_DATA_DIRECTORY']!));
    assert(files.length > 0, 'no event went to a file');
    const commits = events.filter((event) => event.kind === 'commit');
    assert(answers(crowd) >= rounds * writesBeforeKill, 'too few writes were answered');
    for (const person of crowd) await this.#checkPerson(person, commits);
    return `${rounds} kills, ${answers(crowd)} writes answered and all there, ${commits.length} commits told once each`;
  }

  async #newPerson(n: number): Promise<Person> {
    const { json } = await call(this.#url, 'com.atproto.server.createAccount', { body: { handle: `writer${n}.test` } });
    return { did: String(json['did']), token: String(json['accessJwt']), answered: new Map() };
  }

  /** Writes until the server goes away. */
  async #writeUntilGone(person: Person, round: number, onAnswer: () => void): Promise<void> {
    for (let n = 0; ; n++) {
      const path = `com.example.kill/r${round}-${n}`;
      const [collection, rkey] = path.split('/');
      const body = { repo: person.did, collection, rkey, record: { round, n } };
      const answer = await call(this.#url, 'com.atproto.repo.createRecord', { body, token: person.token }).catch(() => null);
      if (answer === null) return;
      if (answer.status !== 200) throw new Error(`write was refused: ${answer.bytes.toString()}`);
      person.answered.set(path, String(answer.json['cid']));
      onAnswer();
    }
  }

  /** Writes once more and gives the rev. */
  async #writeLast({ did, token }: Person): Promise<string> {
    const { json } = await call(this.#url, 'com.atproto.repo.createRecord', { body: { repo: did, collection: 'com.example.kill', rkey: 'last', record: {} }, token });
    return (json['commit'] as { rev: string }).rev;
  }

  /** Every event, from the oldest to the last one there is. */
  async #readAll(last: string): Promise<Seen[]> {
    const subscriber = new Subscriber(this.#url, 0);
    try {
      await eventually('the last event is seen', () => subscriber.seen.some((event) => event.kind === 'commit' && event.rev === last), patienceMs);
      return subscriber.seen;
    } finally {
      subscriber.close();
    }
  }

  async #checkPerson({ did, token, answered }: Person, events: readonly CommitEvent[]): Promise<void> {
    const { json } = await call(this.#url, 'com.atproto.identity.getRecommendedDidCredentials', { token });
    const key = parseDidKey((json['verificationMethods'] as { atproto: string }).atproto);
    const { bytes } = await call(this.#url, 'com.atproto.sync.getRepo', { params: { did } });
    const repo = verifyRepoCar(bytes, did, key);
    const held = new Map([...walkEntries(repo.blocks, repo.commit.data)].map(({ key: path, value }) => [path, value.toString()]));
    for (const [path, cid] of answered) assert.equal(held.get(path), cid, `answered write is lost: ${path} of ${did}`);
    const mine = events.filter((event) => event.did === did);
    const told = mine.flatMap(({ ops }) => ops.map(({ path, cid }) => [path, String(cid)] as const));
    assert.deepEqual(new Map(told), held);
    assert.equal(told.length, held.size, `a write was told twice: ${did}`);
    for (const [index, { since }] of mine.entries()) assert.equal(since, mine[index - 1]?.rev ?? null, `chain is broken: ${did}`);
    assert.equal(mine.at(-1)?.commit.toString(), repo.cid.toString());
  }
}

function answers(crowd: readonly Person[]): number {
  return crowd.reduce((sum, { answered }) => sum + answered.size, 0);
}
