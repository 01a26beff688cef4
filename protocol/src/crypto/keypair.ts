/**
 * Private keys that sign: always 64 bytes r and s, always low-S, over the SHA-256 of the message.
 * k256 signatures are deterministic (RFC 6979) by libsecp256k1; those of OpenSSL have a random nonce.
 * Not for storing keys: `privateBytes` hands them out, the caller guards them. Source: atproto.com/specs/cryptography.
 */
import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ProtocolError } from '../base/errors.ts';
import { publicKeyFromPoint, uncompressedPoint } from './did-key.ts';
import type { Curve, PublicKey } from './did-key.ts';
import { sha256 } from './hash.ts';
import { nativeK256 } from './k256-native.ts';
import { signatureBytes, toLowS } from './low-s.ts';
import { privateKeyObject, publicPoint } from './openssl-key.ts';
import { randomBytes } from './random.ts';

const privateKeyBytes = 32;

/** A private key with its public half. */
export class Keypair {
  readonly curve: Curve;
  readonly publicKey: PublicKey;
  readonly #privateBytes: Uint8Array;
  #opensslKey: KeyObject | null = null;

  private constructor(curve: Curve, privateBytes: Uint8Array, publicKey: PublicKey) {
    this.curve = curve;
    this.publicKey = publicKey;
    this.#privateBytes = privateBytes;
  }

  /** Makes a new random key, k256 unless told otherwise. */
  static generate(curve: Curve = 'k256'): Keypair {
    for (;;) {
      const bytes = randomBytes(privateKeyBytes);
      const publicKey = publicKeyOf(curve, bytes);
      // One in 2^32 random numbers at most lies beyond the order of p256; the next one will do.
      if (publicKey !== null) return new Keypair(curve, bytes, publicKey);
    }
  }

  /**
   * Gives the key for 32 private bytes, which are copied.
   * @throws ProtocolError InvalidKey when they are zero, beyond the curve's order, or not 32
   */
  static fromPrivateBytes(curve: Curve, bytes: Uint8Array): Keypair {
    const publicKey = bytes.length === privateKeyBytes ? publicKeyOf(curve, bytes) : null;
    if (publicKey === null) throw new ProtocolError('InvalidKey', `bytes are not a private key: curve=${curve} bytes=${bytes.length}`);
    return new Keypair(curve, new Uint8Array(bytes), publicKey);
  }

  /** The did:key of the public half. */
  get did(): string {
    return this.publicKey.didKey;
  }

  /** Gives the signature of the message: 64 bytes, low-S. */
  sign(message: Uint8Array): Uint8Array {
    if (this.curve !== 'k256' || nativeK256 === null) return this.signByOpenssl(message);
    return nativeK256.ecdsaSign(sha256(message), this.#privateBytes, {}, new Uint8Array(signatureBytes)).signature;
  }

  /** Signs by OpenSSL: for p256, and for k256 where libsecp256k1 is missing. */
  signByOpenssl(message: Uint8Array): Uint8Array {
    this.#opensslKey ??= privateKeyObject(this.curve, this.#privateBytes, uncompressedPoint(this.publicKey));
    return toLowS(this.curve, new Uint8Array(sign('sha256', message, { key: this.#opensslKey, dsaEncoding: 'ieee-p1363' })));
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

function publicKeyOf(curve: Curve, privateBytes: Uint8Array): PublicKey | null {
  let point: Uint8Array;
  try {
    point = publicPoint(curve, privateBytes);
  } catch {
    return null;
  }
  return publicKeyFromPoint(curve, point);
}
