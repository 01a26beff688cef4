/** Group commit: one transaction for many, each undone alone, nothing told before it is durable. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { GroupCommit, maxGroupWrites, maxWaitingWrites } from '../../../pds/src/sequencer/group-commit.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';

let database: Database;
let sequencer: Sequencer;
let groups: GroupCommit;
let sizes: number[];
beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [`${sequencerSchema} ${eventRunSchema} CREATE TABLE thing (name TEXT PRIMARY KEY) STRICT;`] });
  sequencer = new Sequencer(database, systemClock);
  sizes = [];
  groups = new GroupCommit({ database, sequencer, clock: systemClock, observer: { committed: ({ writes }) => void sizes.push(writes) } });
});
afterEach(() => void database.close());

const add = (name: string): void => void database.prepare('INSERT INTO thing VALUES (?)').run(name);
const names = (): unknown[] => database.prepare('SELECT name FROM thing ORDER BY name').pluck().all();
const stage = (account: number): number => sequencer.stage(account, { kind: 'identity', did: 'did:web:a.org', handle: null });

test('writes that arrive together share a transaction and each get their own result', async () => {
  expect(await Promise.all(['a', 'b', 'c'].map((name) => groups.write(() => { add(name); return name.toUpperCase(); })))).toEqual(['A', 'B', 'C']);
  expect([names(), sizes]).toEqual([['a', 'b', 'c'], [3]]);
});

test('a write that throws is undone alone, with its events and effects', async () => {
  const heard: number[] = [];
  const effects: string[] = [];
  sequencer.onAppend(({ firstSeq, lastSeq, count }) => heard.push(firstSeq, lastSeq, count));
  const write = (name: string, fault?: Error): Promise<number> => groups.write((group) => {
    group.afterCommit(() => void effects.push(name));
    add(name);
    const seq = stage(1);
    if (fault) throw fault;
    return seq;
  });
  const results = await Promise.allSettled([write('a'), write('b', new Error('no')), write('c')]);
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'undone'))).toEqual([1, 'undone', 2]);
  expect([names(), effects, heard, sequencer.headSeq()]).toEqual([['a', 'c'], ['a', 'c'], [1, 2, 2], 2]);
});

test('when the transaction itself fails, everybody is told and nothing is left', async () => {
  const heard: unknown[] = [];
  sequencer.onAppend((slice) => heard.push(slice));
  const first = groups.write(() => { add('a'); return stage(1); });
  const killer = groups.write(() => void database.prepare('ROLLBACK').run());
  const results = await Promise.allSettled([first, killer]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect([names(), heard, sequencer.headSeq()]).toEqual([[], [], 0]);
  expect(await groups.write(() => stage(1))).toBe(1);
});

test('events are told after they can be read, and before the writer is answered', async () => {
  const order: string[] = [];
  sequencer.onAppend(({ lastSeq }) => order.push(`told ${lastSeq}, in the table: ${String(sequencer.readTail(lastSeq - 1, 1_000) !== null)}, open: ${String(database.inTransaction)}`));
  await groups.write(() => stage(1)).then(() => order.push('answered'));
  expect(order).toEqual(['told 1, in the table: true, open: false', 'answered']);
});

test('a group has no more writes than its bound, and none is lost', async () => {
  await Promise.all(Array.from({ length: maxGroupWrites * 2 + 1 }, (_each, n) => groups.write(() => add(`n${n}`))));
  expect(sizes).toEqual([maxGroupWrites, maxGroupWrites, 1]);
  expect(names()).toHaveLength(maxGroupWrites * 2 + 1);
});

test('refuses to let more wait than its bound', async () => {
  const asked = Array.from({ length: maxWaitingWrites + 1 }, () => groups.write(() => true).catch((fault: { error: string }) => fault.error));
  const answers = await Promise.all(asked);
  expect(answers.filter((answer) => answer === true)).toHaveLength(maxWaitingWrites);
  expect(answers.at(-1)).toBe('NotEnoughResources');
});

test('refuses a write that is not synchronous', async () => {
  await expect(groups.write(async () => add('late'))).rejects.toThrow('a write is synchronous');
});

test('draining commits what waits at once', () => {
  void groups.write(() => add('a'));
  groups.drain();
  expect(names()).toEqual(['a']);
});
