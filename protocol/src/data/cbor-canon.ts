/**
 * A walker over bytes that says whether they are canonical DAG-CBOR, without building a value.
 * Always checks: shortest integers and lengths, definite lengths, integers within ±(2^53 − 1), text keys in order
 * (shorter first, then by bytes) without repeats, well-formed UTF-8, only true, false and null of the simple values,
 * only tag 42 and in it only 0x00 and a CIDv1 with SHA-256, depth up to `maxCborDepth`.
 * Does not check: the size of the whole, what the values mean.
 * Place: in front of cbor-x (data/cbor) and of every scan by offset. Source: ipld.io/specs/codecs/dag-cbor, atproto.com/specs/data-model.
 */
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from '../base/errors.ts';
import { maxCborDepth } from '../base/limits.ts';
import { isBlockCidAt, linkCodecAt } from './cid.ts';

const nativeUtf8Bytes = 192;
const maxSafeHigh = 0x1fffff;

let protoKeys = 0;

/** Counts the `__proto__` keys met so far in this process; cbor-x renames that key, so data/cbor watches this number. */
export function protoKeysMet(): number {
  return protoKeys;
}

/**
 * Checks the one item that begins at `start`; `containersAround` it there are already, of the depth that is allowed.
 * @returns the offset behind it; bytes after that are the caller's concern
 * @throws ProtocolError InvalidCbor with the offset of the first fault
 */
export function checkCanonical(bytes: Uint8Array, start = 0, containersAround = 0): number {
  return walkItem(bytes, start, maxCborDepth - containersAround);
}

function fail(fact: string, offset: number): never {
  throw new ProtocolError('InvalidCbor', `${fact}: offset=${offset}`);
}

function walkItem(bytes: Uint8Array, offset: number, depthLeft: number): number {
  if (offset >= bytes.length) fail('item is cut short', offset);
  const lead = bytes[offset]!;
  const short = lead & 0x1f;
  switch (lead >> 5) {
    case 0: return short < 24 ? offset + 1 : walkInteger(bytes, offset, short, 0);
    case 1: return short < 24 ? offset + 1 : walkInteger(bytes, offset, short, 1);
    case 2: return walkBytes(bytes, offset, short);
    case 3: return walkText(bytes, offset, short);
    case 4: return walkArray(bytes, offset, short, depthLeft);
    case 5: return walkMap(bytes, offset, short, depthLeft);
    case 6: return walkLink(bytes, offset);
    default:
      if (lead >= 0xf4 && lead <= 0xf6) return offset + 1;
      return fail('float, undefined or other simple value', offset);
  }
}

/** Gives the length or count in a head whose low five bits are `short`; `headBytes(short)` says how long the head is. */
function readLength(bytes: Uint8Array, offset: number, short: number): number {
  if (short < 24) return short;
  const end = bytes.length;
  if (short === 24) {
    if (offset + 1 >= end) fail('head is cut short', offset);
    const value = bytes[offset + 1]!;
    return value >= 24 ? value : fail('length is not in its shortest form', offset);
  }
  if (short === 25) {
    if (offset + 2 >= end) fail('head is cut short', offset);
    const value = (bytes[offset + 1]! << 8) | bytes[offset + 2]!;
    return value >= 0x100 ? value : fail('length is not in its shortest form', offset);
  }
  if (short === 26) {
    if (offset + 4 >= end) fail('head is cut short', offset);
    const value = ((bytes[offset + 1]! << 24) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 8) | bytes[offset + 4]!) >>> 0;
    return value >= 0x10000 ? value : fail('length is not in its shortest form', offset);
  }
  return fail(short === 31 ? 'indefinite length' : 'length is too large or reserved', offset);
}

function headBytes(short: number): number {
  return short < 24 ? 1 : short === 24 ? 2 : short === 25 ? 3 : 5;
}

function walkInteger(bytes: Uint8Array, offset: number, short: number, negative: number): number {
  if (short < 27) {
    readLength(bytes, offset, short);
    return offset + headBytes(short);
  }
  if (short !== 27) fail('reserved integer form', offset);
  if (offset + 8 >= bytes.length) fail('head is cut short', offset);
  const high = ((bytes[offset + 1]! << 24) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 8) | bytes[offset + 4]!) >>> 0;
  if (high === 0) fail('integer is not in its shortest form', offset);
  if (high > maxSafeHigh) fail('integer is beyond 2^53 - 1', offset);
  if (negative === 1 && high === maxSafeHigh) {
    const low = ((bytes[offset + 5]! << 24) | (bytes[offset + 6]! << 16) | (bytes[offset + 7]! << 8) | bytes[offset + 8]!) >>> 0;
    if (low === 0xffffffff) fail('integer is beyond -(2^53 - 1)', offset);
  }
  return offset + 9;
}

