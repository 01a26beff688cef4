/**
 * Writes JSON as UTF-8 bytes, records straight from their DAG-CBOR: text is copied, no value is ever made.
 * Not a decoder: what it is given was checked before it was stored (canonical, UTF-8, bounded depth); it follows lengths, and
 * only sees to it that they stay within the bytes. A writer serves a process; its bytes are copied out.
 * Place in the flow: the text of an event of the relay, records as a PDS answers them.
 * Source: atproto.com/specs/data-model "JSON Representation"; bytes equal to JSON.stringify(toJson(decode(…))), which a test holds it to.
 */
import { assert } from '../base/assert.ts';
import { toBase64 } from '../base/bytes.ts';

const startBytes = 65_536;
const hexDigits = Buffer.from('0123456789abcdef');
const base32Digits = Buffer.from('abcdefghijklmnopqrstuvwxyz234567');

/** What stands behind the backslash for a byte; 0: nothing to escape, 1: \u00XX. */
const escapes = new Uint8Array(256);
escapes.fill(1, 0, 0x20);
for (const [byte, letter] of [[8, 'b'], [9, 't'], [10, 'n'], [12, 'f'], [13, 'r'], [34, '"'], [92, '\\']] as const) escapes[byte] = letter.charCodeAt(0);

/** Major types of CBOR as the upper bits of a head. */
const unsignedMajor = 0, negativeMajor = 1, bytesMajor = 2, textMajor = 3, arrayMajor = 4, mapMajor = 5, linkMajor = 6;

/** A buffer that grows and the place where the next byte goes. */
export class JsonWriter {
  #target = Buffer.allocUnsafeSlow(startBytes);
  #at = 0;

  /** Bytes written since the last `begin`. */
  get length(): number {
    return this.#at;
  }

