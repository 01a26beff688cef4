/**
 * Private keys that sign: always 64 bytes r and s, always low-S, over the SHA-256 of the message.
 * k256 signatures are deterministic (RFC 6979); p256 ones come from OpenSSL with a random nonce.
 * Not for storing keys: `privateBytes` hands them out, the caller guards them. Source: atproto.com/specs/cryptography.
 */
import { createECDH, createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import secp256k1 from 'secp256k1';
import { toBase64Url } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { publicKeyFromPoint, uncompressedPoint } from './did-key.ts';
import type { Curve, PublicKey } from './did-key.ts';
import { sha256 } from './hash.ts';
import { toLowS } from './low-s.ts';
import { randomBytes } from './random.ts';

const privateKeyBytes = 32;

/** A private key with its public half. */
export class Keypair {
  readonly curve: Curve;
  readonly publicKey: PublicKey;
  readonly #privateBytes: Uint8Array;
  readonly #p256Key: KeyObject | null;

  private constructor(curve: Curve, privateBytes: Uint8Array, publicKey: PublicKey) {
    this.curve = curve;
    this.publicKey = publicKey;
    this.#privateBytes = privateBytes;
    this.#p256Key = curve === 'p256' ? p256PrivateKey(privateBytes, publicKey) : null;
  }

  /** Makes a new random key, k256 unless told otherwise. */
  static generate(curve: Curve = 'k256'): Keypair {
    for (;;) {
      const bytes = randomBytes(privateKeyBytes);
      const point = publicPoint(curve, bytes);
      // One in 2^32 random numbers at most lies beyond the order of p256; the next one will do.
      if (point !== null) return new Keypair(curve, bytes, publicKeyFromPoint(curve, point));
    }
  }

  /**
   * Gives the key for 32 private bytes, which are copied.
   * @throws ProtocolError InvalidKey when they are zero, beyond the curve's order, or not 32
   */
  static fromPrivateBytes(curve: Curve, bytes: Uint8Array): Keypair {
    const point = bytes.length === privateKeyBytes ? publicPoint(curve, bytes) : null;
    if (point === null) throw new ProtocolError('InvalidKey', `bytes are not a private key: curve=${curve} bytes=${bytes.length}`);
    return new Keypair(curve, new Uint8Array(bytes), publicKeyFromPoint(curve, point));
  }

  /** The did:key of the public half. */
  get did(): string {
    return this.publicKey.didKey;
  }

  /** Gives the signature of the message: 64 bytes, low-S. */
  sign(message: Uint8Array): Uint8Array {
    if (this.#p256Key === null) return secp256k1.ecdsaSign(sha256(message), this.#privateBytes, {}, new Uint8Array(64)).signature;
    const signature = sign('sha256', message, { key: this.#p256Key, dsaEncoding: 'ieee-p1363' });
    return toLowS('p256', new Uint8Array(signature));
  }

  /** Gives a copy of the 32 private bytes, for storing them under guard. */
  privateBytes(): Uint8Array {
    return new Uint8Array(this.#privateBytes);
  }

  /** Keeps the private bytes out of JSON and logs. */
  toJSON(): string {
    return this.did;
  }
}

function publicPoint(curve: Curve, privateBytes: Uint8Array): Uint8Array | null {
  try {
    if (curve === 'k256') return secp256k1.publicKeyCreate(privateBytes, true, new Uint8Array(33));
    const exchange = createECDH('prime256v1');
    exchange.setPrivateKey(privateBytes);
    return new Uint8Array(exchange.getPublicKey());
  } catch {
    return null;
  }
}

function p256PrivateKey(privateBytes: Uint8Array, publicKey: PublicKey): KeyObject {
  const point = uncompressedPoint(publicKey);
  const jwk = { kty: 'EC', crv: 'P-256', d: toBase64Url(privateBytes), x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) };
  return createPrivateKey({ format: 'jwk', key: jwk });
}
