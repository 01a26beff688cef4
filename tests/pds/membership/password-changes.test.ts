/** What ends when a password changes, or when an operator takes every way into an account away; and what the person is told. */
import { eventually } from '../../harness/wait.ts';
import { SoftPasskey } from '../factor/soft-passkey.ts';
import { startMailServer, type MailServer } from '../mail/mail-server.ts';
import { authorize, RawBrowser, RawClient } from '../oauth/raw-client.ts';
import { startSmallPds, type Answer, type SmallPds } from '../small-pds.ts';

let mail: MailServer;
let small: SmallPds;
beforeAll(async () => {
  mail = await startMailServer();
  small = await startSmallPds({ environment: { PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'pds@example.org' } });
});
afterAll(async () => {
  await small.close();
  await mail.close();
});

const own = 'app.dunlin.account';
const server = (method: string, o: object): Promise<Answer> => small.call(`com.atproto.server.${method}`, o);
const says = ({ status, json }: Answer): unknown => (status === 200 ? 200 : json['error']);
const revoke = (account: string): Promise<Answer> => small.call('com.atproto.temp.revokeAccountCredentials', { headers: small.admin, body: { account } });
const reset = async (name: string, password: string): Promise<void> => {
  const email = `${name}@people.org`;
  await server('requestPasswordReset', { body: { email } });
  expect((await server('resetPassword', { body: { token: mail.codeFor(email), password } })).status).toBe(200);
};
const letter = async (name: string, subject: string): Promise<string> => {
  const find = (): string | undefined => mail.mails.find((each) => each.to === `${name}@people.org` && each.subject === subject)?.text;
  await eventually(`${name} is told`, () => find() !== undefined);
  return find() ?? '';
};

interface Equipped { name: string; did: string; token: string; refreshToken: string; passkey: SoftPasskey; recoveryCode: string; appPassword: string }

/** A person with everything that lets somebody in. */
async function equipped(name: string): Promise<Equipped> {
  const { did, token, refreshToken } = await small.newPerson(name);
  const passkey = new SoftPasskey(small.url);
  const { json } = await small.call(`${own}.startPasskey`, { token, method: 'POST' });
  expect((await small.call(`${own}.finishPasskey`, { token, body: { name: 'phone', answer: passkey.create(json['options']) } })).status).toBe(200);
  const codes = await small.call(`${own}.makeRecoveryCodes`, { token, method: 'POST' });
  const [recoveryCode = ''] = codes.json['codes'] as string[];
  const appPassword = String((await server('createAppPassword', { token, body: { name: 'bot' } })).json['password']);
  return { name, did, token, refreshToken, passkey, recoveryCode, appPassword };
}

const signIn = ({ did }: Equipped, password: string, authFactorToken?: string): Promise<Answer> =>
  server('createSession', { body: { identifier: did, password, ...(authFactorToken !== undefined && { authFactorToken }) } });
async function byPasskey({ passkey }: Equipped): Promise<Answer> {
  const { json } = await small.call(`${own}.startPasskeySignIn`, { method: 'POST' });
  return small.call(`${own}.finishPasskeySignIn`, { body: { answer: passkey.get(json['options']) } });
}

