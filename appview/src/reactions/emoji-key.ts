/**
 * What two emoji must share to be counted together: the value without variation selectors and skin tones.
 * Also the way back, from a key to the emoji that is shown for the group.
 * Pure and free of Node, because the web page computes the same keys.
 * Source: ours, see the description of lexicons/app.dunlin.live.reaction.json; emoji sets are Unicode's (UTS 51).
 */

const foldedAway = /\uFE0E|\uFE0F|\p{Emoji_Modifier}/gu;
const textByDefault = /(?!\p{Emoji_Presentation})(?=\p{Emoji})[^0-9#*]|[0-9#*](?=\u20E3)/gu;
const known = /^\p{RGI_Emoji}$/v;
const yetUnknown = /^\p{Extended_Pictographic}$/u;

/** Keys found before: a stream says the same few emoji over and over. */
const keys = new Map<string, string | null>();
const maxRemembered = 2_048;

/** Gives the emoji as it is grouped by, or null when the value is no emoji (letters, stacked marks, two emoji). */
export function emojiKey(value: string): string | null {
  const remembered = keys.get(value);
  if (remembered !== undefined) return remembered;
  if (keys.size >= maxRemembered) keys.clear();
  const key = findKey(value);
  keys.set(value, key);
  return key;
}

function findKey(value: string): string | null {
  const key = value.normalize('NFC').replace(foldedAway, '');
  return known.test(value) || known.test(emojiForKey(key)) || yetUnknown.test(key) ? key : null;
}

/** Gives the emoji to show for a key: fully qualified, in the default skin tone. */
export function emojiForKey(key: string): string {
  return key.replace(textByDefault, '$&\uFE0F');
}
