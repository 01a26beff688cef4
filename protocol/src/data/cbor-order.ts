/**
 * The order of map keys in DAG-CBOR: shorter UTF-8 first, then by bytes.
 * Not for MST keys, which are ordered by bytes alone (see mst/key).
 * Place: in front of every map that data/cbor encodes. Source: ipld.io/specs/codecs/dag-cbor "Strictness".
 */
import { compareBytes, utf8Encode } from '../base/bytes.ts';

// eslint-disable-next-line no-control-regex
const beyondAscii = /[^\x00-\x7f]/;

function compareAscii(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}

function compareUtf8(a: string, b: string): number {
  const left = utf8Encode(a);
  const right = utf8Encode(b);
  return left.length - right.length || compareBytes(left, right);
}

/** Sorts keys in place into canonical order and gives the same array; the keys must differ from each other. */
export function orderKeys(keys: string[]): string[] {
  for (let index = 0; index < keys.length; index++) {
    if (beyondAscii.test(keys[index]!)) return keys.sort(compareUtf8);
  }
  for (let index = 1; index < keys.length; index++) {
    if (compareAscii(keys[index - 1]!, keys[index]!) > 0) return keys.sort(compareAscii);
  }
  return keys;
}
