/**
 * An operation of the did:plc directory, signed in this browser with a recovery key that the person shows as its file or its text.
 * The key stays in this page. P-256 only: that is what this server's pages make; keys of secp256k1 need a program such as goat.
 * Source: did:plc v0.3 (DAG-CBOR, ECDSA with low S), FIPS 186-5 for the curve.
 */
import { didKeyOf, fromHex, fromMultibase } from './recovery-key.ts';

/** What an operation says. */
export interface PlcChange {
  readonly type: 'plc_operation';
  readonly prev: string;
  readonly rotationKeys: readonly string[];
  readonly alsoKnownAs: readonly string[];
  readonly verificationMethods: Readonly<Record<string, string>>;
  readonly services: Readonly<Record<string, { readonly type: string; readonly endpoint: string }>>;
}

/** A key that signs. */
export interface Signer {
  readonly didKey: string;
  sign(change: PlcChange): Promise<PlcChange & { readonly sig: string }>;
}

const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const base: Point = [0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n, 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n];

type Point = readonly [x: bigint, y: bigint];

/** Reads a key out of its file or text. @throws Error with a sentence */
export async function readSigner(text: string): Promise<Signer> {
  const secret = secretOf(text);
  const number = BigInt(`0x${hexOf(secret)}`);
  if (number === 0n || number >= order) throw new Error('this is no key');
  const [x, y] = times(base, number);
  const point = fromHex(`04${x.toString(16).padStart(64, '0')}${y.toString(16).padStart(64, '0')}`);
  const jwk = { kty: 'EC', crv: 'P-256', d: toBase64Url(secret), x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) };
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  return {
    didKey: didKeyOf(point),
    async sign(change) {
      const signature = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, encodeCbor(change) as BufferSource));
      return { ...change, sig: toBase64Url(withLowS(signature)) };
    },
  };
}

/** Finds the 32 bytes: the multibase of the file first, else 64 hex digits. */
function secretOf(text: string): Uint8Array {
  for (const [found] of text.matchAll(/\bz[1-9A-HJ-NP-Za-km-z]{40,60}\b/g)) {
    const bytes = fromMultibase(found);
    if (bytes?.length !== 34) continue;
    if (bytes[0] === 0x86 && bytes[1] === 0x26) return bytes.subarray(2);
    if (bytes[0] === 0x81 && bytes[1] === 0x26) throw new Error('this is a key of another kind (secp256k1), which this page cannot use; a program such as goat can');
  }
  const hex = /\b[0-9a-f]{64}\b/i.exec(text)?.[0];
  if (hex === undefined) throw new Error('there is no recovery key in this');
  return fromHex(hex);
}

function mod(value: bigint): bigint {
  const rest = value % prime;
  return rest < 0n ? rest + prime : rest;
}

/** By the extended algorithm of Euclid. */
function inverse(value: bigint): bigint {
  let [a, b, x, y] = [mod(value), prime, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return mod(x);
}

function plus(p: Point | null, q: Point): Point | null {
  if (p === null) return q;
  if (p[0] === q[0] && p[1] !== q[1]) return null;
  const slope = p[0] === q[0] ? mod((3n * p[0] * p[0] - 3n) * inverse(2n * p[1])) : mod((q[1] - p[1]) * inverse(q[0] - p[0]));
  const x = mod(slope * slope - p[0] - q[0]);
  return [x, mod(slope * (p[0] - x) - p[1])];
}

function times(point: Point, factor: bigint): Point {
  let sum: Point | null = null;
  for (const bit of factor.toString(2)) {
    if (sum !== null) sum = plus(sum, sum);
    if (bit === '1') sum = plus(sum, point);
  }
  if (sum === null) throw new Error('this is no key');
  return sum;
}

/** Of the two signatures that hold, the one the network takes. */
function withLowS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${hexOf(signature.subarray(32))}`);
  return s <= order / 2n ? signature : fromHex(`${hexOf(signature.subarray(0, 32))}${(order - s).toString(16).padStart(64, '0')}`);
}

/** DAG-CBOR of texts, lists and maps; keys by length, then by byte. */
export function encodeCbor(value: unknown): Uint8Array {
  const bytes: number[] = [];
  const head = (major: number, length: number): void => {
    if (length < 24) bytes.push((major << 5) | length);
    else if (length < 256) bytes.push((major << 5) | 24, length);
    else bytes.push((major << 5) | 25, length >> 8, length & 255);
  };
  const write = (part: unknown): void => {
    if (part === null) return void bytes.push(0xf6);
    if (typeof part === 'string') {
      const text = new TextEncoder().encode(part);
      head(3, text.length);
      return void bytes.push(...text);
    }
    if (Array.isArray(part)) {
      head(4, part.length);
      return part.forEach(write);
    }
    const entries = Object.entries(part as object).toSorted(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
    head(5, entries.length);
    for (const [key, entry] of entries) {
      write(key);
      write(entry);
    }
  };
  write(value);
  return Uint8Array.from(bytes);
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