function walkBytes(bytes: Uint8Array, offset: number, short: number): number {
  const end = offset + headBytes(short) + readLength(bytes, offset, short);
  return end <= bytes.length ? end : fail('byte string is cut short', offset);
}

function walkText(bytes: Uint8Array, offset: number, short: number): number {
  const start = offset + headBytes(short);
  const end = start + readLength(bytes, offset, short);
  if (end > bytes.length) fail('text is cut short', offset);
  checkUtf8(bytes, start, end);
  return end;
}

function walkArray(bytes: Uint8Array, offset: number, short: number, depthLeft: number): number {
  if (depthLeft === 0) fail('nested too deep', offset);
  const count = readLength(bytes, offset, short);
  let at = offset + headBytes(short);
  for (let index = 0; index < count; index++) at = walkItem(bytes, at, depthLeft - 1);
  return at;
}

function walkMap(bytes: Uint8Array, offset: number, short: number, depthLeft: number): number {
  if (depthLeft === 0) fail('nested too deep', offset);
  const count = readLength(bytes, offset, short);
  let at = offset + headBytes(short);
  let previousStart = 0;
  let previousLength = -1;
  for (let index = 0; index < count; index++) {
    if (at >= bytes.length) fail('map is cut short', at);
    const lead = bytes[at]!;
    if (lead >> 5 !== 3) fail('map key is not text', at);
    const length = readLength(bytes, at, lead & 0x1f);
    const start = at + headBytes(lead & 0x1f);
    const end = start + length;
    if (end > bytes.length) fail('map key is cut short', at);
    if (length <= previousLength && (length < previousLength || !isGreater(bytes, start, previousStart, length))) {
      fail('map keys are out of order or repeated', at);
    }
    checkUtf8(bytes, start, end);
    if (length === 9 && bytes[start] === 0x5f && isProto(bytes, start)) protoKeys++;
    previousStart = start;
    previousLength = length;
    at = walkItem(bytes, end, depthLeft - 1);
  }
  return at;
}

function isGreater(bytes: Uint8Array, start: number, previousStart: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    const difference = bytes[start + index]! - bytes[previousStart + index]!;
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function isProto(bytes: Uint8Array, start: number): boolean {
  const name = '__proto__';
  for (let index = 0; index < name.length; index++) if (bytes[start + index] !== name.charCodeAt(index)) return false;
  return true;
}

function walkLink(bytes: Uint8Array, offset: number): number {
  if (bytes[offset] !== 0xd8 || bytes[offset + 1] !== 0x2a) fail('tag is not 42', offset);
  if (bytes[offset + 2] === 0x58 && bytes[offset + 3] === 0x25 && bytes[offset + 4] === 0 && isBlockCidAt(bytes, offset + 5)) return offset + 41;
  const lead = bytes[offset + 2] ?? 0;
  if (lead >> 5 !== 2) fail('link is not a byte string', offset);
  const end = walkBytes(bytes, offset + 2, lead & 0x1f);
  const start = offset + 2 + headBytes(lead & 0x1f);
  if (bytes[start] !== 0 || linkCodecAt(bytes, start + 1, end) < 0) fail('link is not a CIDv1 with sha-256', offset);
  return end;
}

function checkUtf8(bytes: Uint8Array, start: number, end: number): void {
  if (end - start >= nativeUtf8Bytes) {
    if (!isUtf8(bytes.subarray(start, end))) fail('text is not well-formed utf-8', start);
    return;
  }
  let at = start;
  while (at < end && bytes[at]! < 0x80) at++;
  while (at < end) {
    const lead = bytes[at]!;
    const length = lead < 0x80 ? 1 : utf8Length(bytes, at, end, lead);
    if (length === 0) fail('text is not well-formed utf-8', at);
    at += length;
  }
}

/** Gives the length of the multi-byte character at `at`, or 0 when it is malformed, overlong, a surrogate or beyond U+10FFFF. */
function utf8Length(bytes: Uint8Array, at: number, end: number, lead: number): number {
  const second = at + 1 < end ? bytes[at + 1]! : 0;
  if (lead < 0xc2 || (second & 0xc0) !== 0x80) return 0;
  if (lead < 0xe0) return 2;
  const third = at + 2 < end ? bytes[at + 2]! : 0;
  if ((third & 0xc0) !== 0x80) return 0;
  if (lead < 0xf0) return (lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f) ? 0 : 3;
  const fourth = at + 3 < end ? bytes[at + 3]! : 0;
  if (lead > 0xf4 || (fourth & 0xc0) !== 0x80) return 0;
  return (lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f) ? 0 : 4;
}
