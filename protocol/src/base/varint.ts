/**
 * Unsigned LEB128 numbers, as in CIDs and CARs; at most 2^53 − 1, always in their shortest form.
 * Not for CBOR lengths, which are big-endian (see data/cbor-canon).
 * Source: github.com/multiformats/unsigned-varint.
 */
import { assert } from './assert.ts';
import { ProtocolError } from './errors.ts';

/** What `readVarint` found: the number and how many bytes it took. */
export interface Varint {
  readonly value: number;
  readonly length: number;
}

const maxVarintBytes = 8;

/**
 * Reads the number that begins at `offset`.
 * @throws ProtocolError InvalidVarint when the bytes end too early, a shorter form exists, or 2^53 − 1 is exceeded
 */
export function readVarint(bytes: Uint8Array, offset: number): Varint {
  let value = 0;
  let scale = 1;
  for (let length = 1; length <= maxVarintBytes; length++) {
    const byte = bytes[offset + length - 1];
    if (byte === undefined) throw new ProtocolError('InvalidVarint', `varint is cut short: offset=${offset}`);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (byte === 0 && length > 1) throw new ProtocolError('InvalidVarint', `varint is not in its shortest form: offset=${offset}`);
      if (value > Number.MAX_SAFE_INTEGER) break;
      return { value, length };
    }
    scale *= 128;
  }
  throw new ProtocolError('InvalidVarint', `varint is too large: offset=${offset}`);
}

/** Tells how many bytes a number takes. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes a number at `offset` and gives the offset behind it; the caller has made room. */
export function writeVarintAt(target: Uint8Array, offset: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, `varint out of range: value=${value}`);
  let rest = value;
  let position = offset;
  while (rest >= 128) {
    target[position++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[position++] = rest;
  return position;
}

/** Gives the bytes of a number. */
export function writeVarint(value: number): Uint8Array {
  const bytes = new Uint8Array(varintLength(value));
  writeVarintAt(bytes, 0, value);
  return bytes;
}
