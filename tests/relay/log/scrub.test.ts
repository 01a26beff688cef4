import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { hashDid } from '@dunlin/relay/log/did-hash';
import { fillWithPongs } from '@dunlin/relay/log/frame-bytes';
import { scrubLog } from '@dunlin/relay/log/scrub';
import { segmentPath } from '@dunlin/relay/log/segment-files';
import { firstSeq, makeEvent, makeFolder, openLog, parseFrames } from './log-fixture.ts';

test('covers any range of two bytes or more with whole pong frames and nothing else', () => {
  for (let length = 2; length < 600; length++) {
    const target = Buffer.alloc(length + 2, 0xee);
    fillWithPongs(target, 1, length + 1);
    expect([target[0], target[length + 1]]).toEqual([0xee, 0xee]);
    const frames = parseFrames(target.subarray(1, length + 1));
    expect(frames.every((frame) => frame.opcode === 10 && frame.payload.length <= 125 && frame.payload.every((byte) => byte === 0))).toBe(true);
  }
});

test('takes an account out of the window, in place, and leaves the others and all seqs as they are', async () => {
  const folder = await makeFolder();
  const log = await openLog(folder, { segmentBytes: 2500 });
  for (let i = 0; i < 12; i++) {
    log.append(makeEvent(700, 100 + i, i % 3 === 0 ? 'did:plc:gone' : 'did:plc:stays'));
    await log.settled();
  }
  log.append(makeEvent(50, 1, 'did:plc:gone', 'account'));
  await log.settled();
  const before = log.totalBytes;
  expect(await scrubLog(log, hashDid('did:plc:gone'), () => true)).toBe(4);
  expect(log.totalBytes).toBe(before);
  const binary: number[] = [];
  let events = 0;
  for (let at = firstSeq - 1, slice = await log.read(at, 1500); slice; at = slice.lastSeq, slice = await log.read(at, 1500)) {
    events += slice.count;
    for (const frame of parseFrames(slice.bytes)) if (frame.opcode === 2) binary.push(frame.payload[0] ?? 0);
  }
  expect(events).toBe(13);
  expect(binary).toEqual([101, 102, 104, 105, 107, 108, 110, 111, 1]);
  expect((await readFile(`${segmentPath(folder, firstSeq)}.dat`)).includes(Buffer.alloc(100, 100))).toBe(false);
  await log.close();
  expect((await openLog(folder)).headSeq()).toBe(firstSeq + 12);
});

test('leaves an event whose DID only has the same hash', async () => {
  const log = await openLog(await makeFolder());
  log.append(makeEvent(100, 7));
  await log.settled();
  expect(await scrubLog(log, hashDid('did:plc:abc'), () => false)).toBe(0);
  expect((await log.read(0, 1000))?.bytes[0]).toBe(0x82);
});
