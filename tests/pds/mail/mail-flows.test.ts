/** Everything that goes by mail, through a real mail server: the mail is there when the call is answered, and its code does what it says. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, type Answer, type SmallPds } from '../small-pds.ts';
import { startMailServer, type MailServer } from './mail-server.ts';

const clock = new ManualClock();
let mail: MailServer;
let small: SmallPds;
beforeAll(async () => {
  mail = await startMailServer();
  small = await startSmallPds({ clock, environment: { PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'PDS <pds@example.org>' } });
});
afterAll(async () => {
  await small.close();
  await mail.close();
});
beforeEach(() => {
  mail.mails.length = 0;
  mail.refusal = null;
});

let made = 0;
interface Someone { name: string; did: string; email: string; token: string }
async function newcomer(): Promise<Someone> {
  const name = `person${made++}`;
  const { did, token } = await small.newPerson(name);
  return { name, did, token, email: `${name}@people.org` };
}
const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const server = (method: string, o: object): Promise<Answer> => small.call(`com.atproto.server.${method}`, o);
const ask = (method: string, { token }: Someone): Promise<Answer> => server(method, { method: 'POST', token });
const session = async ({ token }: Someone): Promise<Record<string, unknown>> => (await server('getSession', { token })).json;
const signIn = (identifier: string, password: string): Promise<Answer> => server('createSession', { body: { identifier, password } });
/** Lets the time pass that a refused password waits for. */
async function refused(call: Promise<Answer>): Promise<Answer> {
  let isAnswered = false;
  const answer = call.finally(() => (isAnswered = true));
  await eventually('the refusal comes', () => {
    clock.advance(100);
    return isAnswered;
  });
  return answer;
}
/** Waits for a letter that only tells of something, so that the next test does not get it. */
const told = (address: string, subject: string): Promise<unknown> => eventually(`${address} is told`, () => mail.mails.some((each) => each.to === address && each.subject === subject));
const invalid = [400, 'InvalidToken', 'Token is invalid'];
const expired = [400, 'ExpiredToken', 'Token is expired'];
const fourteenMinutes = 14 * 60_000 + 59_999;

describe('confirming an address', () => {
  test('takes the code that was mailed, in either case of letters, once', async () => {
    const who = await newcomer();
    expect((await ask('requestEmailConfirmation', who)).status).toBe(200);
    expect(mail.mails).toEqual([{ to: who.email, from: expect.stringContaining('pds@example.org'), subject: 'Email Confirmation', text: expect.stringContaining(`Hello @${who.name}.test,`), html: expect.stringContaining('<code') }]);
    const code = mail.codeFor(who.email);
    const confirm = (email: string, token: string): Promise<Answer> => server('confirmEmail', { body: { email, token }, token: who.token });
    expect(says(await confirm('other@people.org', code))).toEqual([400, 'InvalidEmail', 'invalid email']);
    expect(says(await confirm(who.email, 'AAAAA-AAAAA'))).toEqual(invalid);
    expect((await confirm(who.email.toUpperCase(), code.toLowerCase())).status).toBe(200);
    expect((await session(who))['emailConfirmed']).toBe(true);
    expect(says(await confirm(who.email, code))).toEqual(invalid);
  });

  test('a code holds for fifteen minutes, and only the newest', async () => {
    const who = await newcomer();
    await ask('requestEmailConfirmation', who);
    const first = mail.codeFor(who.email);
    await ask('requestEmailConfirmation', who);
    const second = mail.codeFor(who.email);
    const confirm = (token: string): Promise<Answer> => server('confirmEmail', { body: { email: who.email, token }, token: who.token });
    expect(says(await confirm(first))).toEqual(invalid);
    clock.advance(fourteenMinutes + 1);
    expect(says(await confirm(second))).toEqual(expired);
    await ask('requestEmailConfirmation', who);
    clock.advance(fourteenMinutes);
    expect((await confirm(mail.codeFor(who.email))).status).toBe(200);
  });

  test('a mail the server does not take is said, and a code of another person or purpose is none', async () => {
    const [who, other] = [await newcomer(), await newcomer()];
    mail.refusal = 'mailbox full';
    expect(says(await ask('requestEmailConfirmation', who))).toEqual([502, 'UpstreamFailure', 'mail server did not take the message: try again later, or ask the operator of this server for the code']);
    mail.refusal = null;
    await ask('requestEmailConfirmation', other);
    await ask('requestAccountDelete', who);
    for (const address of [other.email, who.email]) {
      expect(says(await server('confirmEmail', { body: { email: who.email, token: mail.codeFor(address) }, token: who.token }))).toEqual(invalid);
    }
  });
});

