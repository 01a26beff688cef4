/** Sign-in codes: once, for five minutes, one an account. */
import { ManualClock } from '@dunlin/protocol/base/clock';
import { SignInCodes, signInCodeLifeMs } from '../../../pds/src/factor/sign-in-codes.ts';
import { writtenCodeHash } from '../../../pds/src/factor/written-code.ts';

test('a code works once, and only for its account', () => {
  const codes = new SignInCodes(new ManualClock());
  const { code } = codes.make(1);
  expect(codes.use(2, writtenCodeHash(2, code))).toBe(false);
  expect(codes.use(1, writtenCodeHash(1, 'AAAAA-AAAAA'))).toBe(false);
  expect(codes.use(1, writtenCodeHash(1, code))).toBe(true);
  expect(codes.use(1, writtenCodeHash(1, code))).toBe(false);
});

test('a new code takes the place of the one before', () => {
  const codes = new SignInCodes(new ManualClock());
  const first = codes.make(1).code;
  const second = codes.make(1).code;
  expect(codes.use(1, writtenCodeHash(1, first))).toBe(false);
  expect(codes.use(1, writtenCodeHash(1, second))).toBe(true);
});

test('a code holds until its time is over', () => {
  const clock = new ManualClock();
  const codes = new SignInCodes(clock);
  const { code, expiresAtMs } = codes.make(1);
  expect(expiresAtMs).toBe(clock.nowMs() + signInCodeLifeMs);
  clock.advance(signInCodeLifeMs);
  expect(codes.use(1, writtenCodeHash(1, code))).toBe(true);
  const late = codes.make(1).code;
  clock.advance(signInCodeLifeMs + 1);
  expect(codes.use(1, writtenCodeHash(1, late))).toBe(false);
});
