import { expect, test } from '@jest/globals';
import { maxPasswordLength } from '@dunlin/protocol/base/limits';
import { hashPassword, scrypt, verifyPassword } from '@dunlin/protocol/crypto/password';
import { toHex } from '@dunlin/protocol/base/bytes';
import { scryptSync } from 'node:crypto';

test('a password verifies, another does not, and each hash has its own salt', async () => {
  const stored = await hashPassword('correct horse');
  expect(stored).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);
  expect(await verifyPassword('correct horse', stored)).toBe(true);
  expect(await verifyPassword('correct horsf', stored)).toBe(false);
  expect(await hashPassword('correct horse')).not.toBe(stored);
});

test('parameters are those of Node, the salt goes in as text', async () => {
  const salt = '00112233445566778899aabbccddeeff';
  expect(toHex(await scrypt('pässword', salt))).toBe(scryptSync('pässword', salt, 64).toString('hex'));
  expect(await hashPassword('x', '0011223344556677')).toBe(`0011223344556677:${scryptSync('x', '0011223344556677', 64).toString('hex')}`);
});

test.each(['', ':', 'abc', 'zz:00', `aa:${'0'.repeat(127)}`, `aa:${'0'.repeat(129)}`, `:${'0'.repeat(128)}`])('nothing verifies against "%s"', async (stored) => {
  expect(await verifyPassword('', stored)).toBe(false);
});

test('length is bounded, and the bound itself is allowed', async () => {
  const longest = 'x'.repeat(maxPasswordLength);
  const stored = await hashPassword(longest);
  expect(await verifyPassword(longest, stored)).toBe(true);
  expect(await verifyPassword(`${longest}x`, stored)).toBe(false);
  for (const bad of ['', `${longest}x`]) await expect(hashPassword(bad)).rejects.toThrow(expect.objectContaining({ code: 'InvalidPassword' }));
});
