/** Tokens are good once, whoever may ask again; what cannot be checked is our fault and not the token's. */
import { beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { TokenCheck, keyMaxAgeMs, maxTokensPerAccount } from '@dunlin/appview/rooms/token-check';

const issuer = 'did:plc:44ybard66vv44zksje25o7dz';
const audience = 'did:web:live.example';
const method = 'app.dunlin.live.subscribe';
const keypair = Keypair.generate();
let clock: ManualClock;
let isDown: boolean;
let tokens: TokenCheck;
/** How each look-up was asked for. */
let asked: { readonly refresh?: boolean; readonly maxAgeMs?: number }[];

beforeEach(() => {
  clock = new ManualClock();
  isDown = false;
  asked = [];
  const resolveDid = (_did: string, how: { refresh?: boolean; maxAgeMs?: number }): Promise<unknown> => (asked.push(how), isDown ? Promise.reject(new ProtocolError('IdentityUnavailable', 'no answer')) : Promise.resolve({ signingKey: keypair.publicKey }));
  tokens = new TokenCheck({ audience: () => audience, resolver: { resolveDid } as unknown as IdentityResolver, clock });
});
const mint = (aud = audience): string => mintServiceJwt({ issuer, audience: aud, lxm: method, keypair, nowMs: clock.nowMs() });

test.each([audience, `${audience}#dunlin_live`])('a token for %s is good, once', async (aud) => {
  const token = mint(aud);
  expect(await tokens.check(token, method)).toEqual({ did: issuer });
  expect(await tokens.check(token, method)).toEqual({ error: 'token was used before', isOurFault: false });
  expect(await tokens.check(mint(aud), method)).toEqual({ did: issuer });
});

test('two checks of one token at the same time: one is good', async () => {
  const token = mint();
  const verdicts = await Promise.all([tokens.check(token, method), tokens.check(token, method)]);
  expect(verdicts.filter((verdict) => 'did' in verdict)).toHaveLength(1);
});

test('a used token is remembered for longer than it lives', async () => {
  const token = mint();
  await tokens.check(token, method);
  clock.advance(60_000);
  expect(await tokens.check(token, method)).toMatchObject({ error: 'token was used before' });
  clock.advance(1_000);
  expect(await tokens.check(token, method)).toMatchObject({ error: 'jwt expired' });
});

test('an identity that cannot be looked up is our fault, and the token is still good later', async () => {
  const token = mint();
  isDown = true;
  expect(await tokens.check(token, method)).toMatchObject({ isOurFault: true });
  isDown = false;
  expect(await tokens.check(token, method)).toEqual({ did: issuer });
});

test('a token without a name of its own is refused, for its use could not be remembered', async () => {
  const [head, claims] = mint().split('.');
  const bare = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  delete bare['jti'];
  const unsigned = `${head}.${Buffer.from(JSON.stringify(bare)).toString('base64url')}`;
  const token = `${unsigned}.${Buffer.from(keypair.sign(Buffer.from(unsigned))).toString('base64url')}`;
  expect(await tokens.check(token, method)).toEqual({ error: 'token has no jti', isOurFault: false });
});

test('an account may use 1,000 tokens while they are remembered, not 1,001, and others are not touched', async () => {
  for (let i = 0; i < maxTokensPerAccount; i++) expect(await tokens.check(mint(), method)).toEqual({ did: issuer });
  expect(await tokens.check(mint(), method)).toEqual({ error: 'too many tokens of this account are in use', isOurFault: true });
  const other = mintServiceJwt({ issuer: 'did:web:other.example', audience, lxm: method, keypair, nowMs: clock.nowMs() });
  expect(await tokens.check(other, method)).toEqual({ did: 'did:web:other.example' });
  clock.advance(120_000);
  expect(await tokens.check(mint(), method)).toEqual({ did: issuer });
});

test('a signature that does not fit has the key looked up anew only when the one at hand is not fresh', async () => {
  const forged = mintServiceJwt({ issuer, audience, lxm: method, keypair: Keypair.generate(), nowMs: clock.nowMs() });
  expect(await tokens.check(forged, method)).toMatchObject({ isOurFault: false });
  expect(asked).toEqual([{}, { maxAgeMs: keyMaxAgeMs }]);
});
