/** What people type as a second factor, told apart. */
import { newWrittenCode, readFactor, writtenCodeHash } from '../../../pds/src/factor/written-code.ts';

test.each([
  ['123456', { kind: 'totp', code: '123456' }],
  [' 123 456 ', { kind: 'totp', code: '123456' }],
  ['abcde-fgh23', { kind: 'written', code: 'ABCDEFGH23' }],
  ['ABCDE FGH23', { kind: 'written', code: 'ABCDEFGH23' }],
  ['12345', { kind: 'neither' }],
  ['1234567', { kind: 'neither' }],
  ['ABCDEFGH2', { kind: 'neither' }],
  ['ABCDEFGH234', { kind: 'neither' }],
  ['ABCDEFGH10', { kind: 'neither' }],
  ['', { kind: 'neither' }],
  ['１２３４５６', { kind: 'neither' }],
])('reads %j as %j', (typed, expected) => {
  expect(readFactor(typed)).toEqual(expected);
});

test('new codes can be read back, and their hash holds for one account only', () => {
  const code = newWrittenCode();
  expect(code).toMatch(/^[A-Z2-7]{5}-[A-Z2-7]{5}$/);
  expect(readFactor(code)).toEqual({ kind: 'written', code: code.replace('-', '') });
  expect(writtenCodeHash(1, code)).toEqual(writtenCodeHash(1, code.replace('-', '')));
  expect(writtenCodeHash(1, code)).not.toEqual(writtenCodeHash(2, code));
});
