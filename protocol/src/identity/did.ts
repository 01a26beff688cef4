/**
 * What a DID may look like here: syntax, and the two methods the network uses.
 * Not for finding out what a DID stands for (see resolver).
 * A DID is compared as text, byte for byte; nothing here changes its case.
 * Source: AT Protocol spec "DID"; did:plc v0.3 "Identifier Syntax".
 */
import { isValidDid } from '@atproto/syntax';

const plcSyntax = /^did:plc:[a-z2-7]{24}$/;

/** The methods that can be resolved. */
export type DidMethod = 'plc' | 'web';

/** Tells whether a text is a DID of any method: at most 2,048 characters, no query, no fragment. */
export function isDid(text: unknown): text is string {
  return isValidDid(text);
}

/** Tells whether a text is a did:plc: 24 characters of base32 behind the method. */
export function isPlcDid(text: string): boolean {
  return plcSyntax.test(text);
}

/** Gives the method of a DID that can be resolved here, null for another method or broken syntax. */
export function didMethod(did: string): DidMethod | null {
  if (!isDid(did)) return null;
  if (isPlcDid(did)) return 'plc';
  return did.startsWith('did:web:') ? 'web' : null;
}
