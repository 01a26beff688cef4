/**
 * Says which texts can be e-mail addresses. Whether mail arrives there, a code shows (`mail/mail-codes.ts`).
 * Used at sign-up and when an address changes. Addresses of throw-away services are not refused: their list is somebody's opinion.
 * Source: RFC 5321 for the length; form kept simple on purpose. Text of the refusal as the reference PDS.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** Longest e-mail address, in characters (RFC 5321). */
export const maxEmailLength = 254;

/** Tells whether a text can be an e-mail address. */
export function isEmail(text: string): boolean {
  return text.length <= maxEmailLength && /^[^\s@:/<>,;"]+@[^\s@:/<>,;"]+\.[^\s@:/.<>,;"]+$/.test(text);
}

/** Checks that a text can be an e-mail address. @throws XrpcError 400 InvalidRequest */
export function checkEmail(text: string): void {
  if (!isEmail(text)) throw invalidRequest('This email address is not supported, please use a different email.');
}