describe('changing an address', () => {
  test('needs no code while it is not confirmed', async () => {
    const who = await newcomer();
    expect((await ask('requestEmailUpdate', who)).json).toEqual({ tokenRequired: false });
    expect(mail.mails).toEqual([]);
    expect((await server('updateEmail', { body: { email: `New-${who.email}` }, token: who.token })).status).toBe(200);
    expect(await session(who)).toMatchObject({ email: `new-${who.email}`, emailConfirmed: false });
    await told(who.email, 'Email Changed');
  });

  test('tells the address before, whoever changed it, and not one that stays', async () => {
    const who = await newcomer();
    await server('updateEmail', { body: { email: who.email.toUpperCase() }, token: who.token });
    await server('updateEmail', { body: { email: `b-${who.email}` }, token: who.token });
    await told(who.email, 'Email Changed');
    await small.call('com.atproto.admin.updateAccountEmail', { headers: small.admin, body: { account: who.did, email: `c-${who.email}` } });
    await told(`b-${who.email}`, 'Email Changed');
    expect(mail.mails.map(({ to, subject }) => [to, subject])).toEqual([[who.email, 'Email Changed'], [`b-${who.email}`, 'Email Changed']]);
    expect(mail.mails[1]?.text).toContain('The operator of your server');
    expect(mail.mails[0]?.text).not.toContain(`b-${who.email}`);
  });

  test('tells one address ten times a day, so that nobody makes this server pelt a stranger with letters', async () => {
    const who = await newcomer();
    const told = (): number => mail.mails.filter(({ to, subject }) => to === who.email && subject === 'Email Changed').length;
    for (let times = 0; times <= 10; times++) {
      for (const email of [`d-${who.email}`, who.email]) expect((await server('updateEmail', { body: { email }, token: who.token })).status).toBe(200);
    }
    await eventually('ten letters came', () => told() === 10);
    await ask('requestEmailConfirmation', who);
    expect(told()).toBe(10);
    clock.advance(24 * 3_600_000);
    const { json } = await signIn(who.email, `${who.name} password`);
    await server('updateEmail', { body: { email: `d-${who.email}` }, token: String(json['accessJwt']) });
    await eventually('another day, another letter', () => told() === 11);
  });

  test('needs the code mailed to the confirmed one, and makes the new one unconfirmed', async () => {
    const who = await newcomer();
    await ask('requestEmailConfirmation', who);
    await server('confirmEmail', { body: { email: who.email, token: mail.codeFor(who.email) }, token: who.token });
    const update = (body: object): Promise<Answer> => server('updateEmail', { body, token: who.token });
    const email = `moved-${who.email}`;
    expect(says(await update({ email }))).toEqual([400, 'TokenRequired', 'confirmation token required']);
    expect((await ask('requestEmailUpdate', who)).json).toEqual({ tokenRequired: true });
    expect(says(await update({ email, token: 'AAAAA-AAAAA' }))).toEqual(invalid);
    const token = mail.codeFor(who.email);
    expect((await update({ email: 'not an address', token })).status).toBe(400);
    const taken = await newcomer();
    expect(says(await update({ email: taken.email, token }))).toEqual([400, 'InvalidRequest', 'This email address is already in use, please use a different email.']);
    expect((await update({ email, token })).status).toBe(200);
    expect(await session(who)).toMatchObject({ email, emailConfirmed: false });
    expect(says(await update({ email: who.email, token }))).toEqual(invalid);
    await told(who.email, 'Email Changed');
  });
});

describe('resetting a password', () => {
  test('takes the code alone, ends every session and lets the new password in', async () => {
    const who = await newcomer();
    const { json: begun } = await signIn(who.email, `${who.name} password`);
    expect((await server('requestPasswordReset', { body: { email: who.email.toUpperCase() } })).status).toBe(200);
    const token = mail.codeFor(who.email);
    const reset = (body: object): Promise<Answer> => server('resetPassword', { body });
    expect(says(await reset({ token: 'AAAAA-AAAAA', password: 'new' }))).toEqual(invalid);
    expect(says(await reset({ token, password: 'x'.repeat(257) }))).toEqual([400, 'InvalidRequest', 'Invalid password length.']);
    expect((await reset({ token: token.toLowerCase(), password: 'x'.repeat(256) })).status).toBe(200);
    expect((await signIn(who.email, 'x'.repeat(256))).status).toBe(200);
    expect((await refused(signIn(who.email, `${who.name} password`))).status).toBe(401);
    expect((await server('refreshSession', { method: 'POST', token: String(begun['refreshJwt']) })).json['error']).toBe('ExpiredToken');
    expect(says(await reset({ token, password: 'again' }))).toEqual(invalid);
    await told(who.email, 'Password Changed');
  });

  test('an account gets twenty codes an hour, whoever asks, and the last one holds', async () => {
    const [who, other] = [await newcomer(), await newcomer()];
    const request = async ({ email }: Someone): Promise<number> => (await server('requestPasswordReset', { body: { email } })).status;
    for (let count = 0; count < 20; count++) expect(await request(who)).toBe(200);
    const token = mail.codeFor(who.email);
    expect((await server('requestPasswordReset', { body: { email: who.email } })).json['error']).toBe('RateLimitExceeded');
    expect(await request(other)).toBe(200);
    expect((await ask('requestEmailConfirmation', who)).status).toBe(200);
    clock.advance(179_000);
    expect(await request(who)).toBe(429);
    expect((await server('resetPassword', { body: { token, password: 'new' } })).status).toBe(200);
    await told(who.email, 'Password Changed');
    clock.advance(1_000);
    expect(await request(who)).toBe(200);
  });

  test('an old code is refused as expired, an unknown address is said', async () => {
    const who = await newcomer();
    await server('requestPasswordReset', { body: { email: who.email } });
    clock.advance(fourteenMinutes + 1);
    expect(says(await server('resetPassword', { body: { token: mail.codeFor(who.email), password: 'new' } }))).toEqual(expired);
    expect(says(await server('requestPasswordReset', { body: { email: 'nobody@people.org' } }))).toEqual([400, 'InvalidRequest', 'account does not have an email address']);
  });
});

