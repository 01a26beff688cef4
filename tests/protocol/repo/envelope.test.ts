import { describe, expect, test } from '@jest/globals';
import { isValidDatetime } from '@atproto/syntax';
import * as fc from 'fast-check';
import { isDatetime, isDid, isRecordPath } from '@dunlin/protocol/repo/envelope';
import { dropReasons, refuse } from '@dunlin/protocol/repo/drop-reason';
import { readLines, vectorsFolder } from '../../harness/vectors.ts';

const folder = vectorsFolder();
const lines = (name: string, own: string[]): string[] => [...own, ...(folder === null ? [] : readLines(folder, 'syntax', name))];

describe('datetimes', () => {
  test.each(lines('datetime_syntax_valid.txt', ['2026-11-24T02:35:13.275Z', '2024-02-29T00:00:00.000Z', '1985-04-12T23:20:50Z', '1985-04-12T23:20:50.123+01:45']))('%s is one', (text) => {
    expect(isDatetime(text)).toBe(true);
  });

  test.each([...lines('datetime_syntax_invalid.txt', ['2026-11-24', '2025-02-32T00:00:00.000Z', '2026-04-31T00:00:00.000Zx']), ...lines('datetime_parse_invalid.txt', [])])('%j is none', (text) => {
    expect(isDatetime(text)).toBe(false);
  });

  test('are what the syntax package says, with any one character changed', () => {
    fc.assert(fc.property(fc.nat(23), fc.constantFrom(...'0123456789-:.TZ+ a'), fc.date({ min: new Date(0), max: new Date('2099-12-31'), noInvalidDate: true }), (at, letter, date) => {
      const text = date.toISOString();
      const changed = text.slice(0, at) + letter + text.slice(at + 1);
      expect(isDatetime(text)).toBe(true);
      expect([changed, isDatetime(changed)]).toEqual([changed, isValidDatetime(changed)]);
    }), { numRuns: 2000 });
  });
});

describe('DIDs', () => {
  test.each(lines('did_syntax_valid.txt', ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:web:example.com']))('%s is one', (text) => {
    expect(isDid(text)).toBe(true);
  });

  test.each(lines('did_syntax_invalid.txt', ['', 'did:plc', 'DID:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:plc:ewvi7nxzyoun6zhxrhs64oi%']))('%j is none', (text) => {
    expect(isDid(text)).toBe(false);
  });

  test('a did:plc is base32', () => {
    for (const id of ['ewvi7nxzyoun6zhxrhs64oi1', 'ewvi7nxzyoun6zhxrhs64oi8', 'Ewvi7nxzyoun6zhxrhs64oiz', 'ewvi7nxzyoun6zhxrhs64oi:']) expect(isDid(`did:plc:${id}`)).toBe(false);
  });
});

describe('record paths', () => {
  test.each(['app.bsky.feed.post/3jzfcijpj2z2a', 'com.example.a/self', 'com.example.a/~.-_:A', `com.example.a/${'x'.repeat(512)}`, 'com.example.fooBar/x'])('%.60s is one', (path) => {
    expect(isRecordPath(path)).toBe(true);
    expect(isRecordPath(path)).toBe(true);
  });

  test.each(['', '/', 'a/b', 'com.example.a', 'com.example.a/', '/x', 'com.example.a/.', 'com.example.a/..', 'com.example.a/x/y', 'com.example.a//x', 'com.example.a/x y', 'com.example.a/é', 'com.exa mple.a/x', `com.example.a/${'x'.repeat(513)}`, 'com.example.3/x', '.com.example.a/x'])('%.60j is none', (path) => {
    expect(isRecordPath(path)).toBe(false);
  });

  test('more collections than are remembered are still told apart', () => {
    for (let n = 0; n < 5000; n++) expect(isRecordPath(`com.example.a${n}/x`)).toBe(true);
    expect(isRecordPath('com.example.a 1/x')).toBe(false);
  });
});

test('every reason says in a sentence what is wrong', () => {
  for (const sentence of Object.values(dropReasons)) expect(sentence).toMatch(/^[A-Za-z].*\.$/);
  expect(refuse('badFrame', 'x')).toEqual({ accepted: false, reason: 'badFrame', detail: 'x' });
});
