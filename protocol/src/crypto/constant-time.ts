/**
 * Comparing secrets so that the time taken tells nothing about where they differ.
 * Not for public bytes (see base/bytes equalBytes, which is quicker).
 * Source: ours, invariant 14.
 */
import { timingSafeEqual } from 'node:crypto';
import { sha256 } from './hash.ts';
import { utf8Encode } from '../base/bytes.ts';

/** Tells whether two secrets are the same; time depends on their lengths alone. Texts are compared as UTF-8. */
export function constantTimeEqual(a: Uint8Array | string, b: Uint8Array | string): boolean {
  const left = typeof a === 'string' ? utf8Encode(a) : a;
  const right = typeof b === 'string' ? utf8Encode(b) : b;
  return timingSafeEqual(sha256(left), sha256(right)) && left.length === right.length;
}
