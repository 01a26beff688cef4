/** Random histories with forks, judged by a plain model of did:plc's recovery rules; and both sides of the 72 hours. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { plcRecoveryWindowMs, verifyPlcLog } from '@dunlin/protocol/identity/plc-log';
import { plcOperationCid, signPlcOperation, type SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { OperationLog } from '../../plc/src/log.ts';
import { migrations } from '../../plc/src/schema.ts';
import { submitOperation, type Submission } from '../../plc/src/submit.ts';
import { following, genesis, keys, tombstone, update } from './operations.ts';

const noLimits = { perHour: 1e9, perDay: 1e9, perWeek: 1e9 };
const startMs = Date.UTC(2026, 0, 1);
let database: Database;
let log: OperationLog;

beforeEach(() => {
  database = openDatabase(':memory:', { migrations });
  log = new OperationLog(database);
});
afterEach(() => void database.close());

function submit(did: string, operation: SignedPlcOperation, nowMs: number): Submission {
  return submitOperation({ log, limits: noLimits, nowMs }, did, operation);
}

/** An operation in the model: a tree of parents, and who signed what when. */
interface Node {
  operation: SignedPlcOperation;
  parent: Node | null;
  /** Keys that may follow, strongest first; none behind a tombstone. */
  rotation: readonly number[];
  /** Place of its signer among the parent's keys. */
  rank: number;
  atMs: number;
  struck: boolean;
}

/** The rule, told by the tree: who may stand behind `parent`, and what falls when he does. */
function modelAccepts(nodes: readonly Node[], parent: Node, signer: number, atMs: number): { accepted: boolean; falls: Node[] } {
  const rank = parent.rotation.indexOf(signer);
  const heir = nodes.find((node) => node.parent === parent && !node.struck);
  const accepted = !parent.struck && rank >= 0 && (!heir || (rank < heir.rank && atMs - heir.atMs <= 72 * 3_600_000));
  if (!accepted || !heir) return { accepted, falls: [] };
  const isUnder = (node: Node | null): boolean => node !== null && (node === heir || isUnder(node.parent));
  return { accepted, falls: nodes.filter((node) => !node.struck && isUnder(node)) };
}

const step = fc.record({
  /** How far back from the newest operation the parent is; often the newest or near it. */
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }) }, { weight: 1, arbitrary: fc.nat(40) }),
  /** Place of the signer among the parent's keys; now and then somebody else signs. */
  rank: fc.oneof({ weight: 12, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.constant(9) }),
  rotation: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 1 }),
  isTombstone: fc.oneof({ weight: 12, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  waitMs: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 1, max: 3_600_000 }) },
    { weight: 3, arbitrary: fc.integer({ min: -2, max: 2 }).map((offset) => plcRecoveryWindowMs + offset) },
    { weight: 1, arbitrary: fc.constant(200 * 3_600_000) },
  ),
});

