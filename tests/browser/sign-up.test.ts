/**
 * A person without an account comes from an app: signs up on the OAuth pages in Chromium, with an invite code, consents, and the app works
 * in their name. Sign-ins with a second factor are in security.test.ts.
 */
import { chromium, type Browser, type Page } from 'playwright-core';
import { readSigners } from '../../pds/web/rotation-signature.ts';
import { RawClient } from '../pds/oauth/raw-client.ts';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';
import { wildcardFetch } from '../pds/wildcard-fetch.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** What the provider's page says of a code that does not hold: it has no words for codes of their own. */
const refusal = 'The data you submitted is invalid.';

let small: SmallPds;
let browser: Browser;
let code = '';
beforeAll(async () => {
  [small, browser] = await Promise.all([
    startSmallPds({ environment: { PDS_INVITE_REQUIRED: 'true' } }),
    chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags }),
  ]);
  const { json } = await small.call('com.atproto.server.createInviteCode', { body: { useCount: 1 }, headers: small.admin });
  code = String(json['code']);
});
afterAll(async () => {
  await browser?.close();
  await small?.close();
});

/** Opens an app's request on a device of its own, and goes to the second step of the sign-up with this handle. */
async function toSignUp(name: string): Promise<{ page: Page; client: RawClient }> {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(8_000);
  const client = new RawClient(small.url);
  const { json } = await client.push();
  await page.route('http://127.0.0.1/callback**', (route) => route.fulfill({ contentType: 'text/html', body: '<p id="done">Back at the app</p>' }));
  await page.goto(`${small.url}/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(json['request_uri']) })}`);
  await page.getByRole('button', { name: 'Create a new account' }).click();
  await page.locator('input[name=handle]').fill(name);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.locator('input[name=inviteCode]').waitFor();
  return { page, client };
}

async function signUp(page: Page, inviteCode: string, name: string): Promise<void> {
  await page.locator('input[name=inviteCode]').fill(inviteCode);
  await page.locator('input[name=email]').fill(`${name}@people.org`);
  await page.locator('input[name=password]').fill(`${name} password 123`);
  await page.getByRole('button', { name: 'Sign up' }).click();
}

test('an invite code that is none is said to be none; with a good one the account is made, and the app gets in by consent', async () => {
  const { page, client } = await toSignUp('zoe');
  await signUp(page, 'localhost-aaaaa-bbbbb', 'zoe');
  await page.getByText(refusal).waitFor();
  expect((await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'zoe.test' } })).status).toBe(400);
  await signUp(page, code, 'zoe');
  await page.getByRole('button', { name: 'Authorize' }).click();
  await page.locator('#done').waitFor();
  const { json } = await client.redeem(new URL(page.url()).searchParams.get('code') ?? '');
  const { json: { did } } = await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'zoe.test' } });
  expect(json).toMatchObject({ sub: did, token_type: 'DPoP' });
  const session = await small.call('com.atproto.server.createSession', { body: { identifier: 'zoe.test', password: 'zoe password 123' } });
  expect(session.json).toMatchObject({ did, email: 'zoe@people.org', active: true });
  await page.context().close();
});

test('a code that is used up makes no second account, and a person who says no sends the app back without one', async () => {
  const { page } = await toSignUp('yves');
  await signUp(page, code, 'yves');
  await page.getByText(refusal).waitFor();
  expect((await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'yves.test' } })).status).toBe(400);
  const { json } = await small.call('com.atproto.server.createInviteCode', { body: { useCount: 1 }, headers: small.admin });
  await signUp(page, String(json['code']), 'yves');
  await page.getByRole('button', { name: 'Deny access' }).click();
  await page.locator('#done').waitFor();
  expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
  await page.context().close();
});

