import { open, readdir } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { recordBytes, headerBytes } from '@dunlin/relay/log/record';
import { trimLog } from '@dunlin/relay/log/retention';
import { segmentPath } from '@dunlin/relay/log/segment-files';
import { expectedPayload, firstSeq, makeEvent, makeFolder, openLog, readAll } from './log-fixture.ts';

/** Where the kind of a record stands in .idx. */
const kindAt = (record: number): number => headerBytes + record * recordBytes + 14;

describe('append', () => {
  test('gives dense seqs from the initial one and tells listeners only what is durable, in order', async () => {
    const log = await openLog(await makeFolder());
    const heard: number[] = [];
    log.onAppend((slice) => {
      expect(log.headSeq()).toBeGreaterThanOrEqual(slice.lastSeq);
      for (let seq = slice.firstSeq; seq <= slice.lastSeq; seq++) heard.push(seq);
    });
    expect(log.headSeq()).toBe(firstSeq - 1);
    expect(log.oldestSeq()).toBe(firstSeq);
    const seqs = Array.from({ length: 50 }, (_, i) => log.append(makeEvent(100, i)));
    expect(log.headSeq()).toBe(firstSeq - 1);
    await log.settled();
    expect(heard).toEqual(seqs);
    expect(seqs).toEqual(Array.from({ length: 50 }, (_, i) => firstSeq + i));
    expect(log.pendingBytes).toBe(0);
  });

  test('keeps every byte but the seq, for each length of a WebSocket header', async () => {
    const log = await openLog(await makeFolder());
    const events = [60, 117, 118, 65_527, 65_528, 2_000_000].map((bytes, i) => makeEvent(bytes, i + 1));
    const seqs = events.map((event) => log.append(event));
    await log.settled();
    const { payloads } = await readAll(log, 0, 100_000);
    expect(payloads).toHaveLength(events.length);
    for (const [i, event] of events.entries()) expect(payloads[i]?.equals(expectedPayload(event, seqs[i] ?? 0))).toBe(true);
  });

  test('does not keep the memory of the caller', async () => {
    const log = await openLog(await makeFolder());
    const event = makeEvent(40, 9);
    const expected = expectedPayload(event, firstSeq);
    log.append(event);
    event.payload.fill(0);
    await log.settled();
    expect((await readAll(log, 0, 1000)).payloads[0]?.equals(expected)).toBe(true);
  });
});

describe('read', () => {
  test('starts right after the given seq and gives at least one event however small the limit', async () => {
    const log = await openLog(await makeFolder());
    for (let i = 0; i < 10; i++) log.append(makeEvent(1000, i));
    await log.settled();
    const slice = await log.read(firstSeq + 3, 1);
    expect(slice).toMatchObject({ firstSeq: firstSeq + 4, lastSeq: firstSeq + 4, count: 1 });
    expect(await log.read(firstSeq + 9, 1_000_000)).toBeNull();
    expect((await log.read(firstSeq - 100, 2100))?.count).toBe(2);
  });

  test('crosses segments without a gap', async () => {
    const log = await openLog(await makeFolder(), { segmentBytes: 3000 });
    const seqs: number[] = [];
    for (let i = 0; i < 20; i++) {
      seqs.push(log.append(makeEvent(1000, i)));
      await log.settled();
    }
    expect(log.segments.length).toBeGreaterThan(5);
    expect((await readAll(log, 0, 2500)).seqs).toEqual(seqs);
  });

  test('stops on a damaged frame of its own', async () => {
    const folder = await makeFolder();
    const log = await openLog(folder);
    log.append(makeEvent(1000, 3));
    await log.settled();
    const file = await open(`${segmentPath(folder, firstSeq)}.dat`, 'r+');
    await file.write(Buffer.from([99]), 0, 1, 500);
    await file.close();
    await expect(log.read(0, 5000)).rejects.toThrow('log frames are damaged');
  });
});

