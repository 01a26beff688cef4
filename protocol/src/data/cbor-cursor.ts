/**
 * A strict reader for DAG-CBOR of a known shape: steps over heads and hands out offsets, makes no values.
 * For code that works on bytes where they lie (frame scan, MST nodes, commits). Whatever it steps over is canonical: shortest
 * heads, definite lengths, links that are CIDv1 sha-256 of dag-cbor or raw. Map key order is the caller's to check.
 * Source: ipld.io/specs/codecs/dag-cbor.
 */
import { isUtf8 } from 'node:buffer';
import { utf8Decode } from '../base/bytes.ts';
import { ProtocolError, type ProtocolErrorCode } from '../base/errors.ts';
import { checkCanonical } from './cbor-canon.ts';
import { cidByteLength, isBlockCidAt } from './cid.ts';

// Native and fast on any Uint8Array, but known to the types of Buffer alone.
const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice(this: Uint8Array, start: number, end: number): string };

/** Gives bytes as one character each: the text itself when they are ASCII. */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end);
}

/** Major types of CBOR heads. */
const unsignedMajor = 0, bytesMajor = 2, textMajor = 3, arrayMajor = 4, mapMajor = 5;

/** A place in bytes that moves forward; every method throws a ProtocolError of the given code when the bytes say otherwise. */
export class CborCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;
  readonly #code: ProtocolErrorCode;

  /** Reads `bytes` from `offset` up to, not including, `end`. */
  constructor(bytes: Uint8Array, offset: number, end: number, code: ProtocolErrorCode) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
    this.#code = code;
  }

  /** Reads an unsigned integer up to 2^53 − 1. */
  unsigned(): number {
    return this.#head(unsignedMajor);
  }

  /** Reads a map head; gives the number of entries. */
  map(): number {
    return this.#head(mapMajor);
  }

  /** Reads an array head; gives the number of items. */
  array(): number {
    return this.#head(arrayMajor);
  }

  /** Reads a byte string's head; gives its length and stands at its first byte; all of it lies before the end. */
  byteString(): number {
    return this.#length(bytesMajor);
  }

  /** Reads a text's head; gives its length and stands at its first byte. The bytes are not checked to be UTF-8. */
  text(): number {
    return this.#length(textMajor);
  }

  /** Reads a whole text, which must be well-formed UTF-8. */
  textValue(): string {
    const length = this.text();
    const start = this.offset;
    const end = start + length;
    this.offset = end;
    for (let at = start; at < end; at++) {
      if (this.bytes[at]! >= 0x80) return isUtf8(this.bytes.subarray(at, end)) ? utf8Decode(this.bytes.subarray(start, end)) : this.fail('text is not utf-8');
    }
    return latin1Slice.call(this.bytes, start, end);
  }

  /** Reads a link; gives the offset of its 36-byte CID and stands behind it. */
  link(): number {
    const { bytes, offset } = this;
    const cid = offset + 5;
    if (cid + cidByteLength > this.end) this.fail('link is cut short');
    const isLink = bytes[offset] === 0xd8 && bytes[offset + 1] === 0x2a && bytes[offset + 2] === 0x58 && bytes[offset + 3] === 0x25 && bytes[offset + 4] === 0;
    if (!isLink || !isBlockCidAt(bytes, cid)) this.fail('not a link to a sha-256 CID');
    this.offset = cid + cidByteLength;
    return cid;
  }

  /** Reads a link or null; −1 for null, else as link(). */
  linkOrNull(): number {
    return this.takeNull() ? -1 : this.link();
  }

  /** Steps over a null if there is one. */
  takeNull(): boolean {
    if (this.offset >= this.end || this.bytes[this.offset] !== 0xf6) return false;
    this.offset++;
    return true;
  }

  /** Reads a boolean. */
  boolean(): boolean {
    const byte = this.offset < this.end ? this.bytes[this.offset] : 0;
    if (byte !== 0xf4 && byte !== 0xf5) this.fail('not a boolean');
    this.offset++;
    return byte === 0xf5;
  }

  /** Steps over exactly these bytes. */
  expect(expected: Uint8Array, what: string): void {
    const { bytes, offset } = this;
    const length = expected.length;
    if (offset + length > this.end) this.fail(`${what} is cut short`);
    for (let index = 0; index < length; index++) if (bytes[offset + index] !== expected[index]) this.fail(`${what} is not as it must be`);
    this.offset = offset + length;
  }

  /** Steps over one item of any kind, checked to be canonical; `containersAround` it there are already. */
  skip(containersAround = 0): void {
    let after: number;
    try {
      after = checkCanonical(this.bytes, this.offset, containersAround);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      throw new ProtocolError(this.#code, error.message, { cause: error });
    }
    if (after > this.end) this.fail('item is cut short');
    this.offset = after;
  }

  /** Says that all has been read. */
  finish(): void {
    if (this.offset !== this.end) this.fail('bytes are left over');
  }

  /** Throws the ProtocolError of this reader's code. */
  fail(fact: string): never {
    throw new ProtocolError(this.#code, `${fact}: offset=${this.offset}`);
  }

  #length(major: number): number {
    const length = this.#head(major);
    if (length > this.end - this.offset) this.fail('string is cut short');
    return length;
  }

  #head(major: number): number {
    const { bytes, offset, end } = this;
    if (offset >= end) this.fail('item is cut short');
    const first = bytes[offset]!;
    if (first >>> 5 !== major) this.fail('item is of another type');
    const short = first & 31;
    if (short < 24) {
      this.offset = offset + 1;
      return short;
    }
    if (short > 27) this.fail('item has no definite length');
    return this.#longHead(short);
  }

  #longHead(short: number): number {
    const { bytes, offset } = this;
    const width = 1 << (short - 24);
    if (offset + 1 + width > this.end) this.fail('item is cut short');
    let value = 0;
    for (let index = 1; index <= width; index++) value = value * 256 + bytes[offset + index]!;
    const least = width === 1 ? 24 : width === 2 ? 0x100 : width === 4 ? 0x10000 : 0x100000000;
    if (value < least) this.fail('number is not in its shortest form');
    if (value > Number.MAX_SAFE_INTEGER) this.fail('number is beyond 2^53');
    this.offset = offset + 1 + width;
    return value;
  }
}
