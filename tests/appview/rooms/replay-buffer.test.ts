/** Frames held for those who come back: all that were missed or nothing, within frames and bytes. */
import { expect, test } from '@jest/globals';
import { Frame } from '@dunlin/appview/rooms/frame';
import { maxHeldBytes, maxHeldFrames, ReplayBuffer } from '@dunlin/appview/rooms/replay-buffer';

const push = (buffer: ReplayBuffer, text = ''): Frame => buffer.push((seq) => new Frame({ $type: '#message', seq, text }));
const missed = (buffer: ReplayBuffer, seq: number): number | null => buffer.since({ epoch: buffer.epoch, seq })?.length ?? null;

test('gives what came after a position, nothing for the newest, and no answer for one ahead or of another epoch', () => {
  const buffer = new ReplayBuffer();
  for (let count = 0; count < 3; count++) push(buffer);
  expect([missed(buffer, 0), missed(buffer, 2), missed(buffer, 3), missed(buffer, 4)]).toEqual([3, 1, 0, null]);
  expect(buffer.since({ epoch: new ReplayBuffer().epoch, seq: 2 })).toBeNull();
});

test('holds as many frames as the bound says, not one more', () => {
  const buffer = new ReplayBuffer();
  for (let count = 0; count < maxHeldFrames; count++) push(buffer);
  expect(missed(buffer, 0)).toBe(maxHeldFrames);
  push(buffer);
  expect([missed(buffer, 0), missed(buffer, 1)]).toEqual([null, maxHeldFrames]);
});

test('holds as many bytes as the bound says, not one more, and always the newest frame', () => {
  const [fits, larger] = [new ReplayBuffer(), new ReplayBuffer()];
  for (const [buffer, extra] of [[fits, 0], [larger, 1]] as const) {
    const first = buffer.push((seq) => sized(seq, maxHeldBytes / 2)).wire.length;
    buffer.push((seq) => sized(seq, maxHeldBytes - first + extra));
  }
  expect([missed(fits, 0), missed(larger, 0), missed(larger, 1)]).toEqual([2, null, 1]);
  push(fits, 'ü'.repeat(maxHeldBytes));
  expect([missed(fits, 2), missed(fits, 1)]).toEqual([1, null]);
});

/** A frame that is so many bytes long on the wire; above 65,535. */
function sized(seq: number, bytes: number): Frame {
  const bare = new Frame({ $type: '#message', seq, text: 'x'.repeat(65_536) });
  return new Frame({ $type: '#message', seq, text: 'x'.repeat(65_536 + bytes - bare.wire.length) });
}
