import { expect, test } from '@jest/globals';
import { toBase64Url, utf8Encode } from '@dunlin/protocol/base/bytes';
import { maxJwtLength } from '@dunlin/protocol/base/limits';
import { formatJwt, formatUnsignedJwt, parseJwt } from '@dunlin/protocol/crypto/jwt';

const part = (text: string): string => toBase64Url(utf8Encode(text));

test('parts survive', () => {
  const unsigned = formatUnsignedJwt({ alg: 'x' }, { sub: 'ü' });
  expect(parseJwt(formatJwt(unsigned, new Uint8Array([1, 2])))).toMatchObject({ header: { alg: 'x' }, claims: { sub: 'ü' }, signed: utf8Encode(unsigned), signature: new Uint8Array([1, 2]) });
});

test('claims inherit nothing', () => {
  const { claims } = parseJwt(`${part('{}')}.${part('{"__proto__":{"exp":1}}')}.`);
  expect([claims['exp'], claims['toString'], claims['constructor']]).toEqual([undefined, undefined, undefined]);
});

test.each([
  ['nothing', ''], ['two parts', `${part('{}')}.${part('{}')}`], ['four parts', `${part('{}')}.${part('{}')}.AQ.AQ`], ['no base64', `{}.{}.AQ`],
  ['padding', `${part('{}')}.${part('{}')}.AQ==`], ['broken JSON', `${part('{')}.${part('{}')}.AQ`], ['an array', `${part('[]')}.${part('{}')}.AQ`],
  ['null', `${part('null')}.${part('{}')}.AQ`], ['text', `${part('{}')}.${part('"x"')}.AQ`], ['bad utf-8', `${toBase64Url(new Uint8Array([0x22, 0xff, 0x22]))}.${part('{}')}.AQ`],
  ['too much', `${part('{}')}.${part(`{"a":"${'x'.repeat(maxJwtLength)}"}`)}.AQ`],
])('refuses %s', (_name, token) => {
  expect(() => parseJwt(token)).toThrow(expect.objectContaining({ code: 'BadJwt' }));
});
