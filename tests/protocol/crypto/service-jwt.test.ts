import { describe, expect, test } from '@jest/globals';
import * as reference from '@atproto/xrpc-server';
import { Secp256k1Keypair } from '@atproto/crypto';
import { fromBase64Url, toBase64Url, utf8Encode } from '@dunlin/protocol/base/bytes';
import { maxClockSkewSeconds, maxServiceJwtLifetimeSeconds } from '@dunlin/protocol/base/limits';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import type { Curve, PublicKey } from '@dunlin/protocol/crypto/did-key';
import { formatJwt, formatUnsignedJwt } from '@dunlin/protocol/crypto/jwt';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt, verifyServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { VerifyServiceJwtOptions } from '@dunlin/protocol/crypto/service-jwt';

const nowMs = 1_000_000_000;
const issuer = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const audience = 'did:web:api.test';
const lxm = 'com.atproto.repo.uploadBlob';
const keypair = Keypair.generate();
const claims = { iat: 1_000_000, iss: issuer, aud: audience, exp: 1_000_060, lxm, jti: 'aa' };
const withCode = (code: string): unknown => expect.objectContaining({ code });

/** Any token that the key signs. */
const signed = (body: object, header: object = { typ: 'JWT', alg: 'ES256K' }, by = keypair): string => {
  const unsigned = formatUnsignedJwt(header, body);
  return formatJwt(unsigned, by.sign(utf8Encode(unsigned)));
};
const verify = (token: string, o: Partial<VerifyServiceJwtOptions> = {}): Promise<unknown> => verifyServiceJwt(token, {
  audiences: [audience], lxm, nowMs, signingKey: () => Promise.resolve(keypair.publicKey), ...o,
});

test.each<Curve>(['k256', 'p256'])('a minted %s token verifies here and in the reference package', async (curve) => {
  const own = Keypair.generate(curve);
  const now = Date.now();
  const token = mintServiceJwt({ issuer, audience, lxm, keypair: own, nowMs: now });
  const seconds = Math.floor(now / 1000);
  const expected = { iss: issuer, aud: audience, exp: seconds + 60, iat: seconds, lxm, jti: expect.stringMatching(/^[0-9a-f]{32}$/) };
  expect(await verify(token, { nowMs: now, signingKey: () => Promise.resolve(own.publicKey) })).toEqual(expected);
  expect(await reference.verifyJwt(token, audience, lxm, () => Promise.resolve(own.did))).toEqual(expected);
});

test('a token of the reference package verifies here', async () => {
  const theirs = await Secp256k1Keypair.create();
  const token = await reference.createServiceJwt({ iss: issuer, aud: audience, lxm, keypair: theirs });
  const read = await verify(token, { nowMs: Date.now(), signingKey: () => Promise.resolve(parseDidKey(theirs.did())) });
  expect(read).toMatchObject({ iss: issuer, aud: audience, lxm });
});

test('a high-S signature is tolerated here', async () => {
  const token = signed(claims);
  const [header, body, signature] = token.split('.') as [string, string, string];
  const bytes = fromBase64Url(signature);
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const high = (order - BigInt(`0x${Buffer.from(bytes.subarray(32)).toString('hex')}`)).toString(16).padStart(64, '0');
  bytes.set(Buffer.from(high, 'hex'), 32);
  expect(await verify(`${header}.${body}.${toBase64Url(bytes)}`)).toMatchObject({ iss: issuer });
});

test('iat and jti may be missing', async () => {
  expect(await verify(signed({ iss: issuer, aud: audience, exp: 1_000_060, lxm }))).toEqual({ iss: issuer, aud: audience, exp: 1_000_060, iat: null, lxm, jti: null });
});

describe('audience', () => {
  test.each<[string, string[], boolean]>([
    [audience, [audience], true], [audience, ['did:web:other.test', audience], true], [`${audience}#bsky_appview`, [audience], true],
    [`${audience}#bsky_appview`, [`${audience}#bsky_appview`], true], [`${audience}#other`, [`${audience}#bsky_appview`], false], [audience, [`${audience}#bsky_appview`], false],
    [`${audience}#`, [audience], false], [`${audience}.evil.test`, [audience], false], ['did:web:other.test', [audience], false], [audience, [], false],
  ])('%s for %j: %s', async (aud, audiences, isFine) => {
    const verdict = verify(signed({ ...claims, aud }), { audiences });
    if (isFine) expect(await verdict).toMatchObject({ aud });
    else await expect(verdict).rejects.toEqual(withCode('BadJwtAudience'));
  });
});