test('agrees with the model on every random history with forks, and keeps a log that verifies', () => {
  let accepted = 0;
  let recovered = 0;
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 24, size: 'max' }), fc.nat(3), (steps, genesisSigner) => {
    const rotationKeys = [0, 1, 2, 3].map((index) => keys[index].did);
    const first = genesis({ rotationKeys, alsoKnownAs: [`at://${Math.random()}`] }, keys[genesisSigner]);
    const { did } = first;
    let nowMs = startMs + (log.last()?.createdAtMs ?? 0);
    expect(submit(did, first.operation, nowMs)).toMatchObject({ outcome: 'stored', kind: 'genesis' });
    const nodes: Node[] = [{ operation: first.operation, parent: null, rotation: [0, 1, 2, 3], rank: genesisSigner, atMs: nowMs, struck: false }];
    for (const [index, { back, rank, rotation, isTombstone, waitMs }] of steps.entries()) {
      nowMs += waitMs;
      const parent = nodes[Math.max(0, nodes.length - 1 - back)];
      const signer = rank === 9 ? 4 : parent.rotation[rank % parent.rotation.length] ?? 4;
      const operation = isTombstone ? tombstone(parent.operation, keys[signer])
        : following(parent.operation, keys[signer], { rotationKeys: rotation.map((key) => keys[key].did), alsoKnownAs: [`at://step${index}.test`] });
      const expected = modelAccepts(nodes, parent, signer, nowMs);
      const newest = nodes.findLast((node) => !node.struck)!;
      const isRepeat = plcOperationCid(operation).equals(plcOperationCid(newest.operation));
      const got = submit(did, operation, nowMs);
      if (isRepeat) {
        expect(got.outcome).toBe('repeated');
        continue;
      }
      expect(got.outcome).toBe(expected.accepted ? 'stored' : 'refused');
      if (!expected.accepted) continue;
      accepted++;
      if (expected.falls.length > 0) recovered++;
      expect(got).toMatchObject(expected.falls.length > 0 ? { kind: 'recovery' } : { kind: isTombstone ? 'tombstone' : 'update' });
      for (const fallen of expected.falls) fallen.struck = true;
      nodes.push({ operation, parent, rotation: isTombstone ? [] : rotation, rank: parent.rotation.indexOf(signer), atMs: nowMs, struck: false });
    }
    const audit = log.page(did, 0, 1_000, true);
    expect(audit.map(({ cid, nullified }) => [cid, nullified])).toEqual(nodes.map(({ operation, struck }) => [plcOperationCid(operation).toString(), struck]));
    const standing = nodes.filter(({ struck }) => !struck);
    expect(log.page(did, 0, 1_000, false).map(({ operation }) => operation)).toEqual(standing.map(({ operation }) => operation));
    const newest = standing.at(-1)!.operation;
    expect(verifyPlcLog(did, audit)?.alsoKnownAs ?? null).toEqual(newest.type === 'plc_operation' ? newest.alsoKnownAs : null);
  }), { numRuns: 60 });
  expect(accepted).toBeGreaterThan(100);
  expect(recovered).toBeGreaterThan(5);
});

test.each([
  [plcRecoveryWindowMs - 1, 'stored'], [plcRecoveryWindowMs, 'stored'], [plcRecoveryWindowMs + 1, 'refused'],
] as const)('a stronger key may strike out %d ms afterwards: %s', (ageMs, outcome) => {
  const { did, operation } = genesis();
  const disputed = following(operation, keys[1]);
  submit(did, operation, startMs);
  submit(did, disputed, startMs + 1_000);
  submit(did, following(disputed, keys[2]), startMs + 1_000 + ageMs - 1);
  const recovery = submit(did, following(operation, keys[0], { alsoKnownAs: ['at://mine.test'] }), startMs + 1_000 + ageMs);
  expect(recovery).toMatchObject(outcome === 'stored' ? { outcome, kind: 'recovery' } : { outcome, reason: 'LateRecovery' });
  expect(log.page(did, 0, 10, true).map(({ nullified }) => nullified)).toEqual(outcome === 'stored' ? [false, true, true, false] : [false, false, false]);
});

test('neither an equal nor a weaker key may strike out', () => {
  const { did, operation } = genesis();
  submit(did, operation, startMs);
  submit(did, following(operation, keys[1]), startMs + 1);
  for (const key of [keys[1], keys[2], keys[4]]) {
    expect(submit(did, following(operation, key, { alsoKnownAs: ['at://other.test'] }), startMs + 2)).toMatchObject({ outcome: 'refused', reason: 'BadSignature' });
  }
});

test('a struck out operation cannot be built upon, nor come back', () => {
  const { did, operation } = genesis();
  const stolen = following(operation, keys[2], { rotationKeys: [keys[4].did] });
  submit(did, operation, startMs);
  submit(did, stolen, startMs + 1);
  submit(did, following(operation, keys[1], { rotationKeys: [keys[0].did] }), startMs + 2);
  expect(submit(did, following(stolen, keys[4]), startMs + 3)).toMatchObject({ outcome: 'refused', reason: 'Misordered' });
  expect(submit(did, stolen, startMs + 4)).toMatchObject({ outcome: 'refused', reason: 'BadSignature' });
  expect(log.newest(did)?.operation).toMatchObject({ rotationKeys: [keys[0].did] });
});

