import { describe, expect, test } from '@jest/globals';
import * as jose from 'jose';
import { toBase64Url, utf8Encode } from '@dunlin/protocol/base/bytes';
import { signHs256Jwt, verifyHs256Jwt } from '@dunlin/protocol/crypto/session-jwt';

const secret = utf8Encode('a secret of a server that nobody knows');
const nowMs = 1_000_000_000;
const claims = { scope: 'com.atproto.access', aud: 'did:web:pds.test', sub: 'did:plc:abc', iat: 1_000_000, exp: 1_000_060 };
const token = signHs256Jwt({ typ: 'at+jwt', claims, secret });
const verify = (jwt: string, o = {}): unknown => verifyHs256Jwt(jwt, { typ: 'at+jwt', secret, nowMs, ...o });
const withCode = (code: string): unknown => expect.objectContaining({ code });

test('gives the claims back, in the form of the reference', () => {
  expect(verify(token)).toEqual(claims);
  expect(jose.decodeProtectedHeader(token)).toEqual({ typ: 'at+jwt', alg: 'HS256' });
  expect(Buffer.from(token.split('.')[0]!, 'base64url').toString()).toBe('{"typ":"at+jwt","alg":"HS256"}');
});

test('jose verifies ours and we verify what jose signs', async () => {
  expect((await jose.jwtVerify(token, secret, { currentDate: new Date(nowMs), typ: 'at+jwt' })).payload).toEqual(claims);
  const theirs = await new jose.SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'refresh+jwt' }).sign(secret);
  expect(verify(theirs, { typ: ['at+jwt', 'refresh+jwt'] })).toEqual(claims);
});

describe('refuses', () => {
  test('another secret, a changed part, no signature, another algorithm', () => {
    expect(() => verify(token, { secret: utf8Encode('another') })).toThrow(withCode('BadJwtSignature'));
    const [header, body, signature] = token.split('.') as [string, string, string];
    expect(() => verify(`${header}.${toBase64Url(utf8Encode(JSON.stringify({ ...claims, sub: 'did:plc:other' })))}.${signature}`)).toThrow(withCode('BadJwtSignature'));
    expect(() => verify(`${header}.${body}.`)).toThrow(withCode('BadJwtSignature'));
    expect(() => verify(`${toBase64Url(utf8Encode('{"alg":"none","typ":"at+jwt"}'))}.${body}.`)).toThrow(withCode('BadJwtSignature'));
    expect(() => verify(`${toBase64Url(utf8Encode('{"alg":"HS512","typ":"at+jwt"}'))}.${body}.${signature}`)).toThrow(withCode('BadJwtSignature'));
  });

  test('another type', () => {
    expect(() => verify(token, { typ: 'refresh+jwt' })).toThrow(withCode('BadJwtType'));
  });

  test('a token after its expiry, not at it, unless expired ones are asked for', () => {
    expect(verify(token, { nowMs: 1_000_060_000 })).toEqual(claims);
    expect(() => verify(token, { nowMs: 1_000_060_001 })).toThrow(withCode('JwtExpired'));
    expect(verify(token, { nowMs: 2_000_000_000, allowExpired: true })).toEqual(claims);
  });

  test('a token without expiry', () => {
    expect(() => verify(signHs256Jwt({ typ: 'at+jwt', claims: { sub: 'x' }, secret }))).toThrow(withCode('BadJwt'));
    expect(() => verify(signHs256Jwt({ typ: 'at+jwt', claims: { exp: '9999999999' }, secret }))).toThrow(withCode('BadJwt'));
  });
});