describe('when an operator takes every way in away', () => {
  test('nothing that let somebody in before does so again, also not after a new password', async () => {
    const ada = await equipped('ada');
    const { json: signInCode } = await small.call(`${own}.makeSignInCode`, { token: ada.token, method: 'POST' });
    await server('requestEmailConfirmation', { token: ada.token, method: 'POST' });
    const { json: { ticket } } = await small.call(`${own}.makeArchiveTicket`, { token: ada.token, method: 'POST' });
    expect(ticket).toEqual(expect.any(String));
    const mailCode = mail.codeFor('ada@people.org');
    expect((await revoke(ada.did)).status).toBe(200);
    expect(says(await signIn(ada, 'ada password'))).toBe('AuthenticationRequired');
    expect(says(await signIn(ada, ada.appPassword))).toBe('AuthenticationRequired');
    const download = await fetch(`${small.url}/account/export/archive`, { method: 'POST', headers: { origin: small.url }, body: new URLSearchParams({ ticket: String(ticket) }) });
    expect(download.status).toBe(401);
    await download.body?.cancel();
    await reset('ada', 'another');
    expect(says(await byPasskey(ada))).toBe('InvalidPasskey');
    expect(says(await signIn(ada, ada.appPassword))).toBe('AuthenticationRequired');
    expect(says(await server('refreshSession', { token: ada.refreshToken, method: 'POST' }))).toBe('ExpiredToken');
    for (const [method, body] of [['createAppPassword', { name: 'back door' }], ['updateEmail', { email: 'thief@people.org' }]] as const) {
      expect(says(await server(method, { token: ada.token, body }))).toBe('ExpiredToken');
    }
    const { status, json } = await signIn(ada, 'another');
    expect(status).toBe(200);
    const token = String(json['accessJwt']);
    expect((await small.call(`${own}.getFactors`, { token })).json).toEqual({ totp: false, passkeys: [], recoveryCodesLeft: 0 });
    expect((await server('listAppPasswords', { token })).json).toEqual({ passwords: [] });
    expect(says(await server('confirmEmail', { token, body: { email: 'ada@people.org', token: mailCode } }))).toBe('InvalidToken');
    expect(signInCode['code']).toMatch(/^[A-Z2-7-]{11}$/);
    expect(await letter('ada', 'Sign-In Revoked')).toContain('took every way into your account away');
  });

  test('clients and browsers of OAuth are out, and a code that a client has not redeemed yet is worth nothing', async () => {
    const { did } = await small.newPerson('bea');
    const { client, tokens } = await authorize(small.url, { name: 'bea', did });
    const signedIn = async (remember: boolean): Promise<{ browser: RawBrowser; client: RawClient; token: string | undefined }> => {
      const [browser, late] = [new RawBrowser(small.url), new RawClient(small.url)];
      await browser.begin(late);
      const { json } = await browser.signIn('bea.test', 'bea password', { remember });
      return { browser, client: late, token: json['ephemeralToken'] as string | undefined };
    };
    const [before, remembered, brief] = [await signedIn(true), await signedIn(true), await signedIn(false)];
    const code = await before.browser.consent(did);
    expect(code).toMatch(/^cod-/);
    expect(brief.token).toBeDefined();
    expect((await revoke(did)).status).toBe(200);
    expect((await before.client.redeem(code)).json['error']).toBe('invalid_grant');
    expect((await client.renew(String(tokens['refresh_token']))).json['error']).toBe('invalid_grant');
    for (const { browser, token } of [remembered, brief]) expect(await browser.consent(did, token)).toBe('');
    await reset('bea', 'another');
    const again = new RawBrowser(small.url);
    await again.begin(new RawClient(small.url));
    const { json } = await again.signIn('bea.test', 'another');
    expect(await again.consent(did, String(json['ephemeralToken']))).toMatch(/^cod-/);
  });

  test('an account without an address is told nothing, and all the same it is done', async () => {
    const { json } = await server('createAccount', { body: { handle: 'nomail.test', password: 'nomail password' } });
    expect((await revoke(String(json['did']))).status).toBe(200);
    expect(says(await server('getSession', { token: String(json['accessJwt']) }))).toBe('ExpiredToken');
  });
});

