/**
 * Bytes of server-to-client WebSocket frames as the log holds them: binary, final, unmasked.
 * Not for sockets: what is read from the log is written to a socket as it is.
 * Place in the flow: a header in front of every event that is appended; pong frames in place of one that is taken down.
 * Source: RFC 6455 section 5.2 (lengths), 5.5 (control frames carry at most 125 bytes), 5.5.3 (unsolicited pong).
 */
import { assert } from '@dunlin/protocol/base/assert';

const finalBinary = 0x82;
const finalPong = 0x8a;
const largestPongBytes = 127;

/** Gives the length of the header in front of a payload, in bytes. */
export function frameHeaderBytes(payloadBytes: number): number {
  if (payloadBytes < 126) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header for a binary frame and gives where the payload begins. */
export function writeFrameHeader(target: Buffer, at: number, payloadBytes: number): number {
  target[at] = finalBinary;
  if (payloadBytes < 126) {
    target[at + 1] = payloadBytes;
    return at + 2;
  }
  if (payloadBytes < 65_536) {
    target[at + 1] = 126;
    target.writeUInt16BE(payloadBytes, at + 2);
    return at + 4;
  }
  target[at + 1] = 127;
  target.writeUInt32BE(0, at + 2);
  target.writeUInt32BE(payloadBytes, at + 6);
  return at + 10;
}

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
