import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { writeExactly } from '@dunlin/relay/log/segment';
import type { WriteBytes } from '@dunlin/relay/log/group-writer';
import { expectedPayload, firstSeq, makeEvent, makeFolder, openLog, readAll } from './log-fixture.ts';

/** A disk with room for so many bytes; a write that does not fit is cut short, as by a real file system. */
class SmallDisk {
  room: number;
  code = 'ENOSPC';
  attempts = 0;
  constructor(room: number) {
    this.room = room;
  }

  readonly write: WriteBytes = async (file, buffer, position) => {
    this.attempts += 1;
    const taken = Math.min(buffer.length, this.room);
    if (taken === buffer.length) this.room -= taken;
    await writeExactly(file, buffer.subarray(0, taken), position);
    if (taken < buffer.length) throw Object.assign(new Error('no space left on device'), { code: this.code });
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 20_000) throw new Error('condition did not come true');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

describe('a full disk', () => {
  test('tells nobody of events without room, and writes each of them once when there is room', async () => {
    const [clock, disk, changes] = [new ManualClock(), new SmallDisk(5_000), [] as boolean[]];
    const log = await openLog(await makeFolder(), { clock, write: disk.write, onFull: (isFull) => void changes.push(isFull) });
    const heard: number[] = [];
    log.onAppend((slice) => void heard.push(slice.lastSeq));
    const events = Array.from({ length: 12 }, (_, i) => makeEvent(1_000, i + 1));
    for (const event of events.slice(0, 2)) log.append(event);
    await log.settled();
    for (const event of events.slice(2)) log.append(event);
    await until(() => changes.length === 1);
    expect([log.headSeq(), heard, log.isWritable, changes]).toEqual([firstSeq + 1, [firstSeq + 1], true, [true]]);
    expect((await readAll(log, 0, 100_000)).seqs).toEqual([firstSeq, firstSeq + 1]);
    const tries = disk.attempts;
    clock.advance(1_000);
    await until(() => disk.attempts > tries);
    expect([log.headSeq(), changes]).toEqual([firstSeq + 1, [true]]);
    disk.room = 1_000_000;
    await until(() => {
      clock.advance(1_000);
      return log.headSeq() === log.appendedSeq;
    });
    const { payloads } = await readAll(log, 0, 100_000);
    expect(payloads.map((payload, i) => payload.equals(expectedPayload(events[i] ?? makeEvent(1, 1), firstSeq + i)))).toEqual(events.map(() => true));
    expect([heard.at(-1), changes, log.pendingBytes]).toEqual([firstSeq + 11, [true, false], 0]);
  });

  test.each(['ENOSPC', 'EDQUOT'])('is found by %s; another fault of the disk ends the log', async (code) => {
    const [disk, faults, changes] = [new SmallDisk(0), [] as unknown[], [] as boolean[]];
    disk.code = code;
    const clock = new ManualClock();
    const log = await openLog(await makeFolder(), { clock, write: disk.write, onFull: (isFull) => void changes.push(isFull), onFault: (error) => void faults.push(error) });
    log.append(makeEvent(100, 1));
    await until(() => changes.length === 1);
    expect([faults, log.isWritable]).toEqual([[], true]);
    disk.code = 'EIO';
    clock.advance(1_000);
    await until(() => faults.length === 1);
    expect(log.isWritable).toBe(false);
    await expect(log.settled()).rejects.toMatchObject({ code: 'EIO' });
  });

  test('is given up by drain; the log opens again with what was told and whole events only', async () => {
    const [folder, disk, faults] = [await makeFolder(), new SmallDisk(3_000), [] as unknown[]];
    const log = await openLog(folder, { clock: new ManualClock(), write: disk.write, onFault: (error) => void faults.push(error) });
    log.append(makeEvent(1_000, 1));
    await log.settled();
    for (let i = 0; i < 4; i++) log.append(makeEvent(1_000, 2));
    expect(await log.drain()).toBe(false);
    await log.close();
    expect(faults).toEqual([]);
    const again = await openLog(folder);
    expect(again.tornBytes).toBeGreaterThan(0);
    // An event of the group that got to the disk whole stays, as after a crash; the one that was cut short does not.
    const { seqs, payloads } = await readAll(again, 0, 100_000);
    expect(seqs).toEqual([firstSeq, firstSeq + 1]);
    expect(payloads[1]?.equals(expectedPayload(makeEvent(1_000, 2), firstSeq + 1))).toBe(true);
    expect(again.append(makeEvent(1_000, 3))).toBe(firstSeq + 2);
    expect(await again.drain()).toBe(true);
    expect(again.headSeq()).toBe(firstSeq + 2);
  });
});
