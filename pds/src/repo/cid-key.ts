/**
 * A CID as a key of maps and sets in memory: a text of one character a byte, cheaper than its base32 text.
 * Not for storing or showing. Source: ours.
 */
import { cidToBytes, type Cid } from '@dunlin/protocol/data/cid';

/** Gives the key; equal CIDs have equal keys. */
export function cidKey(cid: Cid): string {
  const bytes = cidToBytes(cid);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
