import { describe, expect, test } from '@jest/globals';
import { isValidMstKey, keyHeight } from '@dunlin/protocol/mst/key';
import { sharedPrefix } from '@dunlin/protocol/mst/node';
import { readJson, readLines, vectorsFolder } from '../../harness/vectors.ts';

const folder = vectorsFolder();
const vectors = <T>(name: string, fallback: T[]): T[] => (folder === null ? fallback : readJson<T[]>(folder, 'mst', name));

describe('key heights', () => {
  const known = [
    { key: '', height: 0 },
    { key: 'com.example.record/3jqfcqzm3fp2j', height: 0 },
    { key: 'com.example.record/3jqfcqzm3fo2j', height: 0 },
    { key: 'com.example.record/3jqfcqzm4fc2j', height: 0 },
    { key: 'com.example.record/3jqfcqzm3fx2j', height: 2 },
  ];
  test.each([...known, ...vectors('key_heights.json', known)])('$key stands at $height', ({ key, height }) => {
    expect(keyHeight(key)).toBe(height);
    expect(keyHeight(new TextEncoder().encode(key))).toBe(height);
  });

  test(folder === null ? 'no folder of example keys here' : 'the example keys carry their height in their second character', () => {
    for (const key of folder === null ? [] : readLines(folder, 'mst', 'example_keys.txt')) expect(keyHeight(key)).toBe(Number(key[1]));
  });
});

test.each(vectors('common_prefix.json', [{ left: 'abc', right: 'abd', len: 2 }, { left: '', right: 'a', len: 0 }]))('$left and $right share $len', ({ left, right, len }) => {
  expect(sharedPrefix(left, right)).toBe(len);
});

describe('valid keys', () => {
  test.each(['a/b', 'com.example.record/3jqfcqzm3fp2j', 'A-Z.~_:/a', `a/${'b'.repeat(1022)}`, 'a/.', '-/-'])('%.40s is a key', (key) => {
    expect(isValidMstKey(key)).toBe(true);
  });

  test.each(['', '/', 'a', 'a/', '/b', 'a/b/c', 'a//b', 'a/b c', 'a/é', 'a/b\u0000', 'a/b#', 'a/@', 'a/ā', `a/${'b'.repeat(1023)}`])('%.40j is none', (key) => {
    expect(isValidMstKey(key)).toBe(false);
  });
});
