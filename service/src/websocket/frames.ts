/**
 * Server-to-client WebSocket frames as bytes: final, unmasked, uncompressed, one frame a message.
 * Made once and written to any number of sockets. Not for frames from clients: `ws` reads those.
 * Source: RFC 6455, section 5.2.
 */
import { assert } from '@dunlin/protocol/base/assert';

const finalText = 0x81;
const finalBinary = 0x82;

/** Says how many bytes the header before a payload takes: 2, 4 or 10. */
export function frameHeaderBytes(payloadBytes: number): number {
  return payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header for a payload at `offset`; gives the offset behind it, where the payload goes. */
export function writeFrameHeader(target: Uint8Array, offset: number, payloadBytes: number, kind: 'binary' | 'text' = 'binary'): number {
  assert(payloadBytes >= 0 && payloadBytes <= 0xffffffff, `frame payload out of range: bytes=${payloadBytes}`);
  target[offset] = kind === 'text' ? finalText : finalBinary;
  if (payloadBytes < 126) {
    target[offset + 1] = payloadBytes;
    return offset + 2;
  }
  if (payloadBytes < 65_536) {
    target[offset + 1] = 126;
    target[offset + 2] = payloadBytes >>> 8;
    target[offset + 3] = payloadBytes & 0xff;
    return offset + 4;
  }
  target.fill(0, offset + 2, offset + 6);
  target[offset + 1] = 127;
  target[offset + 6] = payloadBytes >>> 24;
  target[offset + 7] = (payloadBytes >>> 16) & 0xff;
  target[offset + 8] = (payloadBytes >>> 8) & 0xff;
  target[offset + 9] = payloadBytes & 0xff;
  return offset + 10;
}

/** Gives the header for a payload of so many bytes. */
export function frameHeader(payloadBytes: number, kind: 'binary' | 'text' = 'binary'): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes(payloadBytes));
  writeFrameHeader(header, 0, payloadBytes, kind);
  return header;
}

/** Gives the whole frame around a copy of the payload. */
export function wrapFrame(payload: Uint8Array, kind: 'binary' | 'text' = 'binary'): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes(payload.length) + payload.length);
  frame.set(payload, writeFrameHeader(frame, 0, payload.length, kind));
  return frame;
}

/** Gives the whole text frame around a string. */
export function wrapText(text: string): Buffer {
  const payloadBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(frameHeaderBytes(payloadBytes) + payloadBytes);
  frame.write(text, writeFrameHeader(frame, 0, payloadBytes, 'text'));
  return frame;
}