describe('seqAtTime', () => {
  test('finds the last event before a moment, over segments, also when the clock went back', async () => {
    const clock = new ManualClock(1_000_000);
    const log = await openLog(await makeFolder(), { clock, segmentBytes: 250 });
    for (let i = 0; i < 10; i++) {
      log.append(makeEvent(100, i));
      await log.settled();
      clock.advance(1000);
      if (i === 4) clock.setNow(1_002_000);
    }
    expect(await log.seqAtTime(0)).toBe(firstSeq - 1);
    expect(await log.seqAtTime(1_003_000)).toBe(firstSeq + 2);
    expect(await log.seqAtTime(1_003_001)).toBe(firstSeq + 3);
    expect(await log.seqAtTime(9_000_000)).toBe(firstSeq + 9);
  });
});

describe('retention', () => {
  test('removes whole segments by age and by bytes but never the newest, and readers go on from the oldest', async () => {
    const clock = new ManualClock(1_000_000);
    const folder = await makeFolder();
    const log = await openLog(folder, { clock, segmentAgeMs: 1000 });
    for (let i = 0; i < 5; i++) {
      log.append(makeEvent(1000, i));
      await log.settled();
      clock.advance(1000);
    }
    expect(log.segments).toHaveLength(5);
    expect(await trimLog(log, { windowMs: 3000, maxBytes: 1e9 }, clock.nowMs())).toBe(2);
    expect(log.oldestSeq()).toBe(firstSeq + 2);
    expect((await readAll(log, 0, 1e6)).seqs).toEqual([firstSeq + 2, firstSeq + 3, firstSeq + 4]);
    expect(await trimLog(log, { windowMs: 1e9, maxBytes: 0 }, clock.nowMs())).toBe(2);
    expect(log.oldestSeq()).toBe(firstSeq + 4);
    expect(await readdir(folder)).toHaveLength(2);
  });
});

describe('reopening', () => {
  test('goes on after the last seq', async () => {
    const folder = await makeFolder();
    const first = await openLog(folder);
    for (let i = 0; i < 5; i++) first.append(makeEvent(100, i));
    await first.close();
    const second = await openLog(folder);
    expect(second.tornBytes).toBe(0);
    expect(second.headSeq()).toBe(firstSeq + 4);
    expect(second.append(makeEvent(100, 9))).toBe(firstSeq + 5);
  });

  test('leaves seqs out when the kernel alone was trusted, and reads over the gap', async () => {
    const folder = await makeFolder();
    const first = await openLog(folder, { durability: 'os' });
    const start = first.append(makeEvent(100, 1));
    await first.close();
    const second = await openLog(folder, { durability: 'os' });
    const seq = second.append(makeEvent(100, 2));
    expect(seq).toBe(start + 1 + 1_000_000);
    await second.settled();
    expect((await readAll(second, 0, 1e6)).seqs).toEqual([start, seq]);
    await second.close();
    expect((await openLog(folder)).headSeq()).toBe(seq);
  });

  test('refuses damage in front of a later group, and cuts damage off the last one', async () => {
    const folder = await makeFolder();
    const log = await openLog(folder);
    for (let i = 0; i < 3; i++) {
      log.append(makeEvent(100, i));
      log.append(makeEvent(100, i));
      await log.settled();
    }
    await log.close();
    const damage = async (position: number, value: number): Promise<void> => {
      const file = await open(`${segmentPath(folder, firstSeq)}.idx`, 'r+');
      await file.write(Buffer.from([value]), 0, 1, position);
      await file.close();
    };
    await damage(kindAt(3), 9);
    await expect(openLog(folder)).rejects.toThrow('log is damaged before its tail');
    await damage(kindAt(3), 1);
    await damage(kindAt(4), 9);
    const recovered = await openLog(folder);
    expect(recovered.headSeq()).toBe(firstSeq + 3);
    expect(recovered.tornBytes).toBeGreaterThan(0);
  });
});