describe('when a password is changed', () => {
  test('by a mailed code, every session ends at once, while second factors and app passwords hold; the letter counts them', async () => {
    const cleo = await equipped('cleo');
    await reset('cleo', 'another');
    expect(says(await server('getSession', { token: cleo.token }))).toBe('ExpiredToken');
    expect(says(await small.call(`${own}.startPasskey`, { token: cleo.token, method: 'POST' }))).toBe('ExpiredToken');
    expect(says(await signIn(cleo, 'another'))).toBe('AuthFactorTokenRequired');
    expect(says(await signIn(cleo, 'another', cleo.recoveryCode))).toBe(200);
    expect(says(await signIn(cleo, cleo.appPassword))).toBe(200);
    expect(says(await byPasskey(cleo))).toBe(200);
    const text = await letter('cleo', 'Password Changed');
    expect(text).toContain('Still good: 1 passkey and 1 app password.');
    expect(text).toContain('with a code from your mail');
  });

  test('by the operator, it is the same, and a token made afterwards holds', async () => {
    const { did, token } = await small.newPerson('dora');
    expect((await small.call('com.atproto.admin.updateAccountPassword', { headers: small.admin, body: { did, password: 'another' } })).status).toBe(200);
    expect(says(await server('getSession', { token }))).toBe('ExpiredToken');
    const { json } = await server('createSession', { body: { identifier: did, password: 'another' } });
    expect(says(await server('getSession', { token: String(json['accessJwt']) }))).toBe(200);
    const renewed = await server('refreshSession', { token: String(json['refreshJwt']), method: 'POST' });
    expect(says(await server('getSession', { token: String(renewed.json['accessJwt']) }))).toBe(200);
    const text = await letter('dora', 'Password Changed');
    expect(text).toContain('The operator of your server gave your account a new password.');
    expect(text).not.toContain('Still good');
  });

  test('a second step that is owed on a device is owed no more', async () => {
    await equipped('eve');
    const browser = new RawBrowser(small.url);
    await browser.begin(new RawClient(small.url));
    expect((await browser.signIn('eve.test', 'eve password', { remember: true })).json['error']).toBe('second_authentication_factor_required');
    await reset('eve', 'another');
    expect((await browser.post('/account/second-step/begin', {})).json['error']).toBe('SignInAgain');
  });

  test.each([true, false])('a sign-in on the pages whose password was right before comes to nothing (remembered: %s)', async (remember) => {
    const name = remember ? 'gil' : 'hal';
    const { did } = await small.newPerson(name);
    const browser = new RawBrowser(small.url);
    await browser.begin(new RawClient(small.url));
    // The pages hold every answer for a while, so that its time says nothing: the password changes within it.
    const signingIn = browser.signIn(`${name}.test`, `${name} password`, { remember });
    expect((await small.call('com.atproto.admin.updateAccountPassword', { headers: small.admin, body: { did, password: 'another' } })).status).toBe(200);
    const { json } = await signingIn;
    expect(await browser.consent(did, json['ephemeralToken'] as string | undefined)).toBe('');
  });

  test('a code that is asked for on the pages is answered as for an address nobody has, also while no letter goes out', async () => {
    await small.newPerson('jon');
    const browser = new RawBrowser(small.url);
    await browser.begin(new RawClient(small.url));
    const ask = async (email: string): Promise<unknown[]> => {
      const { status, json } = await browser.ask('/reset-password-request', { locale: 'en', email });
      return [status, json];
    };
    const unknown = await ask('nobody@people.org');
    expect(await ask('jon@people.org')).toEqual(unknown);
    await eventually('the code is there', () => mail.codeFor('jon@people.org') !== '');
    mail.refusal = 'mailbox full';
    expect(await ask('jon@people.org')).toEqual(unknown);
    mail.refusal = null;
  });

  test('a mail server that takes no letter changes nothing of it', async () => {
    const { did, token } = await small.newPerson('finn');
    mail.refusal = 'mailbox full';
    expect((await small.call('com.atproto.admin.updateAccountPassword', { headers: small.admin, body: { did, password: 'another' } })).status).toBe(200);
    expect(says(await server('getSession', { token }))).toBe('ExpiredToken');
    mail.refusal = null;
    expect((await small.call('_health')).status).toBe(200);
  });
});
