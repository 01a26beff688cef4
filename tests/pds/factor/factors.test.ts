/** Second factors of a running server, as clients meet them: what is asked for, what holds, how often, and who may change them. */
import { AtpAgent } from '@atproto/api';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { startSmallPds, type Answer, type SmallPds } from '../small-pds.ts';
import { SoftPasskey } from './soft-passkey.ts';
import { totpCode, totpStep } from '../../../pds/src/factor/totp.ts';

/** The system's clock, moved ahead by hand. */
let aheadMs = 0;
const clock: Clock = Object.assign(Object.create(systemClock) as Clock, { nowMs: () => systemClock.nowMs() + aheadMs, elapsedMs: () => systemClock.elapsedMs() + aheadMs });

let small: SmallPds;
beforeAll(async () => {
  small = await startSmallPds({ clock });
});
afterAll(() => small.close());

const own = 'app.dunlin.account';
const signIn = (name: string, authFactorToken?: string): Promise<Answer> =>
  small.call('com.atproto.server.createSession', { body: { identifier: `${name}.test`, password: `${name} password`, ...(authFactorToken !== undefined && { authFactorToken }) } });

/** Reads a secret as it was shown. */
function secretBytes(shown: string): Uint8Array {
  const bits = [...shown].map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2));
}

interface Equipped {
  did: string;
  token: string;
  /** The code of now; each call moves the clock on by a step, so that no code is asked for twice. */
  code(): string;
}

/** A new person with an authenticator app. */
async function withApp(name: string): Promise<Equipped> {
  const { did, token } = await small.newPerson(name);
  const begun = await small.call(`${own}.startTotp`, { token, method: 'POST' });
  expect(begun.status).toBe(200);
  const secret = secretBytes(String(begun.json['secret']));
  const code = (): string => {
    aheadMs += 30_000;
    return totpCode(secret, totpStep(clock.nowMs()));
  };
  expect((await small.call(`${own}.confirmTotp`, { token, body: { code: code() } })).status).toBe(200);
  return { did, token, code };
}

test('without a factor nothing is asked for, and a factor sent along is passed over', async () => {
  await small.newPerson('plain');
  expect((await signIn('plain')).status).toBe(200);
  expect((await signIn('plain', '123456')).status).toBe(200);
});

test('an app is not asked for before it has shown a right code', async () => {
  const { token } = await small.newPerson('unsure');
  const { json } = await small.call(`${own}.startTotp`, { token, method: 'POST' });
  expect(json['uri']).toMatch(new RegExp(`^otpauth://totp/localhost%3A\\d+:unsure.test\\?secret=${String(json['secret'])}&`));
  expect(json['qr']).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+"[^>]*><rect [^>]*\/><path [^>]*\/><\/svg>$/);
  const wrong = await small.call(`${own}.confirmTotp`, { token, body: { code: '000000' } });
  expect([wrong.status, wrong.json['error']]).toEqual([400, 'InvalidToken']);
  expect((await small.call(`${own}.getFactors`, { token })).json).toEqual({ totp: false, passkeys: [], recoveryCodesLeft: 0 });
  expect((await signIn('unsure')).status).toBe(200);
});

test('a client is told to ask for the code, and signs in with it', async () => {
  const { code } = await withApp('ada');
  const asked = await signIn('ada');
  expect([asked.status, asked.json['error']]).toEqual([401, 'AuthFactorTokenRequired']);
  expect(asked.json).not.toHaveProperty('accessJwt');
  expect((await signIn('ada', '')).json['error']).toBe('AuthFactorTokenRequired');
  const agent = new AtpAgent({ service: small.url });
  await expect(agent.login({ identifier: 'ada.test', password: 'ada password' })).rejects.toMatchObject({ status: 401, error: 'AuthFactorTokenRequired' });
  await agent.login({ identifier: 'ada.test', password: 'ada password', authFactorToken: code() });
  expect(agent.session?.handle).toBe('ada.test');
});

test('nobody learns of a factor without the password', async () => {
  await withApp('quiet');
  const answer = await small.call('com.atproto.server.createSession', { body: { identifier: 'quiet.test', password: 'wrong', authFactorToken: '123456' } });
  expect([answer.status, answer.json]).toEqual([401, { error: 'AuthenticationRequired', message: 'Invalid identifier or password' }]);
});

test('a code works once, and none before it works any more', async () => {
  const { code } = await withApp('bob');
  const earlier = code();
  const later = code();
  expect((await signIn('bob', later)).status).toBe(200);
  for (const used of [later, earlier]) {
    const answer = await signIn('bob', used);
    expect([answer.status, answer.json]).toEqual([400, { error: 'InvalidToken', message: 'Token is invalid' }]);
  }
});

