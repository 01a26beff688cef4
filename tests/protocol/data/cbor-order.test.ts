import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { orderKeys } from '@dunlin/protocol/data/cbor-order';
import { anyKey } from '../../harness/data-model-values.ts';

test('shorter keys come first, equal lengths by their bytes', () => {
  fc.assert(fc.property(fc.uniqueArray(anyKey(), { maxLength: 12 }), (keys) => {
    const ordered = orderKeys([...keys]).map((key) => Buffer.from(utf8Encode(key)));
    expect(ordered).toEqual(ordered.toSorted((a, b) => a.length - b.length || Buffer.compare(a, b)));
    expect(ordered).toHaveLength(keys.length);
  }));
});

test('a character beyond the basic plane comes behind one that UTF-16 would put after it', () => {
  expect(orderKeys(['𓋓', '\uffffa'])).toEqual(['\uffffa', '𓋓']);
});
