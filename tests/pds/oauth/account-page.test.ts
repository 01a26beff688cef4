/** What the provider's account page changes, asked as the page asks it: names, addresses, passwords, standing, apps and devices. */
import { startSmallPds, type SmallPds } from '../small-pds.ts';
import { authorize, RawBrowser, type Reply } from './raw-client.ts';

let small: SmallPds;
beforeAll(async () => {
  small = await startSmallPds();
});
afterAll(() => small.close());

interface AtHome {
  did: string;
  browser: RawBrowser;
  ask(endpoint: string, body?: object): Promise<Reply>;
}

/** A new person, signed in on the account page. */
async function atHome(name: string): Promise<AtHome> {
  const { did } = await small.newPerson(name);
  const browser = new RawBrowser(small.url);
  await browser.open('/account');
  expect((await browser.signIn(`${name}.test`, `${name} password`)).status).toBe(200);
  return { did, browser, ask: (endpoint, body = {}) => browser.ask(endpoint, { did, ...body }) };
}

async function mailedCode(did: string, purpose: string): Promise<string> {
  const { json } = await small.call('app.dunlin.admin.listMailCodes', { headers: small.admin, params: { account: did } });
  return (json['codes'] as { purpose: string; code: string }[]).find((each) => each.purpose === purpose)!.code;
}

const status = async (did: string): Promise<unknown> => (await small.call('com.atproto.sync.getRepoStatus', { params: { did } })).json['active'];

test('the page knows who is signed in on this device, and signs them out', async () => {
  const { browser, ask } = await atHome('ada');
  expect((await browser.open('/account')).text).toContain('ada.test');
  expect((await ask('/sign-out')).json).toEqual({ success: true });
  expect((await browser.open('/account')).text).not.toContain('ada.test');
});

test('a handle is changed here and in the DID document, and one that is taken is said to be', async () => {
  const { did, ask } = await atHome('bob');
  const taken = await ask('/update-handle', { handle: 'ada.test' });
  expect([taken.status, taken.json]).toMatchObject([400, { error: 'handle_unavailable', reason: 'taken' }]);
  expect((await ask('/update-handle', { handle: 'admin.test' })).json).toMatchObject({ error: 'handle_unavailable', reason: 'reserved' });
  const { json } = await ask('/update-handle', { handle: 'robert.test' });
  expect(json['account']).toMatchObject({ did, handle: 'robert.test' });
  const { alsoKnownAs } = (await (await fetch(`${small.plc.url}/${did}`)).json()) as { alsoKnownAs: string[] };
  expect(alsoKnownAs).toEqual(['at://robert.test']);
});

test('a free handle is said to be free', async () => {
  const { browser } = await atHome('carl');
  expect((await browser.ask('/verify-handle-availability', { handle: 'free.test' })).json).toEqual({ available: true });
  expect((await browser.ask('/verify-handle-availability', { handle: 'carl.test' })).json).toMatchObject({ reason: 'taken' });
  expect((await browser.ask('/verify-handle-availability', { handle: 'name.elsewhere.org' })).json).toMatchObject({ reason: 'unsupported' });
});

test('an address is confirmed and changed by mailed codes', async () => {
  const { did, ask } = await atHome('dora');
  expect((await ask('/verify-email-request')).json).toEqual({ success: true });
  expect((await ask('/verify-email-confirm', { email: 'dora@people.org', token: 'AAAAA-AAAAA' })).status).toBe(400);
  const confirmed = await ask('/verify-email-confirm', { email: 'dora@people.org', token: await mailedCode(did, 'confirm_email') });
  expect(confirmed.json['account']).toMatchObject({ email: 'dora@people.org', emailVerified: true });
  expect((await ask('/update-email-request')).json).toEqual({ tokenRequired: true });
  expect((await ask('/update-email-confirm', { email: 'new@people.org' })).status).toBe(400);
  const changed = await ask('/update-email-confirm', { email: 'new@people.org', token: await mailedCode(did, 'update_email') });
  expect(changed.json['account']).toMatchObject({ email: 'new@people.org', emailVerified: false });
  expect(await mailedCode(did, 'confirm_email')).toMatch(/-/);
});

