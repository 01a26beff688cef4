/**
 * libsecp256k1 through npm's `secp256k1`, eight times as quick as OpenSSL for this curve.
 * Its addon comes prebuilt for the common machines. Where it is missing the package would fall back to slow JavaScript;
 * here OpenSSL takes over instead (crypto/signature, crypto/keypair), so only the addon itself is loaded.
 * Source: github.com/bitcoin-core/secp256k1.
 */
import { createRequire } from 'node:module';
import type secp256k1 from 'secp256k1';

function load(): typeof secp256k1 | null {
  try {
    return createRequire(import.meta.url)('secp256k1/bindings.js') as typeof secp256k1;
  } catch {
    return null;
  }
}

/** The addon, or null on a machine that has none. */
export const nativeK256: typeof secp256k1 | null = load();
