/**
 * Password hashes with the parameters of the reference PDS, so that its accounts can be taken over as they are.
 * Form: 16 random bytes as hex, a colon, 64 bytes of scrypt as hex; the salt goes in as that hex text.
 * Runs in Node's thread pool: some 50 ms of one core, 16 MiB, a call. How many run at once is the caller's to bound.
 * Source: RFC 7914 with N = 16384, r = 8, p = 1; packages/pds of the reference.
 */
import { scrypt as nodeScrypt } from 'node:crypto';
import { fromHex, toHex } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxPasswordLength } from '../base/limits.ts';
import { constantTimeEqual } from './constant-time.ts';
import { randomBytes } from './random.ts';

const saltBytes = 16;
const hashBytes = 64;
const parameters = { N: 16_384, r: 8, p: 1 } as const;
const storedForm = /^([0-9a-f]+):([0-9a-f]{128})$/;

/** Gives the 64 bytes of scrypt for a password and a salt text. */
export function scrypt(password: string, salt: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    nodeScrypt(password, salt, hashBytes, parameters, (fault, hash) => {
      if (fault) reject(fault);
      else resolve(new Uint8Array(hash));
    });
  });
}

/**
 * Gives `salt:hash` with a new salt, or with the given salt text (the reference derives one for app passwords).
 * @throws ProtocolError InvalidPassword when it is empty or longer than `maxPasswordLength`
 */
export async function hashPassword(password: string, salt: string = toHex(randomBytes(saltBytes))): Promise<string> {
  if (password === '' || password.length > maxPasswordLength) {
    throw new ProtocolError('InvalidPassword', `password is empty or too long: max=${maxPasswordLength}`);
  }
  return `${salt}:${toHex(await scrypt(password, salt))}`;
}

/** Tells whether the password is the one behind `stored`; false for a stored form that cannot be read and for overlong passwords. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [, salt, hash] = storedForm.exec(stored) ?? [];
  if (salt === undefined || hash === undefined || password.length > maxPasswordLength) return false;
  return constantTimeEqual(await scrypt(password, salt), fromHex(hash));
}
