import { describe, expect, test } from '@jest/globals';
import { toHex } from '@dunlin/protocol/base/bytes';
import { maxCarRoots } from '@dunlin/protocol/base/limits';
import { carHeader, parseCarHeader } from '@dunlin/protocol/car/header';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidForRaw, parseCid } from '@dunlin/protocol/data/cid';

const root = cidForCbor(new Uint8Array([0xa0]));

test('has its length in front, then roots, then version', () => {
  expect(toHex(carHeader(root))).toBe(`3aa265726f6f747381d82a582500${toHex(root.bytes)}6776657273696f6e01`);
  expect(toHex(carHeader(null))).toBe('11a265726f6f7473806776657273696f6e01');
});

test('gives back no root, one, or several', () => {
  expect(parseCarHeader(carHeader(null).subarray(1))).toEqual([]);
  expect(parseCarHeader(carHeader(root).subarray(1)).map(String)).toEqual([String(root)]);
  const roots = [root, cidForRaw(new Uint8Array(1))];
  expect(parseCarHeader(encode({ version: 1, roots })).map(String)).toEqual(roots.map(String));
});

describe('refuses', () => {
  test.each<[string, unknown]>([
    ['version 2', { version: 2, roots: [root] }], ['no version', { roots: [root] }], ['no roots', { version: 1 }], ['a root that is text', { version: 1, roots: [String(root)] }],
    ['a root that is no block', { version: 1, roots: [parseCid('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')] }],
    ['an array', [1, [root]]], ['null', null], ['text', 'version'], ['too many roots', { version: 1, roots: Array.from({ length: maxCarRoots + 1 }, () => root) }],
  ])('%s', (_name, header) => {
    expect(() => parseCarHeader(encode(header))).toThrow(expect.objectContaining({ code: 'InvalidCar' }));
  });

  test('a header that is not canonical', () => {
    const header = carHeader(root).slice(1);
    header[header.length - 1] = 0xf7;
    expect(() => parseCarHeader(header)).toThrow(expect.objectContaining({ code: 'InvalidCar' }));
    expect(() => parseCarHeader(new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'InvalidCar' }));
  });

  test('not the greatest number of roots', () => {
    expect(parseCarHeader(encode({ version: 1, roots: Array.from({ length: maxCarRoots }, () => root) }))).toHaveLength(maxCarRoots);
  });
});
