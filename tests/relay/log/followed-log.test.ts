/** A log that is followed by its files gives what the log itself gives, through roll-overs, removals and takedowns. */
import { createHash } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { FollowedLog, type LogGrowth } from '@dunlin/relay/log/followed-log';
import type { RelaySlice } from '@dunlin/relay/log/group';
import { hashDid } from '@dunlin/relay/log/did-hash';
import type { RelayLog } from '@dunlin/relay/log/relay-log';
import { scrubLog } from '@dunlin/relay/log/scrub';
import { eventually } from '../../harness/wait.ts';
import { firstSeq, makeEvent, makeFolder, openLog } from './log-fixture.ts';

const followed: FollowedLog[] = [];
afterEach(async () => {
  for (const log of followed.splice(0)) await log.close();
});

const growthOf = (log: RelayLog): LogGrowth => ({ headSeq: log.headSeq(), segments: log.segments.map(({ header, count, datBytes }) => ({ header, count, datBytes })) });

function follow(log: RelayLog): { reader: FollowedLog; told: RelaySlice[] } {
  const reader = new FollowedLog(log.folder, growthOf(log));
  followed.push(reader);
  const told: RelaySlice[] = [];
  reader.onAppend((slice) => void told.push(slice));
  return { reader, told };
}

async function append(log: RelayLog, count: number, did?: string): Promise<void> {
  for (let index = 0; index < count; index++) log.append(makeEvent(1_000, index % 250, did));
  await log.settled();
}

/** What slices hold together. */
interface Whole {
  readonly sha256: string;
  readonly timesMs: number[];
}

/** Everything a log gives. */
async function all(log: Pick<RelayLog, 'read'>): Promise<Whole> {
  const slices: RelaySlice[] = [];
  for (let seq = 0; ; seq = slices.at(-1)!.lastSeq) {
    const slice = await log.read(seq, 10_000);
    if (slice === null) return join(slices);
    slices.push(slice);
  }
}

const join = (slices: readonly RelaySlice[]): Whole => (
  { sha256: createHash('sha256').update(Buffer.concat(slices.map(({ bytes }) => bytes))).digest('hex'), timesMs: slices.flatMap(({ timesMs }) => timesMs) });

test('an event does not exist before the writer says so; then listeners hear it and it can be read', async () => {
  const log = await openLog(await makeFolder());
  const { reader, told } = follow(log);
  await append(log, 3);
  expect([reader.headSeq(), await reader.read(0, 1_000_000), told]).toEqual([firstSeq - 1, null, []]);
  reader.grow(growthOf(log));
  expect([reader.headSeq(), reader.oldestSeq()]).toEqual([firstSeq + 2, firstSeq]);
  expect(join(told)).toEqual(await all(log));
  expect(await all(reader)).toEqual(await all(log));
  expect(await reader.seqAtTime(0)).toBe(await log.seqAtTime(0));
});

test('growth over many segments and megabytes is told whole and in order, however late', async () => {
  const log = await openLog(await makeFolder(), { segmentBytes: 300_000 });
  const { reader, told } = follow(log);
  for (let round = 0; round < 40; round++) await append(log, 100);
  expect(log.segments.length).toBeGreaterThan(10);
  reader.grow(growthOf(log));
  await eventually('all is told', () => told.at(-1)?.lastSeq === log.headSeq());
  expect(join(told)).toEqual(await all(log));
  expect(told.map(({ firstSeq: first }) => first)).toEqual([firstSeq, ...told.slice(0, -1).map(({ lastSeq }) => lastSeq + 1)]);
  expect(await all(reader)).toEqual(await all(log));
});

test('what is removed before it could be told is told first', async () => {
  const log = await openLog(await makeFolder(), { segmentBytes: 3_000_000 });
  const { reader, told } = follow(log);
  for (let round = 0; round < 5; round++) await append(log, 1_000);
  const whole = await all(log);
  reader.grow(growthOf(log));
  await reader.dropOldest();
  await eventually('all is told', () => told.at(-1)?.lastSeq === log.headSeq());
  expect(join(told)).toEqual(whole);
});

test('a segment that is removed is gone here before its files are', async () => {
  const log = await openLog(await makeFolder(), { segmentBytes: 50_000 });
  await append(log, 40);
  await append(log, 40);
  const { reader } = follow(log);
  const seen: [number, number][] = [];
  log.beforeRemoval(async () => {
    await reader.dropOldest();
    seen.push([reader.oldestSeq(), log.oldestSeq()]);
    expect((await reader.read(0, 1_000))?.firstSeq).toBe(firstSeq + 40);
  });
  expect(await log.removeOldest()).toBe(true);
  expect(seen).toEqual([[firstSeq + 40, firstSeq + 40]]);
  expect(await all(reader)).toEqual(await all(log));
});

test('events that are taken down before they were read are pong frames, and the rest is told', async () => {
  const log = await openLog(await makeFolder());
  const { reader, told } = follow(log);
  await append(log, 2, 'did:plc:one');
  await append(log, 2, 'did:plc:two');
  await scrubLog(log, hashDid('did:plc:one'), () => true);
  reader.grow(growthOf(log));
  expect(join(told)).toEqual(await all(log));
  expect(told[0]?.bytes[0]).toBe(0x8a);
  expect(await all(reader)).toEqual(await all(log));
});
