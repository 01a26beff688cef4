/**
 * The lower half of a curve's order: of the two signatures (r, s) and (r, n − s) only the one with the lower s counts.
 * Place: between the signature libraries and everybody else; libsecp256k1 checks by itself, OpenSSL does not.
 * Source: atproto.com/specs/cryptography "low-S", BIP-62.
 */
import type { Curve } from './openssl-key.ts';

/** Length of a signature: r and s, 32 bytes each, big-endian. */
export const signatureBytes = 64;

const orderByCurve = {
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  k256: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
} as const;

function toBytes32(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
}

const halfOrderByCurve = { p256: toBytes32(orderByCurve.p256 >> 1n), k256: toBytes32(orderByCurve.k256 >> 1n) } as const;

/** Tells whether the s of a 64-byte signature is in the lower half. */
export function isLowS(curve: Curve, signature: Uint8Array): boolean {
  const half = halfOrderByCurve[curve];
  for (let index = 0; index < 32; index++) {
    const difference = signature[32 + index]! - half[index]!;
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Gives the signature with its s in the lower half: the same array when it already is, else a new one. An s beyond the order stays as it is. */
export function toLowS(curve: Curve, signature: Uint8Array): Uint8Array {
  if (isLowS(curve, signature)) return signature;
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  if (s >= orderByCurve[curve]) return signature;
  const low = new Uint8Array(signature);
  low.set(toBytes32(orderByCurve[curve] - s), 32);
  return low;
}
