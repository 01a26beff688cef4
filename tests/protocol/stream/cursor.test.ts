import { expect, test } from '@jest/globals';
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import { parseCursor } from '@dunlin/protocol/stream/cursor';

test('no cursor means live', () => {
  expect(parseCursor(null)).toBeNull();
  expect(parseCursor(undefined)).toBeNull();
});

test.each(['0', '1', '9007199254740991', '007'])('reads the cursor %s', (text) => {
  expect(parseCursor(text)).toBe(Number(text));
});

test.each(['', '-1', '1.5', '1e3', ' 1', '0x10', '9007199254740992', '99999999999999999', 'abc', '１'])('refuses the cursor %j', (text) => {
  expect(() => parseCursor(text)).toThrow(expect.objectContaining({ code: 'InvalidCursor' }));
});

test('an error frame is followed by 1008', () => {
  expect(closeCodes.policyViolation).toBe(1008);
});
