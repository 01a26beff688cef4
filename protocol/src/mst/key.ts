/**
 * Keys of the Merkle search tree: which texts are keys, and how high in the tree a key stands.
 * A key is `collection/rkey` in ASCII; whether the collection is an NSID and the rkey a record key is the writer's business.
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { sha256Latin1 } from '../crypto/hash.ts';

/** Longest key, in bytes. Reference: 1,024; the longest valid NSID, a slash and the longest record key take 830. */
export const maxKeyBytes = 1024;

/** The slash between collection and rkey. */
export const slashByte = 0x2f;

/** Tells by byte what may stand in a key besides the slash: 1 for a-z A-Z 0-9 _ ~ - : . */
export const keyBytes = new Uint8Array(256);
for (const letter of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_~-:.') keyBytes[letter.charCodeAt(0)] = 1;

/** Gives the layer of a key, 0 at the bottom: leading zero bits of its SHA-256, counted in twos. */
export function keyHeight(key: Uint8Array | string): number {
  const digest = sha256Latin1(key);
  let height = 0;
  for (let index = 0; index < 32; index++) {
    const byte = digest.charCodeAt(index);
    if (byte !== 0) return height + (byte < 4 ? 3 : byte < 16 ? 2 : byte < 64 ? 1 : 0);
    height += 4;
  }
  return height;
}

/** Tells whether a text can be a key: two non-empty parts around one slash, allowed characters only, at most 1,024 bytes. */
export function isValidMstKey(key: string): boolean {
  if (key.length > maxKeyBytes) return false;
  const slash = key.indexOf('/');
  if (slash < 1 || slash === key.length - 1) return false;
  for (let index = 0; index < key.length; index++) {
    const code = key.charCodeAt(index);
    if (index !== slash && (code > 255 || keyBytes[code] === 0)) return false;
  }
  return true;
}
