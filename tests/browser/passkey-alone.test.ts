/**
 * A passkey in the place of password and second factor, in Chromium with its virtual authenticator: on the security page, and on the way of
 * an OAuth client.
 */
import { chromium, type Browser, type Page } from 'playwright-core';
import { RawClient } from '../pds/oauth/raw-client.ts';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let small: SmallPds;
let browser: Browser;
beforeAll(async () => {
  [small, browser] = await Promise.all([startSmallPds(), chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags })]);
});
afterAll(async () => {
  await browser?.close();
  await small?.close();
});

/** A new browser whose authenticator holds a passkey of a new person. */
async function withPasskey(name: string): Promise<{ page: Page; did: string; faults: string[] }> {
  const { did } = await small.newPerson(name);
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(10_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await page.goto(`${small.url}/account/security`);
  await page.locator('input[name=identifier]').fill(`${name}.test`);
  await page.locator('input[name=password]').fill(`${name} password`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#add-passkey input').fill('this computer');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.locator('#passkeys li').getByText('this computer').waitFor();
  return { page, did, faults };
}

test('on the security page it signs in, and factors can be changed', async () => {
  const { page, faults } = await withPasskey('ada');
  await page.goto(`${small.url}/account/security`);
  await page.locator('#passkey-alone').click();
  await page.getByText('Signed in as').waitFor();
  expect(await page.locator('strong').first().innerText()).toBe('@ada.test');
  await page.locator('#make-codes').click();
  await page.locator('#recovery-codes').waitFor();
  expect(faults).toEqual([]);
  await page.context().close();
});

test('an OAuth client\'s sign-in page leads to it and back, the person consents, the client gets in', async () => {
  const { page, did, faults } = await withPasskey('bea');
  const client = new RawClient(small.url);
  const { json } = await client.push();
  await page.route('http://127.0.0.1/callback**', (route) => route.fulfill({ contentType: 'text/html', body: '<p id="done">Back at the app</p>' }));
  await page.goto(`${small.url}/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(json['request_uri']) })}`);
  await page.getByRole('link', { name: 'Sign in with a passkey' }).click();
  await page.locator('#use-passkey').click();
  await page.waitForURL('**/oauth/authorize?**');
  await page.getByRole('button', { name: /bea\.test/ }).or(page.getByRole('button', { name: 'Authorize' })).first().click();
  await page.getByRole('button', { name: 'Authorize' }).click({ timeout: 5_000 }).catch(() => undefined);
  await page.locator('#done').waitFor();
  expect((await client.redeem(new URL(page.url()).searchParams.get('code') ?? '')).json).toMatchObject({ sub: did, token_type: 'DPoP' });
  expect(faults).toEqual([]);
  await page.context().close();
});
