/** Signing in on the OAuth pages with a second factor: what the password alone gets, who may take the second step, and where it leads. */
import { startSmallPds, type SmallPds } from '../small-pds.ts';
import { SoftPasskey } from '../factor/soft-passkey.ts';
import { wayBack } from '../../../pds/src/oauth/device-sign-in.ts';
import { RawBrowser, RawClient, send } from './raw-client.ts';

let small: SmallPds;
beforeAll(async () => {
  small = await startSmallPds();
});
afterAll(() => small.close());

interface Equipped {
  name: string;
  did: string;
  passkey: SoftPasskey;
  recoveryCodes: string[];
}

/** A new person with a passkey and recovery codes. */
async function equipped(name: string): Promise<Equipped> {
  const { did, token } = await small.newPerson(name);
  const passkey = new SoftPasskey(small.url);
  const { json } = await small.call('app.dunlin.account.startPasskey', { token, method: 'POST' });
  await small.call('app.dunlin.account.finishPasskey', { token, body: { name: 'key', answer: passkey.create(json['options']) } });
  const codes = await small.call('app.dunlin.account.makeRecoveryCodes', { token, method: 'POST' });
  return { name, did, passkey, recoveryCodes: codes.json['codes'] as string[] };
}

/** A browser at a client's sign-in page, where the person has typed the password. */
async function afterPassword({ name }: Equipped): Promise<{ browser: RawBrowser; client: RawClient; from: string }> {
  const client = new RawClient(small.url);
  const browser = new RawBrowser(small.url);
  await browser.begin(client);
  const from = browser.page.slice(small.url.length);
  const { status, json } = await browser.signIn(`${name}.test`, `${name} password`, { remember: true });
  expect([status, json['error']]).toEqual([401, 'second_authentication_factor_required']);
  return { browser, client, from };
}

const begin = (browser: RawBrowser, headers?: Record<string, string>) => browser.post('/account/second-step/begin', {}, headers);
const finish = (browser: RawBrowser, body: object) => browser.post('/account/second-step/finish', body);

test('the password alone signs nobody in', async () => {
  const ada = await equipped('ada');
  const { browser } = await afterPassword(ada);
  expect((await browser.ask('/consent', { did: ada.did })).json['url']).not.toContain('code=');
});

test('a passkey takes the second step, and the client gets its tokens', async () => {
  const bob = await equipped('bob');
  const { browser, client, from } = await afterPassword(bob);
  const { json: step } = await begin(browser);
  expect(step).toMatchObject({ handle: 'bob.test', totp: false, recoveryCodes: true, passkey: { challenge: expect.any(String) } });
  const before = browser.cookies.get('ses-id');
  const done = await finish(browser, { passkey: bob.passkey.get(step['passkey']), from });
  expect(browser.cookies.get('ses-id')).not.toBe(before);
  expect([done.status, done.json]).toEqual([200, { next: from }]);
  await browser.open(from);
  expect((await client.redeem(await browser.consent(bob.did))).json['sub']).toBe(bob.did);
});

test('a recovery code does too, on our page and in the field of the provider\'s own', async () => {
  const cleo = await equipped('cleo');
  const { browser, from } = await afterPassword(cleo);
  expect((await finish(browser, { code: cleo.recoveryCodes[0], from, remember: true })).status).toBe(200);
  const again = new RawBrowser(small.url);
  await again.begin(new RawClient(small.url));
  const used = await again.signIn('cleo.test', 'cleo password', { emailOtp: cleo.recoveryCodes[0] });
  expect([used.status, used.json['error']]).toEqual([401, 'second_authentication_factor_required']);
  expect((await again.signIn('cleo.test', 'cleo password', { emailOtp: cleo.recoveryCodes[1] })).status).toBe(200);
});

test('the step is taken once, in the browser the password was typed in, from our own page', async () => {
  const dora = await equipped('dora');
  const { browser, from } = await afterPassword(dora);
  const stranger = new RawBrowser(small.url);
  await stranger.open('/account');
  expect((await begin(stranger)).json['error']).toBe('SignInAgain');
  const bent: Record<string, string>[] = [{ origin: 'https://evil.org' }, { 'sec-fetch-site': 'cross-site' }, { 'content-type': 'text/plain' }];
  for (const headers of bent) {
    expect((await begin(browser, headers)).status).toBe(403);
  }
  expect((await finish(browser, { code: 'AAAAA-AAAAA', from })).json['error']).toBe('InvalidToken');
  expect((await finish(browser, { from })).status).toBe(400);
  expect((await finish(browser, { code: dora.recoveryCodes[0], from })).status).toBe(200);
  expect((await finish(browser, { code: dora.recoveryCodes[1], from })).json['error']).toBe('SignInAgain');
});

test('a wrong password after a right one leaves no step behind for another account', async () => {
  const emil = await equipped('emil');
  const eva = await equipped('eva');
  const { browser } = await afterPassword(emil);
  await browser.signIn('eva.test', 'eva password');
  const { json } = await begin(browser);
  expect(json['handle']).toBe('eva.test');
  expect((await finish(browser, { passkey: emil.passkey.get(json['passkey']) })).json['error']).toBe('InvalidPasskey');
  const { json: again } = await begin(browser);
  expect((await finish(browser, { passkey: eva.passkey.get(again['passkey']) })).json).toEqual({ next: '/account' });
});

test.each([
  ['/oauth/authorize?client_id=a&request_uri=b', '/oauth/authorize?client_id=a&request_uri=b'],
  ['/account/sign-in', '/account'],
  ['https://evil.org/oauth/authorize?x', '/account'],
  ['//evil.org/oauth/authorize?x', '/account'],
  ['/oauth/authorize/redirect?redirect_uri=x', '/account'],
  ['/oauth/authorize?a\r\nlocation: x', '/account'],
  [null, '/account'],
])('from %j the way back is %j', (from, expected) => {
  expect(wayBack(from)).toBe(expected);
});

test('the sign-in pages carry our script, and nothing else is changed', async () => {
  const browser = new RawBrowser(small.url);
  const { text, headers } = await browser.begin(new RawClient(small.url));
  expect(text).toMatch(/<head><script src="\/account\/second-step\.js"><\/script>/);
  expect(String(headers['content-security-policy'])).toMatch(/script-src [^;]*'self'/);
  const account = await browser.open('/account');
  expect(account.text).toContain('/account/second-step.js');
});

test.each(['/account/second-step', '/account/security'])('%s lets nothing in but what this server sends', async (path) => {
  const answer = await fetch(`${small.url}${path}`);
  expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; connect-src 'self'$/);
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  const html = await answer.text();
  const parts = [...html.matchAll(/<(?:link|script)\b[^>]* (?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!);
  expect(parts.length).toBe(2);
  for (const part of parts) {
    const loaded = await fetch(`${small.url}${part}`);
    expect([loaded.status, loaded.headers.get('content-type')]).toEqual([200, part.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8']);
    const known = await send(`${small.url}${part}`, { headers: { 'if-none-match': String(loaded.headers.get('etag')) } });
    expect(known.status).toBe(304);
  }
});