test('a password is reset by a mailed code, whoever asks, and nobody learns which addresses there are', async () => {
  const { did, browser } = await atHome('emil');
  const asked = await browser.ask('/reset-password-request', { locale: 'en', email: 'emil@people.org' });
  const unknown = await browser.ask('/reset-password-request', { locale: 'en', email: 'nobody@people.org' });
  expect(unknown.json).toEqual(asked.json);
  expect((await browser.ask('/reset-password-confirm', { token: 'AAAAA-AAAAA', password: 'another password' })).json).toMatchObject({ error_description: 'Invalid token' });
  const token = await mailedCode(did, 'reset_password');
  expect((await browser.ask('/reset-password-confirm', { token, password: 'another password' })).json).toEqual({ success: true });
  expect((await browser.signIn('emil.test', 'emil password')).status).toBe(400);
  expect((await browser.signIn('emil.test', 'another password')).status).toBe(200);
});

test('an account leaves and comes back, and its apps sign in anew', async () => {
  const { did, ask } = await atHome('fay');
  const { client, tokens } = await authorize(small.url, { name: 'fay', did });
  expect((await ask('/deactivate-account')).json['account']).toMatchObject({ deactivated: true });
  expect(await status(did)).toBe(false);
  expect((await client.call(tokens.access_token, '/xrpc/com.atproto.server.getSession')).json['error']).toBe('invalid_token');
  expect((await ask('/reactivate-account')).json['account']).toMatchObject({ deactivated: false });
  expect(await status(did)).toBe(true);
});

test('an account is deleted with its password and a mailed code', async () => {
  const { did, ask } = await atHome('gil');
  expect((await ask('/delete-account-request')).json).toEqual({ success: true });
  const token = await mailedCode(did, 'delete_account');
  expect((await ask('/delete-account-confirm', { token, password: 'wrong password' })).status).toBe(400);
  expect((await ask('/delete-account-confirm', { token, password: 'gil password' })).json).toEqual({ success: true });
  expect((await small.call('com.atproto.sync.getRepoStatus', { params: { did } })).json['error']).toBe('RepoNotFound');
});

test('nobody changes an account that is not signed in on their device', async () => {
  const victim = await atHome('hal');
  const thief = await atHome('ida');
  for (const endpoint of ['/update-email-request', '/deactivate-account', '/delete-account-request', '/verify-email-request']) {
    expect((await thief.browser.ask(endpoint, { did: victim.did })).status).toBe(401);
  }
  expect(await status(victim.did)).toBe(true);
});

test('a person signs up, and the account is there for the network', async () => {
  const browser = new RawBrowser(small.url);
  await browser.open('/account');
  const signUp = (more: object): Promise<Reply> => browser.ask('/sign-up', { locale: 'en', handle: 'jan.test', email: 'jan@people.org', password: 'jan password', ...more });
  expect((await signUp({ email: 'hal@people.org' })).status).toBe(400);
  const { json } = await signUp({});
  const { did } = json['account'] as { did: string };
  expect(await status(did)).toBe(true);
  const session = await small.call('com.atproto.server.createSession', { body: { identifier: 'jan@people.org', password: 'jan password' } });
  expect(session.json['did']).toBe(did);
});

test('apps are listed and ended by their person', async () => {
  const { did, browser } = await atHome('kim');
  const { client, tokens } = await authorize(small.url, { name: 'kim', did });
  const list = await browser.read(`/oauth-sessions?did=${did}`);
  const [app] = list.json as unknown as { tokenId: string; clientId: string }[];
  expect(app.clientId).toBe(client.clientId);
  const thief = await atHome('lea');
  expect((await thief.browser.ask('/revoke-oauth-session', { did: thief.did, tokenId: app.tokenId })).status).toBe(400);
  expect((await browser.ask('/revoke-oauth-session', { did, tokenId: app.tokenId })).json).toEqual({ success: true });
  expect((await client.call(tokens.access_token, '/xrpc/com.atproto.server.getSession')).json['error']).toBe('invalid_token');
  const devices = await browser.read(`/account-sessions?did=${did}`);
  expect(devices.json).toEqual([expect.objectContaining({ isCurrentDevice: true, deviceMetadata: expect.objectContaining({ ipAddress: '127.0.0.1' }) })]);
});
