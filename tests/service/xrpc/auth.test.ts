/** Tests of credentials: bearer tokens in the reference's words, the operator's password with its lock-out. */
import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { bearerToken, createAdminAuth, optionalBearerToken, readAuthorization, type Credentials } from '@dunlin/service/xrpc/auth';
import { XrpcError } from '@dunlin/service/xrpc/errors';

const withHeader = (authorization?: string, ip = '203.0.113.1'): Credentials => ({ headers: authorization === undefined ? {} : { authorization }, ip });
const basic = (text: string, ip?: string): Credentials => withHeader(`Basic ${Buffer.from(text).toString('base64')}`, ip);

function refusalOf(act: () => unknown): { status: number; error: string; message: string } | null {
  try {
    act();
    return null;
  } catch (error) {
    if (!(error instanceof XrpcError)) throw error;
    return { status: error.status, error: error.error, message: error.message };
  }
}

describe('a bearer token', () => {
  test('is read whatever the case of its scheme', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) expect(bearerToken(withHeader(`${scheme} abc.def`))).toBe('abc.def');
  });

  test.each([
    [undefined, 401, 'AuthMissing', 'Authentication Required'],
    ['', 401, 'AuthMissing', 'Authentication Required'],
    ['Bearer', 400, 'InvalidToken', 'Malformed authorization header'],
    ['Bearer a b', 400, 'InvalidToken', 'Malformed authorization header'],
    ['Basic YTpi', 400, 'InvalidToken', 'Unexpected authorization type'],
    ['Foo bar', 400, 'InvalidToken', 'Unsupported authorization type: Foo'],
  ])('missing in %j is refused', (header, status, error, message) => {
    expect(refusalOf(() => bearerToken(withHeader(header)))).toEqual({ status, error, message });
  });

  test('may be optional', () => {
    expect(optionalBearerToken(withHeader())).toBeNull();
    expect(optionalBearerToken(withHeader('Basic abc'))).toBeNull();
    expect(optionalBearerToken(withHeader('Bearer abc'))).toBe('abc');
  });

  test('stands in a header with scheme and value', () => {
    expect(readAuthorization({ authorization: 'DPoP  abc ' })).toEqual({ scheme: 'dpop', value: 'abc' });
    expect(readAuthorization({})).toBeNull();
  });
});

describe('the operator', () => {
  test('gets in with name and password, and with nothing else', () => {
    const check = createAdminAuth('correct horse');
    expect(check(basic('admin:correct horse'))).toEqual({ isAdmin: true });
    for (const wrong of ['admin:correct hors', 'admin:correct horse ', 'root:correct horse', 'admin', ':correct horse', '']) {
      expect(refusalOf(() => check(basic(wrong)))).toEqual({ status: 401, error: 'AuthenticationRequired', message: 'Authentication Required' });
    }
    expect(refusalOf(() => check(withHeader()))?.status).toBe(401);
    expect(refusalOf(() => check(withHeader('Bearer x')))?.status).toBe(401);
  });

  test('gets in with any of several passwords while one is exchanged for another', () => {
    const check = createAdminAuth(['old password', 'new password']);
    for (const right of ['admin:old password', 'admin:new password']) expect(check(basic(right))).toEqual({ isAdmin: true });
    for (const wrong of ['admin:old password,new password', 'admin:']) expect(refusalOf(() => check(basic(wrong)))?.status).toBe(401);
    expect(refusalOf(() => createAdminAuth([])(basic('admin:')))?.status).toBe(401);
  });

  test('never gets in without a password set', () => {
    const check = createAdminAuth(null);
    for (const guess of ['', 'admin:', 'admin:null']) expect(refusalOf(() => check(basic(guess)))?.status).toBe(401);
  });

  test('is locked out after ten wrong passwords from an address, for a while, and others are not', () => {
    const clock = new ManualClock();
    const check = createAdminAuth('right', { clock });
    for (let count = 0; count < 10; count++) expect(refusalOf(() => check(basic('admin:wrong')))?.status).toBe(401);
    expect(refusalOf(() => check(basic('admin:right')))?.status).toBe(429);
    expect(check(basic('admin:right', '203.0.113.2'))).toEqual({ isAdmin: true });
    clock.advance(29_999);
    expect(refusalOf(() => check(basic('admin:right')))?.status).toBe(429);
    clock.advance(1);
    expect(check(basic('admin:right'))).toEqual({ isAdmin: true });
  });
});
