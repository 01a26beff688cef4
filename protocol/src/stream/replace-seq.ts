/**
 * Gives a frame another sequence number and leaves every other byte as it was: what a relay does to all that it passes on.
 * Unknown fields, key order and the header survive, so the frame stays verifiable and canonical.
 * Source: ours, see docs/invariants.md "verbatim but for seq".
 */
import { assert } from '../base/assert.ts';
import type { FrameScan } from './frame-scan.ts';

/** Bytes of the canonical CBOR integer of a seq; nine from 2^32 on. */
export function seqByteLength(seq: number): number {
  return seq < 24 ? 1 : seq < 0x100 ? 2 : seq < 0x10000 ? 3 : seq < 0x100000000 ? 5 : 9;
}

/** Gives the length the frame will have with this seq, in bytes. */
export function lengthWithSeq(bytes: Uint8Array, scan: FrameScan, seq: number): number {
  return bytes.length - scan.seqLength + seqByteLength(seq);
}

/** Gives a copy of the frame with `seq` in place of its own. The frame must have one. */
export function replaceSeq(bytes: Uint8Array, scan: FrameScan, seq: number): Uint8Array {
  const replaced = new Uint8Array(lengthWithSeq(bytes, scan, seq));
  replaceSeqInto(bytes, scan, seq, replaced, 0);
  return replaced;
}

/** Writes the frame with `seq` in place of its own to `target` from `offset`; gives the offset behind it. The caller has made room. */
export function replaceSeqInto(bytes: Uint8Array, scan: FrameScan, seq: number, target: Uint8Array, offset: number): number {
  assert(scan.seqOffset > 0, 'frame has no seq to replace');
  assert(Number.isSafeInteger(seq) && seq > 0, `seq out of range: seq=${seq}`);
  target.set(bytes.subarray(0, scan.seqOffset), offset);
  const behind = writeSeq(target, offset + scan.seqOffset, seq);
  target.set(bytes.subarray(scan.seqOffset + scan.seqLength), behind);
  return behind + bytes.length - scan.seqOffset - scan.seqLength;
}

function writeSeq(target: Uint8Array, offset: number, seq: number): number {
  const length = seqByteLength(seq);
  if (length === 1) {
    target[offset] = seq;
    return offset + 1;
  }
  target[offset] = length === 2 ? 0x18 : length === 3 ? 0x19 : length === 5 ? 0x1a : 0x1b;
  let rest = seq;
  for (let at = offset + length - 1; at > offset; at--) {
    target[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + length;
}
