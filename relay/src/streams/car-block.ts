/**
 * Finds one block in the CAR of a commit by its CID, where it lies.
 * Not a check: the relay verified the CAR before the event came into the log, hashes included.
 * Place in the flow: the record of an operation, when its JSON is written. Source: ipld.io/specs/transport/car/carv1.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidByteLength } from '@dunlin/protocol/data/cid';

const cidPrefixBytes = 4;

/** Gives the block whose CID stands at `cidOffset`, as a view; `start` and `end` are the CAR's place in the same bytes. */
export function findBlock(bytes: Buffer, start: number, end: number, cidOffset: number): Buffer {
  for (let offset = behindHeader(bytes, start); offset < end; ) {
    let length = 0;
    let shift = 0;
    let byte = 0x80;
    while (byte >= 0x80) {
      byte = bytes[offset++]!;
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    }
    if (isSameCid(bytes, offset, cidOffset)) return bytes.subarray(offset + cidByteLength, offset + length);
    offset += length;
  }
  assert(false, 'record of a logged commit is not in its car');
}

function behindHeader(bytes: Buffer, start: number): number {
  const length = bytes[start]!;
  assert(length < 0x80, `car header of a logged commit is long: lead=${length}`);
  return start + 1 + length;
}

/** Compares the digests first: they differ nearly always in their first byte. */
function isSameCid(bytes: Buffer, offset: number, other: number): boolean {
  for (let index = cidPrefixBytes; index < cidByteLength; index++) if (bytes[offset + index] !== bytes[other + index]) return false;
  for (let index = 0; index < cidPrefixBytes; index++) if (bytes[offset + index] !== bytes[other + index]) return false;
  return true;
}
