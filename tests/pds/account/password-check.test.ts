/** Comparing passwords: what counts as the same, and that no more than a few run or wait at once. */
import { expect, test } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { maxHashesAtOnce, maxHashesWaiting, PasswordCheck } from '../../../pds/src/account/password-check.ts';

test('only the right password of an account that has one matches', async () => {
  const passwords = new PasswordCheck(systemClock);
  const stored = await passwords.hash('right');
  expect(await passwords.matches('right', stored)).toBe(true);
  expect(await passwords.matches('wrong', stored)).toBe(false);
  expect(await passwords.matches('no account has this password', null)).toBe(false);
});

test('refuses more than can wait, and serves those who do', async () => {
  const passwords = new PasswordCheck(systemClock);
  const stored = `${'0'.repeat(32)}:broken`;
  const asked = Array.from({ length: maxHashesWaiting + 20 }, () => passwords.matches('x', stored).then(String, (fault: { error?: string }) => String(fault.error)));
  const answers = await Promise.all(asked);
  expect(new Set(answers)).toEqual(new Set(['false', 'NotEnoughResources']));
  expect(answers.filter((answer) => answer === 'false').length).toBeGreaterThanOrEqual(maxHashesWaiting);
});

test('a server that was too busy for the first stranger answers the next as any', async () => {
  const passwords = new PasswordCheck(systemClock);
  const stored = `${'0'.repeat(32)}:broken`;
  const asked = Array.from({ length: maxHashesWaiting + 2 }, () => passwords.compare('x', stored));
  await expect(passwords.compare('x', null)).rejects.toMatchObject({ error: 'NotEnoughResources' });
  await Promise.all(asked);
  expect(await passwords.compare('x', null)).toBe(false);
});

test('closing sends away who waits and leaves nothing computing', async () => {
  const passwords = new PasswordCheck(systemClock);
  const asked = Array.from({ length: maxHashesAtOnce + 3 }, () => passwords.hash('x').then(() => 'done', (fault: { error?: string }) => String(fault.error)));
  await passwords.close();
  const answers = await Promise.race([Promise.all(asked), new Promise<string[]>((resolve) => setImmediate(() => resolve([])))]);
  expect(answers.toSorted()).toEqual(['NotEnoughResources', 'NotEnoughResources', 'NotEnoughResources', 'done', 'done']);
  await expect(passwords.hash('x')).rejects.toMatchObject({ error: 'NotEnoughResources' });
});