test('wrong codes are few: after five the right one waits too', async () => {
  const { code } = await withApp('cleo');
  for (let attempt = 0; attempt < 5; attempt++) expect((await signIn('cleo', '000000')).status).toBe(400);
  const locked = await signIn('cleo', code());
  expect([locked.status, locked.json['error']]).toEqual([429, 'RateLimitExceeded']);
  expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(60);
  aheadMs += 15 * 60_000;
  expect((await signIn('cleo', code())).status).toBe(200);
  expect((await signIn('cleo', '000000')).status).toBe(400);
});

test('recovery codes work once each, in any writing, and new ones end the old', async () => {
  const { token } = await withApp('dora');
  const { json } = await small.call(`${own}.makeRecoveryCodes`, { token, method: 'POST' });
  const codes = json['codes'] as string[];
  expect(new Set(codes).size).toBe(10);
  expect((await signIn('dora', codes[0].toLowerCase().replace('-', ' '))).status).toBe(200);
  expect((await signIn('dora', codes[0])).json['error']).toBe('InvalidToken');
  expect((await small.call(`${own}.getFactors`, { token })).json['recoveryCodesLeft']).toBe(9);
  await small.call(`${own}.makeRecoveryCodes`, { token, method: 'POST' });
  expect((await signIn('dora', codes[1])).json['error']).toBe('InvalidToken');
});

test('there are no recovery codes without a factor, and they go with the last one', async () => {
  const { token } = await small.newPerson('emil');
  expect((await small.call(`${own}.makeRecoveryCodes`, { token, method: 'POST' })).json['error']).toBe('NoFactor');
  const equipped = await withApp('eva');
  await small.call(`${own}.makeRecoveryCodes`, { token: equipped.token, method: 'POST' });
  expect((await small.call(`${own}.removeTotp`, { token: equipped.token, method: 'POST' })).status).toBe(200);
  expect((await small.call(`${own}.getFactors`, { token: equipped.token })).json).toEqual({ totp: false, passkeys: [], recoveryCodesLeft: 0 });
  expect((await signIn('eva')).status).toBe(200);
});

test('a second app takes the first one\'s removal', async () => {
  const { token } = await withApp('fay');
  const again = await small.call(`${own}.startTotp`, { token, method: 'POST' });
  expect([again.status, again.json['error']]).toEqual([400, 'AlreadySetUp']);
});

test('changes want a session that began within ten minutes', async () => {
  const { code } = await withApp('gil');
  const { json } = await signIn('gil', code());
  const token = String(json['accessJwt']);
  aheadMs += 10 * 60_000 + 1;
  const late = await small.call(`${own}.removeTotp`, { token, method: 'POST' });
  expect([late.status, late.json['error']]).toEqual([403, 'ReauthenticationRequired']);
  const renewed = await small.call('com.atproto.server.refreshSession', { token: String(json['refreshJwt']), method: 'POST' });
  expect((await small.call(`${own}.removeTotp`, { token: String(renewed.json['accessJwt']), method: 'POST' })).json['error']).toBe('ReauthenticationRequired');
  const fresh = await signIn('gil', code());
  expect((await small.call(`${own}.removeTotp`, { token: String(fresh.json['accessJwt']), method: 'POST' })).status).toBe(200);
});

test('an app password passes without a factor, and may not touch factors', async () => {
  const { token } = await withApp('hal');
  const made = await small.call('com.atproto.server.createAppPassword', { token, body: { name: 'old program' } });
  const session = await small.call('com.atproto.server.createSession', { body: { identifier: 'hal.test', password: made.json['password'] } });
  expect(session.status).toBe(200);
  const refused = await small.call(`${own}.getFactors`, { token: String(session.json['accessJwt']) });
  expect([refused.status, refused.json]).toEqual([400, { error: 'InvalidToken', message: 'Bad token scope' }]);
});

test('a sign-in code takes the place of the factor once', async () => {
  const { token } = await withApp('ida');
  const { json } = await small.call(`${own}.makeSignInCode`, { token, method: 'POST' });
  expect((await signIn('ida', String(json['code']))).status).toBe(200);
  expect((await signIn('ida', String(json['code']))).json['error']).toBe('InvalidToken');
});

