/**
 * Public keys and their texts: did:key, Multikey and the older verification methods of DID documents.
 * A PublicKey that exists is a point of its curve: nothing behind this door checks it again.
 * Not for verifying (crypto/signature) nor for private keys (crypto/keypair).
 * Source: atproto.com/specs/cryptography, w3c-ccg.github.io/did-method-key.
 */
import { concatBytes } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { fromBase58Multibase, toBase58Multibase } from '../data/multibase.ts';
import { convertPoint } from './openssl-key.ts';
import type { Curve } from './openssl-key.ts';

export type { Curve };

/** A public key; plain data, so it can be sent to a worker. */
export interface PublicKey {
  readonly curve: Curve;
  /** The compressed point, 33 bytes. */
  readonly bytes: Uint8Array;
  /** `did:key:z…`, the one text form; serves as the key's name in caches. */
  readonly didKey: string;
}

const didKeyPrefix = 'did:key:';
const compressedBytes = 33;
const uncompressedBytes = 65;
const multicodecByCurve = { p256: new Uint8Array([0x80, 0x24]), k256: new Uint8Array([0xe7, 0x01]) } as const;
const curveByMethodType: ReadonlyMap<string, Curve> = new Map([
  ['EcdsaSecp256k1VerificationKey2019', 'k256'],
  ['EcdsaSecp256r1VerificationKey2019', 'p256'],
]);

/**
 * Gives the public key for a point, compressed or not.
 * @throws ProtocolError InvalidKey when the bytes are not a point of the curve
 */
export function publicKeyFromPoint(curve: Curve, point: Uint8Array): PublicKey {
  const bytes = compressPoint(curve, point);
  return { curve, bytes, didKey: formatDidKey(curve, bytes) };
}

function compressPoint(curve: Curve, point: Uint8Array): Uint8Array {
  const isWhole = (point.length === compressedBytes && (point[0] === 2 || point[0] === 3))
    || (point.length === uncompressedBytes && point[0] === 4);
  if (!isWhole) throw new ProtocolError('InvalidKey', `bytes are not a curve point: curve=${curve} bytes=${point.length}`);
  try {
    return convertPoint(curve, point, 'compressed');
  } catch (cause) {
    throw new ProtocolError('InvalidKey', `bytes are not a curve point: curve=${curve} bytes=${point.length}`, { cause });
  }
}

/** Gives the point in its long form, 65 bytes, which verifiers take quicker. */
export function uncompressedPoint(key: PublicKey): Uint8Array {
  return convertPoint(key.curve, key.bytes, 'uncompressed');
}

/** Gives the did:key of a compressed point. */
export function formatDidKey(curve: Curve, bytes: Uint8Array): string {
  return didKeyPrefix + toBase58Multibase(concatBytes([multicodecByCurve[curve], bytes]));
}

/**
 * Reads a did:key.
 * @throws ProtocolError InvalidKey for another method, curve or encoding, and for points that are not on the curve
 */
export function parseDidKey(didKey: string): PublicKey {
  if (!didKey.startsWith(didKeyPrefix)) throw new ProtocolError('InvalidKey', 'not a did:key');
  return parseMultikey(didKey.slice(didKeyPrefix.length));
}

/** Gives the multibase text of a key with its curve, as in `publicKeyMultibase` of a Multikey. */
export function formatMultikey(key: PublicKey): string {
  return key.didKey.slice(didKeyPrefix.length);
}

/**
 * Reads the multibase text of a compressed key with its curve.
 * @throws ProtocolError InvalidKey for another curve or encoding, and for points that are not on the curve
 */
export function parseMultikey(multibase: string): PublicKey {
  const prefixed = fromBase58Multibase(multibase);
  for (const curve of ['k256', 'p256'] as const) {
    const [first, second] = multicodecByCurve[curve];
    if (prefixed[0] !== first || prefixed[1] !== second) continue;
    if (prefixed.length !== 2 + compressedBytes) throw new ProtocolError('InvalidKey', `multikey is not a compressed point: bytes=${prefixed.length - 2}`);
    return publicKeyFromPoint(curve, prefixed.subarray(2));
  }
  throw new ProtocolError('InvalidKey', 'multikey is neither p256 nor k256');
}

/**
 * Reads a verification method of a DID document: `Multikey`, or one of the two older types with a bare point.
 * Gives null for other types and for keys that cannot be read.
 */
export function parseVerificationMethod(type: string, publicKeyMultibase: string): PublicKey | null {
  try {
    if (type === 'Multikey') return parseMultikey(publicKeyMultibase);
    const curve = curveByMethodType.get(type);
    return curve === undefined ? null : publicKeyFromPoint(curve, fromBase58Multibase(publicKeyMultibase));
  } catch (fault) {
    if (fault instanceof ProtocolError) return null;
    throw fault;
  }
}
