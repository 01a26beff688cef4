/**
 * The order of map keys in DAG-CBOR: shorter UTF-8 first, then by bytes.
 * Not for MST keys, which are ordered by bytes alone (see mst/key).
 * Place: in front of every map that data/cbor encodes. Source: ipld.io/specs/codecs/dag-cbor "Strictness".
 */
import { compareBytes, utf8Encode } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';

const shortListKeys = 32;

/**
 * Gives keys in canonical order, in the same array where it can; they must differ from each other.
 * @throws ProtocolError InvalidCbor for a key with a lone surrogate, which has no UTF-8
 */
export function orderKeys(keys: string[]): string[] {
  let isOrdered = true;
  for (let index = 0; index < keys.length; index++) {
    if (!isAscii(keys[index]!)) return orderUtf8Keys(keys);
    if (isOrdered && index > 0) isOrdered = isBefore(keys[index - 1]!, keys[index]!);
  }
  if (isOrdered) return keys;
  return keys.length > shortListKeys ? keys.sort((a, b) => (isBefore(a, b) ? -1 : 1)) : insertInOrder(keys);
}

function isAscii(key: string): boolean {
  for (let index = 0; index < key.length; index++) if (key.charCodeAt(index) > 0x7f) return false;
  return true;
}

function isBefore(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}

/** Insertion sort: nothing is quicker for the handful of keys that a record has. */
function insertInOrder(keys: string[]): string[] {
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index]!;
    let to = index;
    for (; to > 0 && isBefore(key, keys[to - 1]!); to--) keys[to] = keys[to - 1]!;
    keys[to] = key;
  }
  return keys;
}

function orderUtf8Keys(keys: string[]): string[] {
  const encoded = keys.map((key) => {
    if (!key.isWellFormed()) throw new ProtocolError('InvalidCbor', 'map key holds a lone surrogate');
    return { key, bytes: utf8Encode(key) };
  });
  encoded.sort((a, b) => a.bytes.length - b.bytes.length || compareBytes(a.bytes, b.bytes));
  return encoded.map(({ key }) => key);
}
