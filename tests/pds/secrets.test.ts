/** Secrets that are made when none is chosen: once, kept, readable by their owner alone. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadSecrets } from '../../pds/src/secrets.ts';
import { temporaryFolder } from '../harness/temporary.ts';

const none = { jwtSecret: null, adminPassword: null, rotationKeyHex: null };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

test('they are the same after a restart, and the file is nobody else\'s to read', () => {
  const first = loadSecrets(folder.path, none);
  const second = loadSecrets(folder.path, none);
  expect([second.jwtSecret, second.adminPassword, second.rotationKey.did]).toEqual([first.jwtSecret, first.adminPassword, first.rotationKey.did]);
  expect(first.jwtSecret).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(join(folder.path, 'secrets.json')).mode & 0o777).toBe(0o600);
});

test('chosen ones are used and not written down', () => {
  const chosen = { jwtSecret: 'chosen secret', adminPassword: 'chosen password', rotationKeyHex: '7f'.repeat(32) };
  expect(loadSecrets(folder.path, chosen)).toMatchObject({ jwtSecret: 'chosen secret', adminPassword: 'chosen password' });
  expect(() => statSync(join(folder.path, 'secrets.json'))).toThrow('ENOENT');
});