test('an operation struck out earlier cannot come back by its own recovery right', () => {
  const { did, operation } = genesis();
  const first = following(operation, keys[1], { alsoKnownAs: ['at://first.test'] });
  submit(did, operation, startMs);
  submit(did, first, startMs + 1);
  submit(did, following(operation, keys[0], { alsoKnownAs: ['at://second.test'] }), startMs + 2);
  expect(submit(did, first, startMs + 3)).toMatchObject({ outcome: 'refused' });
  expect(log.page(did, 0, 10, true).length).toBe(3);
});

test('a genesis must be signed by one of its own rotation keys', () => {
  const { did, operation } = genesis({}, keys[4]);
  expect(submit(did, operation, startMs)).toMatchObject({ outcome: 'refused', reason: 'BadSignature' });
});

test('nothing is stored when the last step of a transaction fails', () => {
  const { did, operation } = genesis();
  submit(did, operation, startMs);
  submit(did, following(operation, keys[1]), startMs + 1);
  database.exec("CREATE TRIGGER full BEFORE INSERT ON operation BEGIN SELECT RAISE(ABORT, 'disk is full'); END");
  expect(() => submit(did, following(operation, keys[0]), startMs + 2)).toThrow('disk is full');
  expect(log.page(did, 0, 10, true).map(({ nullified }) => nullified)).toEqual([false, false]);
});

test('keys that strike one another out store no more than five weeks of operations in one, and recoveries are never refused', () => {
  const limits = { perHour: 1e9, perDay: 1e9, perWeek: 6 };
  const rotationKeys = keys.slice(0, 5).map((key) => key.did);
  const { did, operation } = genesis({ rotationKeys });
  const outcomes: Submission[] = [];
  const put = (prev: SignedPlcOperation, signer: number): SignedPlcOperation | null => {
    const next = following(prev, keys[signer], { rotationKeys, alsoKnownAs: [`at://a${outcomes.length}.test`] });
    outcomes.push(submitOperation({ log, limits, nowMs: startMs + outcomes.length }, did, next));
    return outcomes.at(-1)?.outcome === 'stored' ? next : null;
  };
  // Weakest first at each place, and below each of them the same again, as long as it is let.
  const nest = (prev: SignedPlcOperation, depth: number): void => {
    for (let signer = 4; signer >= 0 && outcomes.length < 500; signer--) {
      const next = put(prev, signer);
      if (next === null) return;
      if (depth > 0) nest(next, depth - 1);
    }
  };
  submitOperation({ log, limits, nowMs: startMs }, did, operation);
  nest(operation, 4);
  expect(outcomes).toContainEqual({ outcome: 'limited', limit: 30, windowMs: 604_800_000 });
  const stored = outcomes.filter((each) => each.outcome === 'stored');
  expect(stored.filter((each) => each.kind !== 'recovery').length).toBeLessThan(30);
  expect(stored.length).toBeLessThan(60);
  const firstLimited = outcomes.findIndex((each) => each.outcome === 'limited');
  expect(outcomes.slice(firstLimited)).toContainEqual(expect.objectContaining({ outcome: 'stored', kind: 'recovery' }));
});

test('every kind of operation signs and reads back with the same cid', () => {
  const signed = signPlcOperation(update({ services: { a: { type: 'A', endpoint: 'x' }, é: { type: '', endpoint: '💥' } } }), keys[0]);
  const stored = genesis({ services: signed.services });
  submit(stored.did, stored.operation, startMs);
  const entry = log.newest(stored.did)!;
  expect(plcOperationCid(entry.operation).toString()).toBe(entry.cid);
});
