import { describe, expect, test } from '@jest/globals';
import { BlockIndex } from '@dunlin/protocol/mst/block-index';
import { valueOf } from './nodes.ts';

describe('BlockIndex', () => {
  test('finds thousands of blocks, and none that is not there; forgets them when cleared', () => {
    const count = 5000;
    const bytes = Buffer.concat(Array.from({ length: count }, (_, n) => valueOf(n).bytes));
    const index = new BlockIndex();
    for (let round = 0; round < 2; round++) {
      index.clear(bytes);
      for (let n = 0; n < count; n++) index.add(n * 36, n, n + 1);
      index.add(0, 7, 8);
      expect(index.count).toBe(count);
      for (let n = 0; n < count; n++) expect(index.find(n * 36)).toBe(n);
      expect(index.getBytes(valueOf(3).bytes)).toEqual(bytes.subarray(3, 4));
      expect(index.getBytes(valueOf(count).bytes)).toBeUndefined();
    }
    index.clear(bytes);
    expect(index.find(0)).toBe(-1);
  });
});