  /** Forgets what was written. */
  begin(): void {
    this.#at = 0;
    if (this.#target.length > startBytes * 16) this.#target = Buffer.allocUnsafeSlow(startBytes);
  }

  /** Copies what was written to `target` from `offset`. */
  copyTo(target: Buffer, offset: number): void {
    this.#target.copy(target, offset, 0, this.#at);
  }

  /** Gives a copy of what was written. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#at);
    this.copyTo(bytes, 0);
    return bytes;
  }

  /** Writes bytes as they are. */
  raw(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const target = this.#target;
    let at = this.#at;
    for (let from = start; from < end; from++) target[at++] = bytes[from]!;
    this.#at = at;
  }

  /** Writes ASCII as it is. */
  ascii(text: string): void {
    this.#reserve(text.length);
    const target = this.#target;
    let at = this.#at;
    for (let index = 0; index < text.length; index++) target[at++] = text.charCodeAt(index);
    this.#at = at;
  }

  /** Writes a string in quotes, escaped. */
  text(text: string): void {
    const bytes = Buffer.from(text);
    this.utf8(bytes, 0, bytes.length);
  }

  /** Writes a safe integer. */
  integer(value: number): void {
    this.ascii(String(value));
  }

  /** Writes UTF-8 bytes as a string in quotes, escaped. */
  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 6 + 2);
    const target = this.#target;
    let at = this.#at;
    target[at++] = 0x22;
    for (let from = start; from < end; from++) {
      const byte = bytes[from]!;
      const escape = escapes[byte]!;
      if (escape === 0) target[at++] = byte;
      else {
        target[at++] = 0x5c;
        if (escape === 1) at = writeControl(target, at, byte);
        else target[at++] = escape;
      }
    }
    target[at++] = 0x22;
    this.#at = at;
  }

  /** Writes the bytes of a CID as its text in quotes. */
  cid(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 2 + 4);
    const target = this.#target;
    let at = this.#at;
    target[at++] = 0x22;
    target[at++] = 0x62;
    let held = 0;
    let bits = 0;
    for (let from = start; from < end; from++) {
      held = ((held << 8) | bytes[from]!) & 0x1fff;
      for (bits += 8; bits >= 5; bits -= 5) target[at++] = base32Digits[(held >>> (bits - 5)) & 31]!;
    }
    if (bits > 0) target[at++] = base32Digits[(held << (5 - bits)) & 31]!;
    target[at++] = 0x22;
    this.#at = at;
  }

  /** Writes the DAG-CBOR item at `offset` as JSON; gives the offset behind it. Fails on an item that is longer than the bytes. */
  item(bytes: Uint8Array, offset: number): number {
    const lead = bytes[offset]!;
    const major = lead >>> 5;
    if (major === 7) {
      this.ascii(lead === 0xf6 ? 'null' : lead === 0xf5 ? 'true' : 'false');
      return offset + 1;
    }
    const short = lead & 31;
    const argument = short < 24 ? short : readArgument(bytes, offset, short);
    const behind = offset + (short < 24 ? 1 : 1 + (1 << (short - 24)));
    // Texts, bytes and containers hold at least so many bytes.
    if (major >= bytesMajor && major <= mapMajor) assert(argument <= bytes.length - behind, `cbor item is cut short: offset=${offset}`);
    switch (major) {
      case unsignedMajor:
        this.integer(argument);
        return behind;
      case negativeMajor:
        this.integer(-1 - argument);
        return behind;
      case textMajor:
        this.utf8(bytes, behind, behind + argument);
        return behind + argument;
      case bytesMajor:
        return this.#bytes(bytes, behind, behind + argument);
      case arrayMajor:
        return this.#array(bytes, behind, argument);
      case mapMajor:
        return this.#map(bytes, behind, argument);
      case linkMajor:
        return this.#link(bytes, behind);
      default:
        assert(false, `not a cbor item: lead=${lead}`);
    }
  }

  #array(bytes: Uint8Array, start: number, count: number): number {
    let offset = start;
    this.ascii('[');
    for (let index = 0; index < count; index++) {
      if (index > 0) this.ascii(',');
      offset = this.item(bytes, offset);
    }
    this.ascii(']');
    return offset;
  }

  #map(bytes: Uint8Array, start: number, count: number): number {
    let offset = start;
    this.ascii('{');
    for (let index = 0; index < count; index++) {
      if (index > 0) this.ascii(',');
      offset = this.item(bytes, offset);
      this.ascii(':');
      offset = this.item(bytes, offset);
    }
    this.ascii('}');
    return offset;
  }

  /** A link is tag 42 around a byte string that begins with a zero; `offset` is behind the tag. */
  #link(bytes: Uint8Array, offset: number): number {
    const short = bytes[offset]! & 31;
    const length = short < 24 ? short : readArgument(bytes, offset, short);
    const start = offset + (short < 24 ? 1 : 1 + (1 << (short - 24)));
    assert(length > 0 && length <= bytes.length - start, `cbor item is cut short: offset=${offset}`);
    this.ascii('{"$link":');
    this.cid(bytes, start + 1, start + length);
    this.ascii('}');
    return start + length;
  }

  #bytes(bytes: Uint8Array, start: number, end: number): number {
    this.ascii('{"$bytes":"');
    this.ascii(toBase64(bytes.subarray(start, end)));
    this.ascii('"}');
    return end;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#target.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#target.length * 2));
    this.#target.copy(larger, 0, 0, this.#at);
    this.#target = larger;
  }
}

function writeControl(target: Buffer, offset: number, byte: number): number {
  target[offset] = 0x75;
  target[offset + 1] = 0x30;
  target[offset + 2] = 0x30;
  target[offset + 3] = hexDigits[byte >>> 4]!;
  target[offset + 4] = hexDigits[byte & 15]!;
  return offset + 5;
}

/** Reads the number behind a head of 1, 2, 4 or 8 bytes. */
function readArgument(bytes: Uint8Array, offset: number, short: number): number {
  let value = 0;
  for (let left = 1 << (short - 24), at = offset + 1; left > 0; left--, at++) value = value * 256 + bytes[at]!;
  return value;
}