test('the operator lets somebody in again who lost everything', async () => {
  const { did } = await withApp('jan');
  const without = await small.call('app.dunlin.admin.removeFactors', { body: { did } });
  expect(without.status).toBe(401);
  expect((await small.call('app.dunlin.admin.removeFactors', { headers: small.admin, body: { did } })).status).toBe(200);
  expect((await signIn('jan')).status).toBe(200);
  const nobody = await small.call('app.dunlin.admin.removeFactors', { headers: small.admin, body: { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' } });
  expect([nobody.status, nobody.json['error']]).toEqual([400, 'NotFound']);
});

test('factors survive a restart, and go with the account', async () => {
  const { did, code } = await withApp('kim');
  await small.restart();
  expect((await signIn('kim')).json['error']).toBe('AuthFactorTokenRequired');
  expect((await signIn('kim', code())).status).toBe(200);
  expect((await small.call('com.atproto.admin.deleteAccount', { headers: small.admin, body: { did } })).status).toBe(200);
  expect((await signIn('kim')).json['error']).toBe('AuthenticationRequired');
});

describe('passkeys', () => {
  const check = (name: string, answer?: unknown): Promise<Answer> => small.call(`${own}.${answer === undefined ? 'start' : 'finish'}PasskeyCheck`, {
    body: { identifier: `${name}.test`, password: `${name} password`, ...(answer !== undefined && { answer }) },
  });

  async function withPasskey(name: string): Promise<{ token: string; passkey: SoftPasskey }> {
    const { token } = await small.newPerson(name);
    const passkey = new SoftPasskey(small.url);
    const { json } = await small.call(`${own}.startPasskey`, { token, method: 'POST' });
    const made = await small.call(`${own}.finishPasskey`, { token, body: { name: 'phone', answer: passkey.create(json['options']) } });
    expect(made.json).toEqual({ id: passkey.id.toString('base64url') });
    return { token, passkey };
  }

  test('a passkey is registered, shown, and opens a session', async () => {
    const { token, passkey } = await withPasskey('lea');
    expect((await signIn('lea')).json['error']).toBe('AuthFactorTokenRequired');
    const { options } = (await check('lea')).json as { options: { allowCredentials: object[] } };
    expect(options.allowCredentials).toEqual([{ id: passkey.id.toString('base64url'), transports: ['internal'], type: 'public-key' }]);
    const { json } = await check('lea', passkey.get(options));
    expect((await signIn('lea', String(json['authFactorToken']))).status).toBe(200);
    const [listed] = (await small.call(`${own}.getFactors`, { token })).json['passkeys'] as Record<string, string>[];
    expect(listed).toMatchObject({ name: 'phone', usedAt: expect.any(String) });
    expect((await small.call(`${own}.removePasskey`, { token, body: { id: listed.id } })).status).toBe(200);
    expect((await signIn('lea')).status).toBe(200);
  });

  test('a passkey for another site, another server, another challenge or another person does not hold', async () => {
    const { passkey } = await withPasskey('mia');
    const other = await withPasskey('nils');
    const refused = { status: 400, json: { error: 'InvalidPasskey' } };
    for (const differences of [{ origin: 'https://pds.evil.org' }, { rpId: 'pds.evil.org' }, { challenge: 'AAAA' }]) {
      expect(await check('mia', passkey.get((await check('mia')).json['options'], differences))).toMatchObject(refused);
    }
    expect(await check('mia', other.passkey.get((await check('mia')).json['options']))).toMatchObject(refused);
    expect(await check('mia', { id: 'nonsense' })).toMatchObject(refused);
    expect(await check('mia', passkey.get((await check('mia')).json['options']))).toMatchObject({ status: 200 });
  });

  test('a challenge is good once', async () => {
    const { passkey } = await withPasskey('ole');
    const { options } = (await check('ole')).json as { options: object };
    expect((await check('ole', passkey.get(options))).status).toBe(200);
    expect((await check('ole', passkey.get(options))).json['error']).toBe('InvalidPasskey');
  });

  test('a challenge is over after five minutes', async () => {
    const { passkey } = await withPasskey('pia');
    const { options } = (await check('pia')).json as { options: object };
    aheadMs += 5 * 60_000 + 1;
    expect((await check('pia', passkey.get(options))).json['error']).toBe('InvalidPasskey');
  });

  test('a counter that goes back shows a copied passkey', async () => {
    const { passkey } = await withPasskey('quin');
    const { options } = (await check('quin')).json as { options: object };
    expect((await check('quin', passkey.get(options, { counter: 7 }))).status).toBe(200);
    expect((await check('quin', passkey.get((await check('quin')).json['options'], { counter: 7 }))).json['error']).toBe('InvalidPasskey');
  });

  test('nobody learns of passkeys without the password', async () => {
    await withPasskey('rosa');
    const answer = await small.call(`${own}.startPasskeyCheck`, { body: { identifier: 'rosa.test', password: 'wrong' } });
    expect([answer.status, answer.json]).toEqual([401, { error: 'AuthenticationRequired', message: 'Invalid identifier or password' }]);
    await small.newPerson('sven');
    expect((await check('sven')).json['error']).toBe('NoPasskey');
  });

  test('a registration cannot be sent for another origin, nor twice', async () => {
    const { token, passkey } = await withPasskey('tina');
    const begin = async (): Promise<unknown> => (await small.call(`${own}.startPasskey`, { token, method: 'POST' })).json['options'];
    const finish = (answer: unknown, name = 'key'): Promise<Answer> => small.call(`${own}.finishPasskey`, { token, body: { name, answer } });
    expect((await finish(passkey.create(await begin(), { origin: 'https://evil.org' }))).json['error']).toBe('InvalidPasskey');
    expect((await finish(passkey.create(await begin()))).json).toMatchObject({ error: 'InvalidPasskey', message: 'this passkey is registered already' });
    expect((await finish(new SoftPasskey(small.url).create(await begin()), ' ')).status).toBe(400);
    expect((await finish(new SoftPasskey(small.url).create(await begin()))).status).toBe(200);
  });
});

test('sessions are listed and ended by their owner', async () => {
  const { token } = await small.newPerson('ursel');
  const other = await signIn('ursel');
  const list = async (): Promise<Record<string, string>[]> => (await small.call(`${own}.listSessions`, { token })).json['sessions'] as Record<string, string>[];
  const [latest, first] = await list();
  expect(first).toMatchObject({ id: expect.any(String), beganAt: expect.any(String), renewedAt: expect.any(String) });
  expect((await small.call(`${own}.endSession`, { token, body: { id: latest.id } })).status).toBe(200);
  expect(await list()).toHaveLength(1);
  const ended = await small.call('com.atproto.server.refreshSession', { token: String(other.json['refreshJwt']), method: 'POST' });
  expect([ended.status, ended.json['error']]).toEqual([400, 'ExpiredToken']);
});

test('the keys that rule a DID are shown to its owner', async () => {
  const { token } = await small.newPerson('vera');
  const { json } = await small.call(`${own}.getRotationKeys`, { token });
  expect(json['rotationKeys']).toEqual([expect.stringMatching(/^did:key:z/)]);
});

test('what an authenticator says of its make is not looked at, and no address in it is asked', async () => {
  const { token } = await small.newPerson('maker');
  const statement = Buffer.concat([Buffer.from([0xa1, 0x63]), Buffer.from('x5c'), Buffer.from([0x81, 0x43, 1, 2, 3])]);
  for (const format of ['android-key', 'packed', 'tpm', 'apple', 'fido-u2f', 'android-safetynet', 'unheard of']) {
    const { json } = await small.call(`${own}.startPasskey`, { token, method: 'POST' });
    const passkey = new SoftPasskey(small.url);
    const made = await small.call(`${own}.finishPasskey`, { token, body: { name: format, answer: passkey.create(json['options'], { attestation: { format, statement } }) } });
    expect([format, made.status]).toEqual([format, 200]);
    const begun = await small.call(`${own}.startPasskeyCheck`, { body: { identifier: 'maker.test', password: 'maker password' } });
    expect((await small.call(`${own}.finishPasskeyCheck`, { body: { identifier: 'maker.test', password: 'maker password', answer: passkey.get(begun.json['options']) } })).status).toBe(200);
  }
});

test('what a browser says of a passkey is refused when it is of the wrong kind, and is no fault of the server', async () => {
  const { token } = await small.newPerson('odd');
  const register = async (change: (answer: Record<string, unknown> & { response: Record<string, unknown> }) => unknown): Promise<Answer> => {
    const { json } = await small.call(`${own}.startPasskey`, { token, method: 'POST' });
    const answer = new SoftPasskey(small.url).create(json['options']) as Record<string, unknown> & { response: Record<string, unknown> };
    return small.call(`${own}.finishPasskey`, { token, body: { name: 'key', answer: change(answer) } });
  };
  const deep = Buffer.concat([Buffer.alloc(20_000, 0x81), Buffer.from([0])]).toString('base64url');
  for (const change of [
    () => null, () => [], () => 'x', () => ({}), (answer: object) => ({ ...answer, response: null }), (answer: object) => ({ ...answer, id: 7 }), (answer: object) => ({ ...answer, rawId: {} }),
    (answer: { response: object }) => ({ ...answer, response: { ...answer.response, attestationObject: deep } }), (answer: { response: object }) => ({ ...answer, response: { ...answer.response, clientDataJSON: 'bnVsbA' } }),
  ]) {
    const { status, json } = await register(change);
    expect([status, json['error']]).toEqual([400, expect.stringMatching(/^Invalid(Passkey|Request)$/)]);
  }
  for (const transports of ['usb', 7, null, { length: 1 }, ['usb', 7, 'telepathy']]) {
    const { status } = await register((answer) => ({ ...answer, response: { ...answer.response, transports } }));
    expect([transports, status]).toEqual([transports, 200]);
  }
});
