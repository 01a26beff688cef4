/** Rotation of refresh tokens on a manual clock: the grace on both sides, and what a replay gets. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { RefreshTokenStore, refreshGraceMs } from '../../../pds/src/account/refresh-token-store.ts';
import { accountSchema } from '../../../pds/src/account/schema.ts';

const life = 90 * 24 * 3_600_000;
let database: Database;
let tokens: RefreshTokenStore;
beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [accountSchema] });
  tokens = new RefreshTokenStore(database);
  tokens.add('first', 1, life);
});
afterEach(() => void database.close());

test('a token leads to one next token for as long as its grace lasts', () => {
  expect(tokens.rotate('first', 1, 'second', 1_000)).toBe('second');
  expect(tokens.rotate('first', 1, 'another', 2_000)).toBe('second');
  expect(tokens.rotate('first', 1, 'another', 1_000 + refreshGraceMs - 1)).toBe('second');
});

test('using a token again does not prolong its grace', () => {
  tokens.rotate('first', 1, 'second', 0);
  tokens.rotate('first', 1, 'x', refreshGraceMs - 1);
  expect(tokens.rotate('first', 1, 'x', refreshGraceMs)).toBeNull();
});

test('the grace never outlives the token itself', () => {
  expect(tokens.rotate('first', 1, 'second', life - 1_000)).toBe('second');
  expect(tokens.rotate('first', 1, 'x', life - 1)).toBe('second');
  expect(tokens.rotate('first', 1, 'x', life)).toBeNull();
});

test('a token of another account, an unknown and a revoked one lead nowhere', () => {
  expect(tokens.rotate('first', 2, 'x', 0)).toBeNull();
  expect(tokens.rotate('unknown', 1, 'x', 0)).toBeNull();
  tokens.revoke('first');
  expect(tokens.rotate('first', 1, 'x', 0)).toBeNull();
});

test('ending every session of an account leaves others alone', () => {
  tokens.add('other', 2, life);
  tokens.revokeAll(1);
  expect(tokens.rotate('first', 1, 'x', 0)).toBeNull();
  expect(tokens.rotate('other', 2, 'next', 0)).toBe('next');
});
