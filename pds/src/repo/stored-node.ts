/**
 * A tree node of ours read where it lies, for exports: offsets of its links in the order a walk takes them.
 * Not a check: nodes were checked when they were made or imported; readers of others' nodes use protocol/mst. Here only the
 * shape is followed, and a node that does not end where its bytes end is our own damage.
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { assert } from '@dunlin/protocol/base/assert';

/** Where a node lies in a run of bytes. */
export interface StoredNode {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Bytes of a link in DAG-CBOR, and where in it the CID begins. */
const linkBytes = 41, cidInLink = 5;

const nullByte = 0xf6;

/** Where the entries begin, counted from the start of the node, by the byte that tells how many there are. */
function entriesStart(lead: number): number {
  return lead === 0x98 ? 5 : lead === 0x99 ? 6 : 4;
}

/**
 * Gives the offsets in `bytes` of the CIDs in a node: left subtree, then for each key its record and the subtree right of it.
 * Even places are subtrees (−1: none), odd ones records.
 */
export function nodeSteps({ bytes, start, end }: StoredNode): number[] {
  const lead = bytes[start + 3]!;
  const count = lead === 0x98 ? bytes[start + 4]! : lead === 0x99 ? bytes[start + 4]! * 256 + bytes[start + 5]! : lead - 0x80;
  const steps = [-1];
  let at = start + entriesStart(lead);
  for (let index = 0; index < count && at < end; index++) {
    at = behindPrefix(bytes, behindSuffix(bytes, at + 3));
    const right = bytes[at + 2] === nullByte ? -1 : at + 2 + cidInLink;
    at += right === -1 ? 3 : 2 + linkBytes;
    steps.push(at + 2 + cidInLink, right);
    at += 2 + linkBytes;
  }
  if (bytes[at + 2] !== nullByte) steps[0] = at + 2 + cidInLink;
  const found = at + (steps[0] === -1 ? 3 : 2 + linkBytes);
  assert(found === end && steps.length === 2 * count + 1, `tree node is damaged: end=${found - start} length=${end - start}`);
  return steps;
}

/** Gives the whole key of the entry with this number. */
export function keyOfEntry({ bytes, start }: StoredNode, entry: number): string {
  let key = '';
  let at = start + entriesStart(bytes[start + 3]!);
  for (let index = 0; index <= entry; index++) {
    const end = behindSuffix(bytes, at + 3);
    const suffix = bytes.toString('latin1', end - suffixLength(bytes, at + 3), end);
    key = key.slice(0, prefixLength(bytes, end)) + suffix;
    at = behindPrefix(bytes, end);
    at += bytes[at + 2] === nullByte ? 3 : 2 + linkBytes;
    at += 2 + linkBytes;
  }
  return key;
}

/** `at` is the head of the byte string that holds what of a key is its own. */
function suffixLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  return lead === 0x58 ? bytes[at + 1]! : lead === 0x59 ? bytes[at + 1]! * 256 + bytes[at + 2]! : lead - 0x40;
}

function behindSuffix(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  return at + suffixLength(bytes, at) + (lead === 0x58 ? 2 : lead === 0x59 ? 3 : 1);
}

/** `at` is the name of the field that says how much of a key it shares with the one before. */
function prefixLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at + 2]!;
  return lead === 0x18 ? bytes[at + 3]! : lead === 0x19 ? bytes[at + 3]! * 256 + bytes[at + 4]! : lead;
}

function behindPrefix(bytes: Uint8Array, at: number): number {
  const lead = bytes[at + 2]!;
  return at + (lead === 0x18 ? 4 : lead === 0x19 ? 5 : 3);
}