describe('refuses', () => {
  test.each(['at+jwt', 'refresh+jwt', 'dpop+jwt'])('a token of type %s', async (typ) => {
    await expect(verify(signed(claims, { typ, alg: 'ES256K' }))).rejects.toEqual(withCode('BadJwtType'));
  });

  test('a token for another method, or for none', async () => {
    await expect(verify(signed({ ...claims, lxm: 'com.atproto.repo.getRecord' }))).rejects.toEqual(withCode('BadJwtLexiconMethod'));
    await expect(verify(mintServiceJwt({ issuer, audience, lxm: null, keypair, nowMs }))).rejects.toEqual(withCode('BadJwtLexiconMethod'));
  });

  test('a token after its expiry, not at it', async () => {
    expect(await verify(signed(claims), { nowMs: 1_000_060_000 })).toMatchObject(claims);
    await expect(verify(signed(claims), { nowMs: 1_000_060_001 })).rejects.toEqual(withCode('JwtExpired'));
  });

  test('a token that lives too long or comes from the future, not at the bounds', async () => {
    const latest = 1_000_000 + maxServiceJwtLifetimeSeconds + maxClockSkewSeconds;
    expect(await verify(signed({ ...claims, exp: latest }))).toMatchObject({ exp: latest });
    await expect(verify(signed({ ...claims, exp: latest + 1 }))).rejects.toEqual(withCode('BadJwt'));
    await expect(verify(signed({ ...claims, exp: 1_000_091 }), { maxLifetimeSeconds: 60 })).rejects.toEqual(withCode('BadJwt'));
    expect(await verify(signed({ ...claims, iat: 1_000_000 + maxClockSkewSeconds }))).toMatchObject({ iss: issuer });
    await expect(verify(signed({ ...claims, iat: 1_000_001 + maxClockSkewSeconds }))).rejects.toEqual(withCode('BadJwt'));
  });

  test.each(['', 'ewvi7nxzyoun6zhxrhs64oiz', 'did:', `${issuer}#`, `${issuer}#a#b`, `${issuer}#atproto_labeler`, `${issuer} `])('the issuer "%s"', async (iss) => {
    await expect(verify(signed({ ...claims, iss }))).rejects.toEqual(withCode('BadJwtIss'));
  });

  test.each([
    ['a number as issuer', { iss: 1 }], ['no issuer', { iss: undefined }], ['no audience', { aud: undefined }], ['a list of audiences', { aud: [audience] }], ['no expiry', { exp: undefined }], ['a text as expiry', { exp: '1000060' }],
    ['a text as iat', { iat: 'x' }], ['a number as method', { lxm: 1 }], ['a number as jti', { jti: 1 }],
  ])('%s', async (_name, change) => {
    await expect(verify(signed({ ...claims, ...change }))).rejects.toEqual(withCode('BadJwt'));
  });

  test.each([['another algorithm', { typ: 'JWT', alg: 'ES256' }], ['none', { typ: 'JWT', alg: 'none' }], ['no algorithm', { typ: 'JWT' }], ['HS256', { alg: 'HS256' }]])('a header with %s', async (_name, header) => {
    await expect(verify(signed(claims, header))).rejects.toEqual(withCode('BadJwtSignature'));
  });

  test('what is no token', async () => {
    for (const token of ['', 'a.b', 'a.b.c', `${signed(claims)}.x`]) await expect(verify(token)).rejects.toEqual(withCode('BadJwt'));
  });
});

/** A look-up that gives these answers one after the other and notes what it was asked. */
const lookUp = (...answers: (PublicKey | null)[]): { asked: [string, boolean][]; signingKey: VerifyServiceJwtOptions['signingKey'] } => {
  const asked: [string, boolean][] = [];
  return { asked, signingKey: (did, forceRefresh) => Promise.resolve(answers[asked.push([did, forceRefresh]) - 1] ?? null) };
};

describe('keys', () => {
  const other = Keypair.generate().publicKey;

  test('one that fits is asked for once', async () => {
    const { asked, signingKey } = lookUp(keypair.publicKey);
    await verify(signed(claims), { signingKey });
    expect(asked).toEqual([[issuer, false]]);
  });

  test('one that was rotated is looked up afresh, once', async () => {
    const { asked, signingKey } = lookUp(other, keypair.publicKey);
    await verify(signed(claims), { signingKey });
    expect(asked).toEqual([[issuer, false], [issuer, true]]);
  });

  test('one that is still another does not fit', async () => {
    await expect(verify(signed(claims), { signingKey: lookUp(other, other).signingKey })).rejects.toEqual(withCode('BadJwtSignature'));
    await expect(verify(signed(claims), { signingKey: lookUp(other, Keypair.generate('p256').publicKey).signingKey })).rejects.toEqual(withCode('BadJwtSignature'));
  });

  test('an issuer without one is refused, after a fresh look-up', async () => {
    await expect(verify(signed(claims), { signingKey: lookUp(null, null).signingKey })).rejects.toEqual(withCode('BadJwtIss'));
    expect(await verify(signed(claims), { signingKey: lookUp(null, keypair.publicKey).signingKey })).toMatchObject({ iss: issuer });
  });

  test('a failed look-up passes through', async () => {
    await expect(verify(signed(claims), { signingKey: () => Promise.reject(new Error('directory is away')) })).rejects.toThrow('directory is away');
  });

  test('an issuer with a service is asked for as a whole where that is allowed', async () => {
    const { asked, signingKey } = lookUp(keypair.publicKey);
    await verify(signed({ ...claims, iss: `${issuer}#atproto_labeler` }), { signingKey, allowServiceIssuer: true });
    expect(asked).toEqual([[`${issuer}#atproto_labeler`, false]]);
  });
});