describe('on the page with more choices', () => {
  const domain = '.people.dunlin-test.org';
  let choosy: SmallPds;
  const faults: string[] = [];
  beforeAll(async () => {
    choosy = await startSmallPds({
      fetch: wildcardFetch(domain, () => choosy.url, `lost${domain}`),
      environment: { PDS_SERVICE_HANDLE_DOMAINS: `${domain},.test`, PDS_HOSTED_DID_WEB: 'true' },
    });
  });
  afterAll(() => choosy?.close());

  /** Opens an app's request, and follows the link to the page. */
  async function toPage(): Promise<{ page: Page; client: RawClient }> {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(8_000);
    page.on('pageerror', (error) => faults.push(String(error)));
    const client = new RawClient(choosy.url);
    const { json } = await client.push();
    await page.route('http://127.0.0.1/callback**', (route) => route.fulfill({ contentType: 'text/html', body: '<p id="done">Back at the app</p>' }));
    await page.goto(`${choosy.url}/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(json['request_uri']) })}`);
    await page.getByRole('link', { name: 'Sign up with more choices' }).click();
    await page.locator('#sign-up').waitFor();
    return { page, client };
  }
  async function fill(page: Page, name: string, at: string): Promise<void> {
    await page.locator('input[name=name]').fill(name);
    await page.locator('select[name=domain]').selectOption(at);
    await page.locator('input[name=email]').fill(`${name}@people.org`);
    await page.locator('input[name=password]').fill(`${name} password`);
  }
  /** Chooses the account that is signed in now, consents, and gives whom the app then speaks for. */
  async function consent({ page, client }: { page: Page; client: RawClient }): Promise<unknown> {
    await page.waitForURL('**/oauth/authorize?**');
    await page.getByRole('button', { name: /people\.dunlin-test\.org/ }).click();
    await page.getByRole('button', { name: 'Authorize' }).click();
    await page.locator('#done').waitFor();
    const { json } = await client.redeem(new URL(page.url()).searchParams.get('code') ?? '');
    await page.context().close();
    return json['sub'];
  }

  test('a person gets a did:web of their handle, and the app gets in by consent', async () => {
    const { page, client } = await toPage();
    await fill(page, 'wanda', domain);
    await page.getByLabel(/did:web/).check();
    await page.locator('input[name=key]').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Make the account' }).click();
    expect(await consent({ page, client })).toBe(`did:web:wanda${domain}`);
    expect((await choosy.call('com.atproto.server.createSession', { body: { identifier: `wanda${domain}`, password: 'wanda password' } })).json).toMatchObject({ did: `did:web:wanda${domain}`, active: true });
  });

  test('a name that does not lead here is refused as a did:web and taken as a did:plc, with a recovery key above the server\'s', async () => {
    const { page, client } = await toPage();
    await fill(page, 'lost', domain);
    await page.getByLabel(/did:web/).check();
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByRole('alert').getByText('does not lead to this server').waitFor();
    await page.getByLabel(/did:plc/).check();
    await page.locator('input[name=key]').check();
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.locator('#recovery-key').waitFor();
    await page.locator('#go-on').click();
    const did = String(await consent({ page, client }));
    expect(did).toMatch(/^did:plc:/);
    const { rotationKeys } = (await (await fetch(`${choosy.plc.url}/${did}/data`)).json()) as { rotationKeys: string[] };
    expect(rotationKeys).toHaveLength(2);
    expect(rotationKeys[0]).toMatch(/^did:key:zDn/);
    expect(faults).toEqual([]);
  });

  test('a person whose line broke before the answer came has the key that rules what was made', async () => {
    const { page } = await toPage();
    await fill(page, 'cora', '.test');
    await page.locator('input[name=key]').check();
    await page.route('**/account/sign-up/finish', async (route) => {
      const answer = await route.fetch({ headers: { ...(await route.request().allHeaders()), origin: choosy.url, 'sec-fetch-site': 'same-origin' } });
      expect(answer.status()).toBe(200);
      await route.abort();
    });
    await page.getByRole('button', { name: 'Make the account' }).click();
    const [signer] = readSigners(await page.locator('#recovery-key').innerText());
    const { json } = await choosy.call('com.atproto.identity.resolveHandle', { params: { handle: 'cora.test' } });
    const { rotationKeys } = (await (await fetch(`${choosy.plc.url}/${String(json['did'])}/data`)).json()) as { rotationKeys: string[] };
    expect(rotationKeys[0]).toBe(signer?.didKey);
    await page.getByRole('link', { name: 'sign in' }).click();
    await page.waitForURL('**/oauth/authorize?**');
    await page.context().close();
  });
});

test('a name that is taken is said to be taken before anything else is asked', async () => {
  await small.call('com.atproto.admin.updateAccountHandle', { body: { did: (await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'zoe.test' } })).json['did'], handle: 'xenia.test' }, headers: small.admin });
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(8_000);
  const client = new RawClient(small.url);
  const { json } = await client.push();
  await page.goto(`${small.url}/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(json['request_uri']) })}`);
  await page.getByRole('button', { name: 'Create a new account' }).click();
  await page.locator('input[name=handle]').fill('xenia');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText(/taken|already|not available/i).first().waitFor();
  expect(await page.locator('input[name=inviteCode]').count()).toBe(0);
  await page.context().close();
});
