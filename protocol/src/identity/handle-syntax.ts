/**
 * What a handle may look like, and which handles can never resolve.
 * Not for asking DNS or the web (see handle).
 * Handles are case-insensitive; everything behind this file has them in lower case.
 * Source: AT Protocol spec "Handle", "Additional Non-Syntax Restrictions".
 */
import { DISALLOWED_TLDS, isValidHandle } from '@atproto/syntax';

/** What APIs show where an account has no handle that points back to it. */
export const invalidHandle = 'handle.invalid';

/** Gives the handle in lower case, null when the text is not one. */
export function parseHandle(text: string): string | null {
  return text.length <= 253 && isValidHandle(text) ? text.toLowerCase() : null;
}

/** Tells whether a name ends in `.test`, which stands for nobody outside of development. */
export function isTestHandle(handle: string): boolean {
  return handle.endsWith('.test');
}

/** Tells whether a lower-case host name is under a top level domain that must not be resolved. */
export function isReservedHost(host: string): boolean {
  return DISALLOWED_TLDS.some((tld) => host.endsWith(tld));
}
