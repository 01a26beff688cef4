/**
 * The two curves of keys that may rule an identity, as far as a browser does not have them: public points of both, and signatures of
 * secp256k1, which WebCrypto does not know. Numbers of any size, so not in constant time: for the one signature that a person's own browser
 * makes with their own key, and for nothing else.
 * Source: SEC 2, FIPS 186-5, RFC 6979 for the nonce; compared with libsecp256k1 in tests/pds/web/rotation-signature.test.ts.
 */
import { fromHex } from './recovery-key.ts';

type Point = readonly [x: bigint, y: bigint];

/** A curve y² = x³ + ax + b over a prime field, with the point everything is counted from. */
export interface Curve {
  readonly prime: bigint;
  readonly a: bigint;
  readonly order: bigint;
  readonly base: Point;
}

/** The curves by the names atproto gives them. */
export const curves: Readonly<Record<'p256' | 'k256', Curve>> = {
  p256: {
    prime: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    a: -3n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    base: [0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n, 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n],
  },
  k256: {
    prime: 2n ** 256n - 2n ** 32n - 977n,
    a: 0n,
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    base: [0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n, 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n],
  },
};

/** Gives the point 04 x y of a private key; null when the bytes are no key of the curve. */
export function publicPoint(curve: Curve, secret: Uint8Array): Uint8Array | null {
  const number = numberOf(secret);
  if (secret.length !== 32 || number === 0n || number >= curve.order) return null;
  const [x, y] = times(curve, curve.base, number);
  return new Uint8Array([4, ...bytesOf(x), ...bytesOf(y)]);
}

/** Gives the signature r s of a SHA-256, with the lower of the two s. */
export async function signDigest(curve: Curve, secret: Uint8Array, digest: Uint8Array): Promise<Uint8Array> {
  const [order, key, hash] = [curve.order, numberOf(secret), numberOf(digest)];
  for await (const nonce of nonces(curve, secret, digest)) {
    const r = times(curve, curve.base, nonce)[0] % order;
    const s = mod(inverse(nonce, order) * mod(hash + r * key, order), order);
    if (r !== 0n && s !== 0n) return withLowS(curve, new Uint8Array([...bytesOf(r), ...bytesOf(s)]));
  }
  throw new Error('no signature could be made');
}

/** Gives of the two signatures that hold the one the network takes. */
export function withLowS({ order }: Curve, signature: Uint8Array): Uint8Array {
  const s = numberOf(signature.subarray(32));
  return s <= order / 2n ? signature : new Uint8Array([...signature.subarray(0, 32), ...bytesOf(order - s)]);
}

/** The numbers of RFC 6979, section 3.2. */
async function* nonces({ order }: Curve, secret: Uint8Array, digest: Uint8Array): AsyncGenerator<bigint, void, undefined> {
  const seed = [...secret, ...bytesOf(numberOf(digest) % order)];
  let [value, key] = [new Uint8Array(32).fill(1), new Uint8Array(32)];
  for (const step of [0, 1]) {
    key = await hmac(key, [...value, step, ...seed]);
    value = await hmac(key, [...value]);
  }
  for (;;) {
    value = await hmac(key, [...value]);
    const nonce = numberOf(value);
    if (nonce > 0n && nonce < order) yield nonce;
    key = await hmac(key, [...value, 0]);
    value = await hmac(key, [...value]);
  }
}

async function hmac(key: Uint8Array<ArrayBuffer>, message: readonly number[]): Promise<Uint8Array<ArrayBuffer>> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, Uint8Array.from(message)));
}

function mod(value: bigint, by: bigint): bigint {
  const rest = value % by;
  return rest < 0n ? rest + by : rest;
}

/** By the extended algorithm of Euclid. */
function inverse(value: bigint, by: bigint): bigint {
  let [a, b, x, y] = [mod(value, by), by, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return mod(x, by);
}

function plus({ prime, a }: Curve, p: Point | null, q: Point): Point | null {
  if (p === null) return q;
  if (p[0] === q[0] && p[1] !== q[1]) return null;
  const slope = p[0] === q[0] ? mod((3n * p[0] * p[0] + a) * inverse(2n * p[1], prime), prime) : mod((q[1] - p[1]) * inverse(q[0] - p[0], prime), prime);
  const x = mod(slope * slope - p[0] - q[0], prime);
  return [x, mod(slope * (p[0] - x) - p[1], prime)];
}

function times(curve: Curve, point: Point, factor: bigint): Point {
  let sum: Point | null = null;
  for (const bit of factor.toString(2)) {
    if (sum !== null) sum = plus(curve, sum, sum);
    if (bit === '1') sum = plus(curve, sum, point);
  }
  if (sum === null) throw new Error('this is no key');
  return sum;
}

/** 32 bytes, the most significant first. */
function bytesOf(number: bigint): Uint8Array {
  return fromHex(number.toString(16).padStart(64, '0'));
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
}