describe('deleting an account', () => {
  test('takes the password and the code, and leaves nothing', async () => {
    const who = await newcomer();
    await ask('requestAccountDelete', who);
    const token = mail.codeFor(who.email);
    expect(mail.mails[0]?.subject).toBe('Account Deletion Requested');
    const remove = (body: object): Promise<Answer> => server('deleteAccount', { body: { did: who.did, password: `${who.name} password`, token, ...body } });
    expect(says(await refused(remove({ password: 'wrong' })))).toEqual([401, 'AuthenticationRequired', 'Invalid did or password']);
    expect(says(await remove({ token: 'AAAAA-AAAAA' }))).toEqual(invalid);
    expect(says(await remove({ did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }))).toEqual([400, 'InvalidRequest', 'account not found']);
    expect((await remove({})).status).toBe(200);
    expect((await small.call('com.atproto.sync.getRepoStatus', { params: { did: who.did } })).json['error']).toBe('RepoNotFound');
    expect((await refused(signIn(who.email, `${who.name} password`))).status).toBe(401);
    expect((await small.call('com.atproto.server.createAccount', { body: { handle: `${who.name}.test`, email: who.email, password: 'x' } })).status).toBe(200);
  });

  test('happens by itself at the time chosen when it was deactivated, unless it is active again by then', async () => {
    const [leaving, staying] = [await newcomer(), await newcomer()];
    const deleteAfter = new Date(clock.nowMs() + 3_600_000).toISOString();
    for (const who of [leaving, staying]) await server('deactivateAccount', { body: { deleteAfter }, token: who.token });
    clock.advance(1_800_000);
    expect((await ask('activateAccount', staying)).status).toBe(200);
    clock.advance(1_799_000);
    const status = async ({ did }: Someone): Promise<unknown> => {
      const { json } = await small.call('com.atproto.sync.getRepoStatus', { params: { did } });
      return json['error'] ?? json['active'];
    };
    expect([await status(leaving), await status(staying)]).toEqual([false, true]);
    clock.advance(5 * 60_000);
    for (let tries = 0; tries < 100 && (await status(leaving)) !== 'RepoNotFound'; tries++);
    expect([await status(leaving), await status(staying)]).toEqual(['RepoNotFound', true]);
  });
});

test('an operator writes to somebody, and reads out the codes that hold', async () => {
  const who = await newcomer();
  const send = (body: object): Promise<Answer> => small.call('com.atproto.admin.sendEmail', { headers: small.admin, body: { senderDid: 'did:web:mod.example.org', content: '<p>Hello &amp; welcome</p>', ...body } });
  expect((await send({ recipientDid: who.did })).json).toEqual({ sent: true });
  expect(mail.mails).toEqual([{ to: who.email, from: expect.any(String), subject: 'Message via your PDS', text: expect.stringContaining('Hello & welcome'), html: expect.stringContaining('<p>Hello &amp; welcome</p>') }]);
  expect(says(await send({ recipientDid: 'did:web:nobody.org' }))).toEqual([400, 'InvalidRequest', 'Recipient not found']);
  const codes = async (): Promise<unknown> => (await small.call('app.dunlin.admin.listMailCodes', { params: { account: who.did }, headers: small.admin })).json['codes'];
  expect(await codes()).toEqual([]);
  await ask('requestAccountDelete', who);
  expect(await codes()).toEqual([{ did: who.did, handle: expect.any(String), purpose: 'delete_account', code: mail.codeFor(who.email), requestedAt: expect.any(String), expiresAt: expect.any(String) }]);
  expect((await small.call('app.dunlin.admin.listMailCodes', { params: { account: who.did } })).status).toBe(401);
  clock.advance(fourteenMinutes + 1);
  expect(await codes()).toEqual([]);
});

test('somebody without an address gets no codes', async () => {
  const { json } = await server('createAccount', { body: { handle: 'bare.test', password: 'x' } });
  const who = { token: String(json['accessJwt']) } as Someone;
  const none = [400, 'InvalidRequest', 'account does not have an email address'];
  expect(says(await ask('requestEmailConfirmation', who))).toEqual(none);
  expect(says(await ask('requestEmailUpdate', who))).toEqual(none);
  expect(says(await ask('requestAccountDelete', who))).toEqual(none);
  expect((await server('updateEmail', { body: { email: 'bare@people.org' }, token: who.token })).status).toBe(200);
});
