/**
 * What people type as a second factor, told apart by its form: six digits of an authenticator app, or ten letters of a written code.
 * Written codes are recovery codes and sign-in codes; they are kept as a hash that holds for one account only.
 * Spaces, hyphens and the case of letters do not matter. Source: ours; form of codes as the reference PDS mails them.
 */
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { randomCode } from '../account/random-code.ts';

/** What was typed. */
export type TypedFactor = { kind: 'totp'; code: string } | { kind: 'written'; code: string } | { kind: 'neither' };

/** Longest text that is looked at, in characters. */
const maxTypedLength = 64;

/** Tells what was typed; codes come without spaces and hyphens, in capitals. */
export function readFactor(typed: string): TypedFactor {
  const code = typed.slice(0, maxTypedLength).replaceAll(/[\s-]/g, '').toUpperCase();
  if (/^[0-9]{6}$/.test(code)) return { kind: 'totp', code };
  return /^[A-Z2-7]{10}$/.test(code) ? { kind: 'written', code } : { kind: 'neither' };
}

/** Gives a new written code, such as ABCDE-FGH23. */
export function newWrittenCode(): string {
  return randomCode([5, 5]).toUpperCase();
}

/** Gives what is kept of a written code, with or without its hyphen. */
export function writtenCodeHash(accountId: number, code: string): Uint8Array {
  return sha256(utf8Encode(`${accountId}:${code.replaceAll('-', '')}`));
}
