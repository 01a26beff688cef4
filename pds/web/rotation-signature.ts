/**
 * An operation of the did:plc directory, signed with a recovery key: in this browser, where the person shows the key as its file or its text
 * (P-256 or secp256k1; it stays in this page), or by another program, which is given the operation and whose signature is pasted.
 * Source: did:plc v0.3 (DAG-CBOR, ECDSA with low S over its SHA-256).
 */
import { curves, publicPoint, signDigest, withLowS } from './curves.ts';
import { curveCodes, didKeyOf, fromBase64Url, fromHex, fromMultibase } from './recovery-key.ts';

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

type CurveName = keyof typeof curves;

/** Codes that name private keys in multibase. */
const secretCodes: readonly (readonly [CurveName, number, number])[] = [['p256', 0x86, 0x26], ['k256', 0x81, 0x26]];

/** Reads a key out of its file or text. Hex does not say of which curve it is: then there are two, and the identity tells which is meant. @throws Error with a sentence */
export function readSigners(text: string): Signer[] {
  const signers = secretsOf(text).flatMap(({ curve, secret }) => {
    const point = publicPoint(curves[curve], secret);
    return point === null ? [] : [signerOf(curve, secret, point)];
  });
  if (signers.length === 0) throw new Error('this is no key');
  return signers;
}

function signerOf(curve: CurveName, secret: Uint8Array, point: Uint8Array): Signer {
  const sign = curve === 'p256' ? nativeSign(secret, point) : async (bytes: Uint8Array<ArrayBuffer>) => signDigest(curves.k256, secret, new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
  return {
    didKey: didKeyOf(point, curve),
    sign: async (change) => ({ ...change, sig: toBase64Url(await sign(encodeCbor(change))) }),
  };
}

/** The browser's own way for its own curve. */
function nativeSign(secret: Uint8Array, point: Uint8Array): (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> {
  const jwk = { kty: 'EC', crv: 'P-256', d: toBase64Url(secret), x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) };
  return async (bytes) => {
    const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
    return withLowS(curves.p256, new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes)));
  };
}

/** Finds the 32 bytes: the multibase of the file first, else 64 hex digits. */
function secretsOf(text: string): { curve: CurveName; secret: Uint8Array }[] {
  for (const [found] of text.matchAll(/\bz[1-9A-HJ-NP-Za-km-z]{40,60}\b/g)) {
    const bytes = fromMultibase(found);
    if (bytes?.length !== 34) continue;
    for (const [curve, first, second] of secretCodes) if (bytes[0] === first && bytes[1] === second) return [{ curve, secret: bytes.subarray(2) }];
  }
  const hex = /\b(?:0x)?([0-9a-f]{64})\b/i.exec(text)?.[1];
  if (hex === undefined) throw new Error('there is no recovery key in this');
  return secretCodes.map(([curve]) => ({ curve, secret: fromHex(hex) }));
}

/** Reads what another program made of an operation: the whole with its signature, or the signature alone, as base64url or hex. @throws Error with a sentence */
export function readSignature(text: string, change: PlcChange, didKey: string): PlcChange & { readonly sig: string } {
  const bytes = signatureIn(text.trim(), change);
  if (bytes.length !== 64) throw new Error('a signature has 64 bytes: 86 signs of base64url, or 128 hex digits');
  const isP256 = fromMultibase(didKey.slice('did:key:'.length))?.[0] === curveCodes.p256[0];
  return { ...change, sig: toBase64Url(withLowS(isP256 ? curves.p256 : curves.k256, bytes)) };
}

function signatureIn(text: string, change: PlcChange): Uint8Array {
  if (/^[0-9a-f]{128}$/i.test(text)) return fromHex(text);
  if (/^[\w-]+=*$/.test(text)) return fromBase64Url(text);
  const { sig, ...said } = parsed(text);
  if (typeof sig !== 'string') throw new Error('there is no signature in this');
  if (hexOf(encodeCbor(said)) !== hexOf(encodeCbor(change))) throw new Error('this is the signature of another operation');
  return fromBase64Url(sig);
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new Error('this is neither a signature nor a signed operation');
}

/** Gives the bytes that are signed, as hex. */
export function signedBytes(change: PlcChange): string {
  return hexOf(encodeCbor(change));
}

/** DAG-CBOR of texts, lists and maps; keys by length, then by byte. */
export function encodeCbor(value: unknown): Uint8Array<ArrayBuffer> {
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
