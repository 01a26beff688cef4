import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { join } from 'node:path';
import { maxCborDepth } from '@dunlin/protocol/base/limits';
import { encode } from '@dunlin/protocol/data/cbor';
import { fromJson, recordFromJson, toJson } from '@dunlin/protocol/data/json';
import { parseCid } from '@dunlin/protocol/data/cid';
import { anyValue } from '../../harness/data-model-values.ts';
import { readJson, vectorsFolder } from '../../harness/vectors.ts';

const refused = expect.objectContaining({ code: 'InvalidJson' });
const cid = 'bafkreiccldh766hwcnuxnf2wh6jgzepf2nlu2lvcllt63eww5p6chi4ity';

test('every value survives the way through JSON text', () => {
  fc.assert(fc.property(anyValue().filter((value) => !JSON.stringify(toJson(value)).includes('"$type"')), (value) => {
    const back = fromJson(JSON.parse(JSON.stringify(toJson(value))));
    expect(encode(back)).toEqual(encode(value));
  }));
});

test('links, bytes and blobs have their forms', () => {
  const json = { link: { $link: cid }, bytes: { $bytes: 'AQI' }, blob: { $type: 'blob', ref: { $link: cid }, mimeType: 'image/png', size: 0 } };
  const value = { link: parseCid(cid), bytes: new Uint8Array([1, 2]), blob: { $type: 'blob', ref: parseCid(cid), mimeType: 'image/png', size: 0 } };
  expect(encode(fromJson(json))).toEqual(encode(value));
  expect(toJson(value)).toEqual(json);
  expect(fromJson({ $bytes: 'AQI=' })).toEqual(new Uint8Array([1, 2]));
});

/** Objects inside one another. */
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => ({ a: inner }), 0);

describe('refuses', () => {
  test.each([
    ['a float', 1.5], ['an unsafe integer', 2 ** 53], ['undefined', undefined], ['a bigint', 1n],
    ['a link that is a number', { $link: 1 }], ['a link beside another key', { $link: cid, other: 1 }], ['a link that is no CID', { $link: '.' }],
    ['a link of null', { $link: null }], ['bytes that are an array', { $bytes: [1] }], ['bytes beside another key', { $bytes: 'AQI', other: 1 }], ['bytes that are not base64', { $bytes: '!' }],
    ['a type of null', { $type: null }], ['a type that is a number', { $type: 1 }], ['an empty type', { $type: '' }],
    ['a blob without ref', { $type: 'blob', mimeType: 'a/b', size: 1 }], ['a blob whose ref is text', { $type: 'blob', ref: cid, mimeType: 'a/b', size: 1 }],
    ['a blob without mimeType', { $type: 'blob', ref: { $link: cid }, size: 1 }], ['a blob with an empty mimeType', { $type: 'blob', ref: { $link: cid }, mimeType: '', size: 1 }],
    ['a blob without size', { $type: 'blob', ref: { $link: cid }, mimeType: 'a/b' }], ['a blob of text size', { $type: 'blob', ref: { $link: cid }, mimeType: 'a/b', size: '1' }],
    ['a blob of negative size', { $type: 'blob', ref: { $link: cid }, mimeType: 'a/b', size: -1 }],
  ])('%s', (_name, json) => {
    expect(() => fromJson(json)).toThrow(refused);
    expect(() => fromJson({ nested: [{ deep: json ?? [json] }] })).toThrow(refused);
  });

  test.each([['text', 'blah'], ['null', null], ['an array', []], ['bytes', { $bytes: 'AQI' }], ['a link', { $link: cid }]])('a record that is %s', (_name, json) => {
    expect(() => recordFromJson(json)).toThrow(refused);
  });

  test('nesting beyond the bound, not at it', () => {
    expect(() => fromJson(nested(maxCborDepth))).not.toThrow();
    expect(() => fromJson(nested(maxCborDepth + 1))).toThrow(refused);
    expect(() => fromJson(nested(100_000))).toThrow(refused);
  });
});

test('entries that are undefined are left out', () => {
  expect(fromJson({ a: undefined, b: 1 })).toEqual({ b: 1 });
});

const vectors = vectorsFolder();

describe('interoperability', () => {
  if (vectors === null) {
    test('finds no interoperability vectors, skips them', () => expect(vectors).toBeNull());
    return;
  }
  test.each(readJson<{ note: string; json: unknown }[]>(join(vectors, 'data-model', 'data-model-valid.json')))('takes: $note', ({ json }) => {
    const record = recordFromJson(json);
    expect(toJson(record)).toEqual(json);
    expect(() => encode(record)).not.toThrow();
  });
  test.each(readJson<{ note: string; json: unknown }[]>(join(vectors, 'data-model', 'data-model-invalid.json')))('refuses: $note', ({ json }) => {
    expect(() => recordFromJson(json)).toThrow(refused);
  });
});
