/** Record keys of reactions: 24 characters that depend on subject and emoji only. */
import { createHash } from 'node:crypto';
import { ensureValidRecordKey } from '@atproto/syntax';
import { reactionRecordKey } from '@dunlin/appview/reactions/reaction-key';

test('is the first 15 bytes of sha256 over subject, LF and emoji key, in base32', async () => {
  const subject = 'at://did:plc:44ybard66vv44zksje25o7dz/app.bsky.feed.post/3jwdwj2ctlk26';
  const bytes = createHash('sha256').update(`${subject}\n❤`).digest().subarray(0, 15);
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const expected = bits.match(/.{5}/g)?.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five, 2)]).join('');
  expect(await reactionRecordKey(subject, '❤')).toBe(expected);
});

test('is a valid record key of 24 characters, another for another emoji or subject', async () => {
  const keys = await Promise.all([
    reactionRecordKey('https://example.com/', '❤'),
    reactionRecordKey('https://example.com/', '👍'),
    reactionRecordKey('https://example.com/a', '❤'),
  ]);
  for (const key of keys) {
    expect(key).toHaveLength(24);
    expect(() => ensureValidRecordKey(key)).not.toThrow();
  }
  expect(new Set(keys).size).toBe(3);
});
