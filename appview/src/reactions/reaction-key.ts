/**
 * The record key of a reaction: the same person, subject and emoji always give the same key.
 * So writing twice is one record, and taking back needs no look-up.
 * Pure and free of Node (Web Crypto only), because the web page computes the same keys.
 * Source: ours, see the description of lexicons/app.dunlin.live.reaction.json.
 */

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const keyBytes = 15;

/** Gives the 24-character key for a subject in its normal form and an emoji key (or the URI of a custom emoji). */
export async function reactionRecordKey(subjectUri: string, emojiKey: string): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${subjectUri}\n${emojiKey}`));
  let bits = '';
  for (const byte of new Uint8Array(digest, 0, keyBytes)) bits += byte.toString(2).padStart(8, '0');
  return bits.replace(/.{5}/g, (five) => alphabet[parseInt(five, 2)]);
}
