/**
 * Tree nodes in the database, against a plain model: after any history of commits, of writes that fail and of restarts, the
 * tables hold just the nodes of the tree, each once, and an export gives the model's records.
 */
import { expect, test } from '@jest/globals';
import { array, assert, asyncProperty, boolean, constantFrom, integer, oneof, record, type Arbitrary } from 'fast-check';
import { systemClock } from '@dunlin/protocol/base/clock';
import { readVarint } from '@dunlin/protocol/base/varint';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidByteLength, cidForCbor, cidTextOf } from '@dunlin/protocol/data/cid';
import { applyWrites, type RepoHead } from '@dunlin/protocol/repo/apply';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { TidClock } from '@dunlin/protocol/repo/tid';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { CommitStore } from '../../../pds/src/repo/commit-store.ts';
import { RepoSnapshot } from '../../../pds/src/repo/export-blocks.ts';
import { pieceBytes } from '../../../pds/src/repo/export-car.ts';
import { HeadStore } from '../../../pds/src/repo/head-store.ts';
import { NodeStore } from '../../../pds/src/repo/node-store.ts';
import { decodeRecent, type RecentNode } from '../../../pds/src/repo/recent-nodes.ts';
import { RecordStore } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';
import { GroupCommit, type WriteGroup } from '../../../pds/src/sequencer/group-commit.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';

const account = 7;

/** Gives the CID of each block of a CAR, in order, repeated ones too. (`export-car.test.ts` looks at the blocks themselves.) */
function sections(car: Buffer): string[] {
  const cids: string[] = [];
  let offset = 0;
  const take = (): Buffer => {
    const { value, length } = readVarint(car, offset);
    offset += length + value;
    return car.subarray(offset - value, offset);
  };
  take();
  while (offset < car.length) {
    cids.push(cidTextOf(take().subarray(0, cidByteLength)));
  }
  return cids;
}

const did = 'did:web:model.org';
const keypair = Keypair.generate();
const tids = new TidClock(systemClock);

/** A commit of some keys (each created, changed or removed, by what stands there), a commit that fails, or a restart. */
type Step =
  | { kind: 'commit'; keys: number[]; isUpdate: boolean; together: boolean }
  | { kind: 'fail'; keys: number[] }
  | { kind: 'restart' };

const anyKeys = (): Arbitrary<number[]> => oneof(
  array(integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 5 }),
  array(integer({ min: 0, max: 400 }), { minLength: 20, maxLength: 120, size: 'max' }),
);
const anyStep = (): Arbitrary<Step> => oneof(
  { weight: 8, arbitrary: record({ kind: constantFrom('commit' as const), keys: anyKeys(), isUpdate: boolean(), together: boolean() }) },
  { weight: 1, arbitrary: record({ kind: constantFrom('fail' as const), keys: anyKeys() }) },
  { weight: 1, arbitrary: record({ kind: constantFrom('restart' as const) }) },
);

class Model {
  readonly database: Database = openDatabase(':memory:', { migrations: [repoSchema + sequencerSchema + eventRunSchema] });
  readonly groups = new GroupCommit({ database: this.database, sequencer: new Sequencer(this.database, systemClock), clock: systemClock });
  readonly held = new Map<string, string>();
  heads!: HeadStore;
  nodes!: NodeStore;
  commits!: CommitStore;
  #count = 0;

  constructor() {
    this.restart();
  }

  restart(): void {
    this.heads = new HeadStore(this.database);
    this.nodes = new NodeStore(this.database, { cacheBytes: 100_000 });
    this.commits = new CommitStore(this.nodes, new RecordStore(this.database));
  }

  /** Prepares writes as the model stands: what is there is changed or removed, what is not is created. */
  plan(keys: number[], isUpdate: boolean): PreparedWrite[] {
    return [...new Set(keys)].map((key): PreparedWrite => {
      const place = { collection: 'com.example.model', rkey: `k${key}` };
      const isThere = this.held.has(`${place.collection}/${place.rkey}`);
      if (isThere && !isUpdate) return { action: 'delete', ...place };
      const bytes = encode({ $type: place.collection, count: key % 3 === 0 ? 0 : this.#count++ });
      return { action: isThere ? 'update' : 'create', ...place, cid: cidForCbor(bytes), bytes };
    });
  }

  note(writes: readonly PreparedWrite[]): void {
    for (const write of writes) {
      const path = `${write.collection}/${write.rkey}`;
      if (write.action === 'delete') this.held.delete(path);
      else this.held.set(path, write.cid.toString());
    }
  }

  commit(group: WriteGroup, writes: readonly PreparedWrite[]): void {
    const head: RepoHead | null = this.heads.find(account);
    const reader = this.commits.reader(account);
    const commit = applyWrites({ source: reader, head, did, keypair, rev: tids.next(head?.rev), writes, heldElsewhere: () => true });
    this.commits.store(account, commit, { previous: head?.cid ?? null, reader, group });
    const next = { cid: commit.cid, rev: commit.rev, data: commit.data };
    this.heads.set(account, next, commit.newBlocks.get(commit.cid)!);
    group.afterCommit(() => this.heads.remember(account, next));
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'restart') return this.restart();
    if (step.kind === 'fail') {
      const writes = this.plan(step.keys, true);
      const failing = this.groups.write((group) => {
        this.commit(group, writes);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      return;
    }
    const writes = this.plan(step.keys, step.isUpdate);
    this.note(writes);
    const asked = [this.groups.write((group) => this.commit(group, writes))];
    if (step.together) {
      const more = this.plan(step.keys.map((key) => key + 1), step.isUpdate);
      this.note(more);
      asked.push(this.groups.write((group) => this.commit(group, more)));
    }
    await Promise.all(asked);
  }

  check(): void {
    const snapshot = new RepoSnapshot(this.database);
    const head = snapshot.begin(account);
    const exported = head === null ? [] : sections(Buffer.concat([...snapshot.pieces(account, head)(() => Buffer.allocUnsafeSlow(pieceBytes))])).slice(1);
    snapshot.end();
    const row = this.database.prepare<[number], Buffer>('SELECT nodes FROM recent_node WHERE account = ?').pluck().get(account);
    const recent: RecentNode[] = row ? [...decodeRecent(row).values()] : [];
    const settled = this.database.prepare<[number], Buffer>('SELECT cid FROM node WHERE account = ?').pluck().all(account);
    const stored = [...settled, ...recent.map(({ cid }) => cid)].map((cid) => cidTextOf(cid));
    const records = new Set(this.held.values());
    expect(exported.filter((cid) => records.has(cid))).toHaveLength(this.held.size);
    expect(exported.filter((cid) => !records.has(cid)).toSorted()).toEqual(stored.toSorted());
    expect(this.nodes.count(account)).toBe(stored.length);
  }
}

test('the tables hold the nodes of the tree and no others, whatever happened', async () => {
  await assert(asyncProperty(array(anyStep(), { minLength: 1, maxLength: 40, size: 'max' }), async (steps) => {
    const model = new Model();
    try {
      for (const step of steps) {
        await model.take(step);
        model.check();
      }
    } finally {
      model.database.close();
    }
  }), { numRuns: 25 });
});
