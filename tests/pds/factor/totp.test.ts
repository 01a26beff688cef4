/** Codes of authenticator apps, against the vectors of RFC 6238. */
import fc from 'fast-check';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { matchingStep, newTotpSecret, shownSecret, stepSeconds, totpCode, totpStep, totpUri } from '../../../pds/src/factor/totp.ts';

const secret = utf8Encode('12345678901234567890');

test.each([
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
])('at %i seconds gives the last six digits of the vector %s', (seconds, eightDigits) => {
  expect(totpCode(secret, totpStep(seconds * 1_000))).toBe(eightDigits.slice(-6));
});

test('a code holds in its own step, one before and one after, and not beyond', () => {
  const nowMs = 1_234_567_890_000;
  const step = totpStep(nowMs);
  for (const off of [-1, 0, 1]) expect(matchingStep(secret, totpCode(secret, step + off), nowMs)).toBe(step + off);
  for (const off of [-2, 2]) expect(matchingStep(secret, totpCode(secret, step + off), nowMs)).toBeNull();
});

test('a step begins and ends on its second', () => {
  expect(totpStep(stepSeconds * 1_000 - 1)).toBe(0);
  expect(totpStep(stepSeconds * 1_000)).toBe(1);
});

test('every code has six digits', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat({ max: 2 ** 31 }), (key, step) => {
    expect(totpCode(key, step)).toMatch(/^[0-9]{6}$/);
  }));
});

test('secrets are 20 random bytes, shown in base32', () => {
  expect(newTotpSecret()).toHaveLength(20);
  expect(shownSecret(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  expect(shownSecret(newTotpSecret())).not.toBe(shownSecret(newTotpSecret()));
});

test('the address for apps names server, account and secret', () => {
  expect(totpUri(secret, { issuer: 'pds.people.org', name: 'ada.people.org' })).toBe(
    'otpauth://totp/pds.people.org:ada.people.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=pds.people.org&algorithm=SHA1&digits=6&period=30',
  );
});
