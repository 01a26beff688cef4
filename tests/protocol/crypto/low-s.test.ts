import { expect, test } from '@jest/globals';
import { fromHex, toHex } from '@dunlin/protocol/base/bytes';
import { isLowS, toLowS } from '@dunlin/protocol/crypto/low-s';
import type { Curve } from '@dunlin/protocol/crypto/did-key';

const orders: Record<Curve, bigint> = {
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  k256: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
};
const withS = (s: bigint): Uint8Array => fromHex('11'.repeat(32) + s.toString(16).padStart(64, '0'));

test.each<Curve>(['p256', 'k256'])('%s: half the order is low, one more is high and has its low twin', (curve) => {
  const half = orders[curve] >> 1n;
  for (const s of [0n, 1n, half - 1n, half]) {
    expect(isLowS(curve, withS(s))).toBe(true);
    expect(toLowS(curve, withS(s))).toEqual(withS(s));
  }
  for (const s of [half + 1n, half + 2n, orders[curve] - 1n]) {
    expect(isLowS(curve, withS(s))).toBe(false);
    expect(toHex(toLowS(curve, withS(s)))).toBe(toHex(withS(orders[curve] - s)));
  }
  for (const s of [orders[curve], (1n << 256n) - 1n]) {
    expect(isLowS(curve, withS(s))).toBe(false);
    expect(toLowS(curve, withS(s))).toEqual(withS(s));
  }
});

test('changing the form leaves the given array alone', () => {
  const high = withS(orders.p256 - 1n);
  const copy = high.slice();
  toLowS('p256', high);
  expect(high).toEqual(copy);
});
