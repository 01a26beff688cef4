/**
 * Codes for people: random letters and digits in groups, easy to read out and to type.
 * Five bits a character, from the alphabet of base32 (no 0, 1, 8, 9), so nothing is mistaken for something else.
 * Not for keys and tokens, which need more. Source: form as the reference PDS.
 */
import { toBase32 } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';

/** Gives a code in lower case; `groups` says how many characters each group has, groups are joined by a hyphen. */
export function randomCode(groups: readonly number[]): string {
  const length = groups.reduce((sum, count) => sum + count, 0);
  const text = toBase32(randomBytes(Math.ceil((length * 5) / 8)));
  let at = 0;
  return groups.map((count) => text.slice(at, (at += count))).join('-');
}
