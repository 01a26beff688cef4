/**
 * A CID as a key: of maps in memory (a text of one character a byte, cheaper than its base32 text), and of an index (a tag).
 * Not for showing. Two CIDs may share a tag, so whoever looks by tag compares the CID too.
 * Source: ours.
 */
import { cidByteLength } from '@dunlin/protocol/data/cid';

/** Where the digest begins in the 36 bytes. */
export const digestOffset = 4;

/** Gives the map key of the 36 bytes at `offset`; equal CIDs have equal keys, others have others. */
export function cidKeyAt(bytes: Uint8Array, offset: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, cidByteLength).toString('latin1');
}

/** Gives the tag of the 36 bytes at `offset`: the first 40 bits of the digest as a number. */
export function cidTagAt(bytes: Uint8Array, offset: number): number {
  const at = offset + digestOffset;
  const high = bytes[at]!;
  const low = ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0;
  return high * 4_294_967_296 + low;
}

/** Tells whether the 36 bytes at both places are the same. */
export function isSameCid(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  for (let index = cidByteLength - 1; index >= 0; index--) if (a[aOffset + index] !== b[bOffset + index]) return false;
  return true;
}
