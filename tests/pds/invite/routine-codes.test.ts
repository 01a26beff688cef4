/** How many invite codes an account has earned, as a pure function. */
import { expect, test } from '@jest/globals';
import { operator, type InviteCode } from '../../../pds/src/invite/invite-store.ts';
import { countEarnedCodes } from '../../../pds/src/invite/routine-codes.ts';

const day = 86_400_000;
const code = (o: Partial<InviteCode> = {}): InviteCode => ({
  code: 'c', available: 1, used: 0, isDisabled: false, forAccount: 'did:web:a.org', createdBy: 'did:web:a.org', createdAtMs: 1, uses: [], ...o,
});
const count = (days: number, codes: InviteCode[] = [], epochMs = 0): number =>
  countEarnedCodes({ nowMs: days * day, accountCreatedAtMs: 0, intervalMs: day, epochMs, codes });

test.each([[0.99, 0], [1, 1], [1.99, 1], [2, 2], [5, 5], [6, 5], [100, 5]])('after %d intervals without codes it is %d', (days, expected) => {
  expect(count(days)).toBe(expected);
});

test('codes made already count, used or not; unused ones also fill the five', () => {
  expect(count(3, [code({ used: 1 })])).toBe(2);
  expect(count(3, [code(), code(), code()])).toBe(0);
  expect(count(100, [code(), code(), code(), code()])).toBe(1);
  expect(count(100, [code(), code(), code(), code(), code()])).toBe(0);
  expect(count(100, [code({ isDisabled: true }), code(), code(), code(), code()])).toBe(1);
  expect(count(1, [code(), code(), code()])).toBe(0);
});

test('what the operator gave does not count', () => {
  expect(count(2, [code({ createdBy: operator }), code({ createdBy: operator })])).toBe(2);
});

test('time before the epoch earns nothing, and codes made before it do not count', () => {
  expect(count(10, [], 8 * day)).toBe(2);
  expect(count(10, [code({ createdAtMs: 7 * day, used: 1 })], 8 * day)).toBe(2);
  expect(countEarnedCodes({ nowMs: 10 * day, accountCreatedAtMs: 9 * day, intervalMs: day, epochMs: 5 * day, codes: [] })).toBe(1);
});
