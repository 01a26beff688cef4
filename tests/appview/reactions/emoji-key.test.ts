/** Emoji keys: what is counted together, what is no emoji, and the way back. */
import * as fc from 'fast-check';
import { emojiForKey, emojiKey } from '@dunlin/appview/reactions/emoji-key';

test.each([
  ['❤️', '❤', '❤️'],
  ['❤', '❤', '❤️'],
  ['👍🏽', '👍', '👍'],
  ['👍', '👍', '👍'],
  ['1️⃣', '1⃣', '1️⃣'],
  ['👩🏽‍🚀', '👩‍🚀', '👩‍🚀'],
  ['❤️‍🔥', '❤‍🔥', '❤️‍🔥'],
  ['🏳️‍🌈', '🏳‍🌈', '🏳️‍🌈'],
  ['🇩🇪', '🇩🇪', '🇩🇪'],
  ['☠️', '☠', '☠️'],
])('%s is grouped as %s and shown as %s', (value, key, shown) => {
  expect(emojiKey(value)).toBe(key);
  expect(emojiForKey(key)).toBe(shown);
});

test('a handshake of two skin tones is an emoji', () => {
  expect(emojiKey('🫱🏻‍🫲🏿')).not.toBeNull();
});

test.each(['', 'a', '1', '#', '👍👍', 'Z̷̢', '👍 ', '‍', '️', '❤️'.repeat(8), 'é'])('%j is no emoji', (value) => {
  expect(emojiKey(value)).toBeNull();
});

test('a key is its own key, and what is shown for it has the same key', () => {
  const emoji = fc.constantFrom('❤️', '❤', '👍🏽', '👩🏿‍🚀', '🏴‍☠️', '☝🏼', '🤝🏻', '🫶🏾', '1️⃣', '⚡', '☀️', '👨‍👩‍👧‍👦');
  fc.assert(
    fc.property(emoji, (value) => {
      const key = emojiKey(value) ?? '';
      expect(emojiKey(key)).toBe(key);
      expect(emojiKey(emojiForKey(key))).toBe(key);
    }),
  );
});
