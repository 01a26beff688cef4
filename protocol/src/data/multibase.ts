/**
 * The text form of keys: base58btc with the multibase letter `z`.
 * Not for CIDs (data/cid reads base32 itself) nor for long inputs: base58 takes time by the square of the length.
 * Place: between a did:key or DID document and crypto/did-key. Source: github.com/multiformats/multibase.
 */
import { base58btc } from 'multiformats/bases/base58';
import { ProtocolError } from '../base/errors.ts';

const maxMultibaseLength = 256;

/** Gives the base58btc text, with its `z`. */
export function toBase58Multibase(bytes: Uint8Array): string {
  return base58btc.encode(bytes);
}

/**
 * Reads a base58btc text that begins with `z`.
 * @throws ProtocolError InvalidKey for another base, a wrong character or more than 256 characters
 */
export function fromBase58Multibase(text: string): Uint8Array {
  if (text.length > maxMultibaseLength || !text.startsWith('z')) {
    throw new ProtocolError('InvalidKey', `text is not base58btc multibase: length=${text.length}`);
  }
  try {
    return base58btc.decode(text);
  } catch (cause) {
    throw new ProtocolError('InvalidKey', `text is not base58btc multibase: length=${text.length}`, { cause });
  }
}
