/**
 * Byte arrays and their texts: comparing, joining, UTF-8, hex, base64url and base32.
 * Every decoder here is strict: one byte string has exactly one text, and no other text is read.
 * Not for secrets (see crypto/constant-time) nor for multibase prefixes (see data/multibase).
 * Source: RFC 4648, RFC 3629.
 */
import { isUtf8 } from 'node:buffer';
import { ProtocolError } from './errors.ts';

const encoder = new TextEncoder();
const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const base32Values = new Int8Array(128).fill(-1);
for (let index = 0; index < base32Alphabet.length; index++) base32Values[base32Alphabet.charCodeAt(index)] = index;

/** Views the same memory as a Buffer, for its native text conversions. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Gives memory back at once instead of when garbage is collected; every view of it is empty afterwards, and nobody may be using it.
 * Bytes that share their memory with others are left alone.
 */
export function releaseBytes(bytes: Uint8Array): void {
  if (bytes.length > 0 && bytes.length === bytes.buffer.byteLength) (bytes.buffer as ArrayBuffer).transfer(0);
}

/** Tells whether two byte arrays hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  const length = a.length;
  if (length !== b.length) return false;
  if (length > 128) return Buffer.compare(a, b) === 0;
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** Orders byte arrays lexicographically: negative, zero or positive; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Gives one new array with the contents of all parts in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Gives the UTF-8 bytes of a text; a lone surrogate becomes U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Gives the text of UTF-8 bytes; a byte order mark is kept as a character.
 * @throws ProtocolError InvalidUtf8 for bytes that are not well-formed UTF-8
 */
export function utf8Decode(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new ProtocolError('InvalidUtf8', `text is not well-formed utf-8: bytes=${bytes.length}`);
  return asBuffer(bytes).toString('utf8');
}

/** Gives lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}

/**
 * Reads hex of either case.
 * @throws ProtocolError InvalidHex for an odd length or any other character
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new ProtocolError('InvalidHex', `text is not hex: length=${text.length}`);
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Gives base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64url');
}

/**
 * Reads base64url without padding.
 * @throws ProtocolError InvalidBase64 for padding, other characters or set bits behind the last byte
 */
export function fromBase64Url(text: string): Uint8Array {
  return decodeBase64(text, 'base64url');
}

/** Gives base64 without padding, the form of `$bytes`. */
export function toBase64(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('base64');
  return text.endsWith('=') ? text.slice(0, text.endsWith('==') ? -2 : -1) : text;
}

/**
 * Reads base64, with its right padding or with none.
 * @throws ProtocolError InvalidBase64 for wrong padding, other characters or set bits behind the last byte
 */
export function fromBase64(text: string): Uint8Array {
  if (!text.endsWith('=')) return decodeBase64(text, 'base64');
  const bare = text.slice(0, text.endsWith('==') ? -2 : -1);
  if (text.length % 4 !== 0) throw new ProtocolError('InvalidBase64', `padding is wrong: length=${text.length}`);
  return decodeBase64(bare, 'base64');
}

function decodeBase64(text: string, form: 'base64' | 'base64url'): Uint8Array {
  const decoded = Buffer.from(text, form);
  const again = form === 'base64' ? toBase64(decoded) : decoded.toString(form);
  if (again !== text) throw new ProtocolError('InvalidBase64', `text is not ${form}: length=${text.length}`);
  return new Uint8Array(decoded);
}

/** Gives lower-case base32 without padding. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (let index = 0; index < bytes.length; index++) {
    value = (value << 8) | bytes[index]!;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Alphabet[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + base32Alphabet[(value << (5 - bits)) & 31] : text;
}

/**
 * Reads lower-case base32 without padding.
 * @throws ProtocolError InvalidBase32 for other characters, an impossible length or set bits behind the last byte
 */
export function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let value = 0;
  let offset = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const digit = code < 128 ? base32Values[code]! : -1;
    if (digit < 0) throw new ProtocolError('InvalidBase32', `character is not base32: position=${index}`);
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset++] = value >>> bits;
      value &= (1 << bits) - 1;
    }
  }
  if (bits >= 5 || value !== 0) throw new ProtocolError('InvalidBase32', `text does not end on a byte: length=${text.length}`);
  return bytes;
}
