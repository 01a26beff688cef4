/**
 * Random bytes from the machine's generator, fit for keys, salts and token ids.
 * Not for back-off jitter or sampling, where Math.random is enough.
 * Source: node:crypto, which draws from the operating system.
 */
import { randomBytes as nodeRandomBytes } from 'node:crypto';

/** Gives `count` random bytes. */
export function randomBytes(count: number): Uint8Array {
  return new Uint8Array(nodeRandomBytes(count));
}
