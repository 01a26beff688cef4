/**
 * The head of a CAR v1: a varint length, then `{roots: [CID…], version: 1}` in DAG-CBOR.
 * A head with one root, which nearly all have, is compared byte by byte instead of decoded.
 * Not for the sections behind it (car/read, car/read-stream). Source: ipld.io/specs/transport/car/carv1.
 */
import { concatBytes, utf8Encode } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxCarRoots } from '../base/limits.ts';
import { writeVarint } from '../base/varint.ts';
import { decode, encode } from '../data/cbor.ts';
import { cidByteLength, cidAt, isBlockCidAt, isCid } from '../data/cid.ts';
import type { Cid } from '../data/cid.ts';

const beforeRoot = new Uint8Array([0xa2, 0x65, ...utf8Encode('roots'), 0x81, 0xd8, 0x2a, 0x58, 0x25, 0x00]);
const behindRoot = new Uint8Array([0x67, ...utf8Encode('version'), 0x01]);
const oneRootBytes = beforeRoot.length + cidByteLength + behindRoot.length;

/** Gives the head of a CAR, its length in front; null means no root. */
export function carHeader(root: Cid | null): Uint8Array {
  const header = encode({ version: 1, roots: root ? [root] : [] });
  return concatBytes([writeVarint(header.length), header]);
}

/**
 * Gives the roots that a head names; `header` is the head without its length.
 * @throws ProtocolError InvalidCar for another version, more than `maxCarRoots`, or roots that are not CIDs of blocks
 */
export function parseCarHeader(header: Uint8Array): Cid[] {
  if (hasOneRoot(header)) return [cidAt(header, beforeRoot.length)];
  const { version, roots } = readFields(header);
  if (version !== 1) throw new ProtocolError('InvalidCar', 'car version is not 1');
  if (!Array.isArray(roots) || roots.length > maxCarRoots) throw new ProtocolError('InvalidCar', 'car roots are no list, or too many');
  return roots.map((root) => {
    if (!isCid(root) || root.bytes.length !== cidByteLength || !isBlockCidAt(root.bytes, 0)) {
      throw new ProtocolError('InvalidCar', 'car root is not the cid of a block');
    }
    return root;
  });
}

function hasOneRoot(header: Uint8Array): boolean {
  if (header.length !== oneRootBytes || !isBlockCidAt(header, beforeRoot.length)) return false;
  for (let index = 0; index < beforeRoot.length; index++) if (header[index] !== beforeRoot[index]) return false;
  const offset = beforeRoot.length + cidByteLength;
  for (let index = 0; index < behindRoot.length; index++) if (header[offset + index] !== behindRoot[index]) return false;
  return true;
}

function readFields(header: Uint8Array): { version?: unknown; roots?: unknown } {
  let value: unknown;
  try {
    value = decode(header);
  } catch (cause) {
    throw new ProtocolError('InvalidCar', 'car header is not canonical cbor', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new ProtocolError('InvalidCar', 'car header is not a map');
  return value;
}
