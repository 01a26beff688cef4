/** Session tokens on a manual clock: lives, and what does not pass for one. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { signHs256Jwt } from '@dunlin/protocol/crypto/session-jwt';
import { accessLifeSeconds, newRefreshId, refreshLifeSeconds, SessionTokens } from '../../../pds/src/account/session-token.ts';

const secret = 'a secret of the server';
const audience = 'did:web:pds.example.org';
const clock = new ManualClock();
const tokens = new SessionTokens({ secret, audiences: () => [audience], clock });
const sign = (claims: Record<string, unknown>, typ = 'at+jwt', key = secret): string => signHs256Jwt({ typ, claims, secret: Buffer.from(key) });
const nowSeconds = (): number => Math.floor(clock.nowMs() / 1_000);
const good = (): Record<string, unknown> => ({ scope: 'com.atproto.access', aud: audience, sub: 'did:web:a.org', exp: nowSeconds() + 60 });

test('an access token holds for two hours and not longer', () => {
  const token = tokens.mintAccess('did:web:a.org', 'com.atproto.access');
  clock.advance(accessLifeSeconds * 1_000);
  for (let times = 0; times < 2; times++) expect(tokens.verifyAccess(token)).toMatchObject({ did: 'did:web:a.org', scope: 'com.atproto.access' });
  clock.advance(1_000);
  expect(tokens.verifyAccess(token)).toBe('expired');
});

test('a refresh token holds for ninety days, and when expired it can still be given up', () => {
  const { token, jti } = tokens.mintRefresh('did:web:a.org', newRefreshId());
  clock.advance((refreshLifeSeconds + 1) * 1_000);
  expect(tokens.verifyRefresh(token)).toBe('expired');
  expect(tokens.verifyRefresh(token, { allowExpired: true })).toEqual({ did: 'did:web:a.org', jti });
});

test.each<[string, () => string, string]>([
  ['a token of another server', () => sign(good(), 'at+jwt', 'another secret'), 'invalid'],
  ['a token for another audience', () => sign({ ...good(), aud: 'did:web:other.org' }), 'invalid'],
  ['a token of another type', () => sign(good(), 'JWT'), 'invalid'],
  ['a token for one method', () => sign({ ...good(), lxm: 'com.atproto.repo.uploadBlob' }), 'invalid'],
  ['a token bound to a key', () => sign({ ...good(), cnf: { jkt: 'x' } }), 'invalid'],
  ['a token without a subject', () => sign({ ...good(), sub: undefined }), 'invalid'],
  ['a refresh token', () => tokens.mintRefresh('did:web:a.org', 'x').token, 'invalid'],
  ['a scope that is none', () => sign({ ...good(), scope: 'com.atproto.everything' }), 'wrong-scope'],
  ['no token at all', () => 'nonsense', 'invalid'],
  ['a token that says it needs no signature', () => `${Buffer.from('{"typ":"at+jwt","alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(good())).toString('base64url')}.`, 'invalid'],
])('%s is no access token', (_what, token, refusal) => {
  expect(tokens.verifyAccess(token())).toBe(refusal);
});

test('names of refresh tokens are 32 random bytes', () => {
  expect(Buffer.from(newRefreshId(), 'base64')).toHaveLength(32);
  expect(newRefreshId()).not.toBe(newRefreshId());
});
