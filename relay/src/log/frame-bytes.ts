/**
 * Looks into and covers the WebSocket frames that the log holds.
 * Not for making frames: service/websocket/frames.ts does that.
 * Place in the flow: payloads for bringing state up to date; pong frames in place of an event that is taken down.
 * Source: RFC 6455 section 5.2 (lengths), 5.5 (control frames carry at most 125 bytes), 5.5.3 (unsolicited pong).
 */
import { assert } from '@dunlin/protocol/base/assert';

const finalBinary = 0x82;
const finalPong = 0x8a;
const largestPongBytes = 127;

/** Gives the payload of one whole binary frame, sharing its memory. */
export function framePayload(frame: Buffer): Buffer {
  assert(frame[0] === finalBinary, `log frame is not binary: first byte=${frame[0]}`);
  const short = frame.readUInt8(1);
  const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
  return frame.subarray(headerBytes);
}

/** Overwrites a range (2 bytes or more) with pong frames, which clients ignore; the payloads are zeros. */
export function fillWithPongs(target: Buffer, start: number, end: number): void {
  assert(end - start >= 2, `range too small for a pong frame: bytes=${end - start}`);
  target.fill(0, start, end);
  for (let at = start; at < end; ) {
    let length = Math.min(largestPongBytes, end - at);
    // One byte alone cannot be a frame, so the last but one leaves it company.
    if (end - at - length === 1) length -= 1;
    target[at] = finalPong;
    target[at + 1] = length - 2;
    at += length;
  }
}
