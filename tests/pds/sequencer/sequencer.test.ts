/** The event table as a log: reading, forgetting, pruning, and seqs that are never given twice. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { EventFiles } from '../../../pds/src/sequencer/event-files.ts';
import { GroupCommit } from '../../../pds/src/sequencer/group-commit.ts';
import { Retention } from '../../../pds/src/sequencer/retention.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';
import { temporaryFolder } from '../../harness/temporary.ts';

const windowMs = 60_000;
let database: Database;
let clock: ManualClock;
let sequencer: Sequencer;
let groups: GroupCommit;
let retention: Retention;
let files: EventFiles;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
  files = new EventFiles(folder.path, []);
  database = openDatabase(':memory:', { migrations: [sequencerSchema, eventRunSchema] });
  clock = new ManualClock();
  open();
});
afterEach(async () => {
  database.close();
  await folder.remove();
});

function open(): void {
  sequencer = new Sequencer(database, clock);
  groups = new GroupCommit({ database, sequencer, clock });
  retention = new Retention({ database, sequencer, groups, files, clock, windowMs });
}

const stage = (account: number, padding = 0): Promise<number> =>
  groups.write(() => sequencer.stage(account, { kind: 'identity', did: `did:web:a${account}.org`, handle: 'x'.repeat(padding) }));

/** Takes a slice of WebSocket frames apart. */
function eventsOf(bytes: Buffer): { seq: number; did: string }[] {
  const events = [];
  for (let offset = 0; offset < bytes.length;) {
    const short = bytes[offset + 1];
    const [length, header] = short < 126 ? [short, 2] : short === 126 ? [bytes.readUInt16BE(offset + 2), 4] : [Number(bytes.readBigUInt64BE(offset + 2)), 10];
    events.push(decodeEvent(bytes.subarray(offset + header, offset + header + length)) as { kind: 'identity'; seq: number; did: string });
    offset += header + length;
  }
  return events;
}

test('is empty at first', () => {
  expect([sequencer.headSeq(), sequencer.oldestSeq(), sequencer.readTail(0, 1_000)]).toEqual([0, 1, null]);
});

test('reads what follows a seq, by bytes, at least one', async () => {
  for (const padding of [0, 200, 70_000]) await stage(1, padding);
  const all = sequencer.readTail(0, 1_000_000)!;
  expect([all.firstSeq, all.lastSeq, all.count, eventsOf(all.bytes).map(({ seq }) => seq)]).toEqual([1, 3, 3, [1, 2, 3]]);
  expect(sequencer.readTail(0, 500)).toMatchObject({ firstSeq: 1, lastSeq: 2 });
  expect(sequencer.readTail(2, 1)).toMatchObject({ firstSeq: 3, lastSeq: 3, count: 1 });
  expect(sequencer.readTail(3, 1)).toBeNull();
});

test('forgets one account whole, and no other', async () => {
  for (const account of [1, 2, 1, 1, 2]) await stage(account);
  await groups.write(() => sequencer.forget(1));
  sequencer.refreshOldest();
  expect(eventsOf(sequencer.readTail(0, 10_000)!.bytes).map(({ seq }) => seq)).toEqual([2, 5]);
  expect([sequencer.oldestSeq(), sequencer.headSeq()]).toEqual([2, 5]);
  expect(await stage(1)).toBe(6);
});

test('prunes by age, keeps the newest, and forgets accounts whose older events are gone', async () => {
  for (const account of [1, 2, 1]) await stage(account);
  clock.advance(windowMs);
  expect(await retention.prune()).toBe(0);
  await stage(1);
  clock.advance(1);
  expect(await retention.prune()).toBe(3);
  expect([sequencer.oldestSeq(), sequencer.headSeq()]).toEqual([4, 4]);
  clock.advance(10 * windowMs);
  expect(await retention.prune()).toBe(0);
  await groups.write(() => sequencer.forget(1));
  expect(sequencer.readTail(0, 1_000)).toBeNull();
});

test('never gives a seq twice, even when every event is gone and the server starts anew', async () => {
  for (let n = 0; n < 3; n++) await stage(1);
  await groups.write(() => sequencer.forget(1));
  open();
  expect([sequencer.headSeq(), sequencer.oldestSeq()]).toEqual([3, 4]);
  expect(await stage(1)).toBe(4);
});

test('finds the place of a moment', async () => {
  for (let n = 0; n < 10; n++) {
    await stage(1);
    clock.advance(1_000);
  }
  const startMs = clock.nowMs() - 10_000;
  expect([0, 1, 4_000, 4_001, 99_000].map((ms) => sequencer.seqAtTime(startMs + ms))).toEqual([0, 1, 4, 5, 10]);
});
