/** Rotation of refresh tokens on a manual clock: the grace on both sides, and what a replay gets. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { RefreshTokenStore, refreshGraceMs, type NewRefreshToken } from '../../../pds/src/account/refresh-token-store.ts';
import { accountSchema, accountSchema2 } from '../../../pds/src/account/schema.ts';

const life = 90 * 24 * 3_600_000;
let database: Database;
let tokens: RefreshTokenStore;
beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [accountSchema, accountSchema2] });
  tokens = new RefreshTokenStore(database);
  add('first', 1);
});
const add = (jti: string, accountId: number, more: Partial<NewRefreshToken> = {}): void =>
  tokens.add({ jti, accountId, expiresAtMs: life, session: jti, beganAtMs: 0, madeAtMs: 0, appPassword: null, agent: null, ...more });
afterEach(() => void database.close());

test('a token leads to one next token for as long as its grace lasts', () => {
  expect(tokens.rotate('first', 1, 'second', 1_000)?.jti).toBe('second');
  expect(tokens.rotate('first', 1, 'another', 2_000)?.jti).toBe('second');
  expect(tokens.rotate('first', 1, 'another', 1_000 + refreshGraceMs - 1)?.jti).toBe('second');
});

test('using a token again does not prolong its grace', () => {
  tokens.rotate('first', 1, 'second', 0);
  tokens.rotate('first', 1, 'x', refreshGraceMs - 1);
  expect(tokens.rotate('first', 1, 'x', refreshGraceMs)).toBeNull();
});

test('the grace never outlives the token itself', () => {
  expect(tokens.rotate('first', 1, 'second', life - 1_000)?.jti).toBe('second');
  expect(tokens.rotate('first', 1, 'x', life - 1)?.jti).toBe('second');
  expect(tokens.rotate('first', 1, 'x', life)).toBeNull();
});

test('a token of another account, an unknown and a revoked one lead nowhere', () => {
  expect(tokens.rotate('first', 2, 'x', 0)).toBeNull();
  expect(tokens.rotate('unknown', 1, 'x', 0)).toBeNull();
  tokens.revoke('first');
  expect(tokens.rotate('first', 1, 'x', 0)).toBeNull();
});

test('ending every session of an account leaves others alone', () => {
  add('other', 2);
  tokens.revokeAll(1);
  expect(tokens.rotate('first', 1, 'x', 0)).toBeNull();
  expect(tokens.rotate('other', 2, 'next', 0)?.jti).toBe('next');
});

test('a session keeps its name, its beginning and its origin through all its tokens, and ends with all of them', () => {
  add('begun', 3, { beganAtMs: 5, madeAtMs: 5, appPassword: 'phone', agent: 'client/1' });
  const next = tokens.rotate('begun', 3, 'renewed', 10);
  expect(next).toEqual({ jti: 'renewed', session: 'begun', beganAtMs: 5, appPassword: 'phone', agent: 'client/1' });
  add('renewed', 3, { ...next, madeAtMs: 10 });
  add('elsewhere', 3, { beganAtMs: 7, madeAtMs: 7 });
  expect(tokens.sessions(3, 10)).toEqual([
    { id: 'begun', beganAtMs: 5, renewedAtMs: 10, appPassword: 'phone', agent: 'client/1' },
    { id: 'elsewhere', beganAtMs: 7, renewedAtMs: 7, appPassword: null, agent: null },
  ]);
  tokens.revoke('renewed');
  expect(tokens.rotate('begun', 3, 'x', 11)).toBeNull();
  expect(tokens.sessions(3, 10).map(({ id }) => id)).toEqual(['elsewhere']);
  tokens.revokeSession(3, 'elsewhere');
  expect(tokens.sessions(3, 10)).toEqual([]);
});

test('taking an app password back ends its sessions and no others', () => {
  add('phone', 3, { appPassword: 'phone' });
  add('own', 3);
  tokens.revokeOf(3, 'phone');
  expect(tokens.rotate('phone', 3, 'x', 0)).toBeNull();
  expect(tokens.rotate('own', 3, 'x', 0)?.jti).toBe('x');
});
