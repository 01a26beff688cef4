/**
 * Our own pages in Chromium, with its virtual authenticator for passkeys: the security page (factors, app passwords, recovery key) and the
 * second step of an OAuth sign-in, by code and by passkey.
 */
import { readFileSync } from 'node:fs';
import { chromium, type Browser, type CDPSession, type Page } from 'playwright-core';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';
import { RawClient } from '../pds/oauth/raw-client.ts';
import { totpCode, totpStep } from '../../pds/src/factor/totp.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** The system's clock, moved ahead by hand, so that no code is asked for twice. */
let aheadMs = 0;
const clock: Clock = Object.assign(Object.create(systemClock) as Clock, { nowMs: () => systemClock.nowMs() + aheadMs });

let small: SmallPds;
let browser: Browser;
beforeAll(async () => {
  [small, browser] = await Promise.all([
    startSmallPds({ clock }),
    chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags }),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await small?.close();
});

interface Opened {
  page: Page;
  faults: string[];
  devtools: CDPSession;
}

/** A new browser with an authenticator that says yes. */
async function openBrowser(): Promise<Opened> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && !/status of 40[01]/.test(message.text()) && faults.push(message.text()));
  return { page, faults, devtools };
}

async function signInAtSecurity(page: Page, name: string): Promise<void> {
  await page.goto(`${small.url}/account/security`);
  await page.locator('input[name=identifier]').fill(`${name}.test`);
  await page.locator('input[name=password]').fill(`${name} password`);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Reads a secret as it is shown. */
function secretBytes(shown: string): Uint8Array {
  const bits = [...shown].map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2));
}

function nextCode(secret: Uint8Array): string {
  aheadMs += 30_000;
  return totpCode(secret, totpStep(clock.nowMs()));
}

/** Sets an authenticator app up and gives its secret. */
async function setUpApp(page: Page): Promise<Uint8Array> {
  await page.locator('#start-totp').click();
  const secret = secretBytes(await page.locator('#totp-secret').innerText());
  await page.locator('#confirm-totp input').fill(nextCode(secret));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.locator('#remove-totp').waitFor();
  return secret;
}

async function addPasskey(page: Page): Promise<void> {
  await page.locator('#add-passkey input').fill('this computer');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.locator('#passkeys li').getByText('this computer').waitFor();
}

test('a person sets up an app, a passkey and recovery codes, and each lets them in again', async () => {
  await small.newPerson('ada');
  const { page, faults } = await openBrowser();
  await signInAtSecurity(page, 'ada');
  const secret = await setUpApp(page);
  await addPasskey(page);
  await page.locator('#make-codes').click();
  const codes = (await page.locator('#recovery-codes').innerText()).split('\n');
  expect(codes).toHaveLength(10);
  for (const proof of [nextCode(secret), codes[0]]) {
    await signInAtSecurity(page, 'ada');
    await page.locator('#code-form input').fill(proof);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('Signed in as').waitFor();
  }
  await signInAtSecurity(page, 'ada');
  await page.locator('#use-passkey').click();
  await page.getByText('Signed in as').waitFor();
  expect(await page.locator('#recovery').innerText()).toContain('9 left.');
  await page.locator('#remove-totp').click();
  await page.getByRole('button', { name: 'No, keep it' }).click();
  await page.locator('#remove-totp').click();
  await page.getByRole('button', { name: 'Yes, remove the app' }).click();
  await page.locator('#start-totp').waitFor();
  await page.locator('#passkeys li').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Yes, remove it' }).click();
  await page.locator('#recovery').waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
  await page.context().close();
});

test('a wrong code is said to be wrong, and the page goes on', async () => {
  await small.newPerson('bob');
  const { page } = await openBrowser();
  await signInAtSecurity(page, 'bob');
  const secret = await setUpApp(page);
  await signInAtSecurity(page, 'bob');
  await page.locator('#code-form input').fill('000000');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('alert').getByText('This code does not hold').waitFor();
  await page.locator('#code-form input').fill(nextCode(secret));
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('Signed in as').waitFor();
  await page.context().close();
});

test('app passwords are made and taken back, sessions listed and ended', async () => {
  await small.newPerson('cleo');
  const { page, faults } = await openBrowser();
  await signInAtSecurity(page, 'cleo');
  await page.locator('#add-app-password input[name=name]').fill('my program');
  await page.getByRole('button', { name: 'Make one' }).click();
  const password = await page.locator('#app-password').innerText();
  await page.locator('#app-passwords li').getByText('my program').waitFor();
  const session = await small.call('com.atproto.server.createSession', { body: { identifier: 'cleo.test', password } });
  expect(session.status).toBe(200);
  await signInAtSecurity(page, 'cleo');
  await page.locator('#app-passwords li').getByText('my program').waitFor();
  await page.locator('#sessions li').getByText('my program').waitFor();
  const here = page.locator('#sessions li', { hasText: 'This one' });
  expect([await here.count(), await here.innerText(), await here.getByRole('button').count()]).toEqual([1, expect.stringMatching(/^Chrome on /), 0]);
  await page.locator('#app-passwords li').getByRole('button', { name: 'Take back' }).click();
  await page.getByRole('button', { name: 'Yes, take it back' }).click();
  await page.locator('#sessions li').getByText('my program').waitFor({ state: 'detached' });
  expect((await small.call('com.atproto.server.createSession', { body: { identifier: 'cleo.test', password } })).status).toBe(401);
  expect(faults).toEqual([]);
  await page.context().close();
});

test('a recovery key is made in the browser, kept as a file, and becomes the first key of the DID', async () => {
  const { did } = await small.newPerson('dora');
  const { page, faults } = await openBrowser();
  await signInAtSecurity(page, 'dora');
  const sent: string[] = [];
  page.on('request', (request) => sent.push(request.postData() ?? ''));
  await page.locator('#make-key').click();
  const secret = await page.locator('#recovery-key').innerText();
  expect(secret).toMatch(/^z[1-9A-HJ-NP-Za-km-z]+$/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Keep it as a file').click()]);
  const kept = readFileSync(await download.path(), 'utf8');
  expect(kept).toContain(secret);
  await page.locator('#mail-code').click();
  await page.locator('#add-key').waitFor();
  await page.getByText('A code was sent').waitFor();
  const { json } = await small.call('app.dunlin.admin.listMailCodes', { headers: small.admin, params: { account: did } });
  await page.locator('#add-key input').fill((json['codes'] as { code: string }[])[0].code);
  await page.getByRole('button', { name: 'Add the key' }).click();
  const key = await page.locator('#key-added code').innerText();
  const { rotationKeys } = (await (await fetch(`${small.plc.url}/${did}/data`)).json()) as { rotationKeys: string[] };
  expect(rotationKeys).toHaveLength(2);
  expect(rotationKeys[0]).toBe(key);
  expect(kept).toContain(key);
  expect(sent.some((body) => body.includes(secret))).toBe(false);
  expect(faults).toEqual([]);
  await page.context().close();
});

describe('an OAuth sign-in with a second factor', () => {
  /** Opens a client's sign-in page, types the password and waits for our page of the second step. */
  async function toSecondStep(page: Page, name: string): Promise<RawClient> {
    const client = new RawClient(small.url);
    const { json } = await client.push();
    await page.route('http://127.0.0.1/callback**', (route) => route.fulfill({ contentType: 'text/html', body: '<p id="done">Back at the app</p>' }));
    await page.goto(`${small.url}/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(json['request_uri']) })}`);
    await page.getByRole('button', { name: 'Sign in' }).first().click();
    await page.locator('input[name=username]').fill(`${name}.test`);
    await page.locator('input[name=password]').fill(`${name} password`);
    await page.locator('form').getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/account/second-step?**');
    return client;
  }

  /** Consents and gives the client's tokens. */
  async function consent(page: Page, client: RawClient): Promise<Record<string, unknown>> {
    await page.waitForURL('**/oauth/authorize?**');
    await page.getByRole('button', { name: /\.test/ }).or(page.getByRole('button', { name: 'Authorize' })).first().click();
    await page.getByRole('button', { name: 'Authorize' }).click({ timeout: 5_000 }).catch(() => undefined);
    await page.locator('#done').waitFor();
    return (await client.redeem(new URL(page.url()).searchParams.get('code') ?? '')).json;
  }

  test('asks for a code of the app, and goes on to the client', async () => {
    const { did } = await small.newPerson('emil');
    const { page } = await openBrowser();
    await signInAtSecurity(page, 'emil');
    const secret = await setUpApp(page);
    const client = await toSecondStep(page, 'emil');
    await page.locator('#code-form input').fill(nextCode(secret));
    await page.getByRole('button', { name: 'Go on' }).click();
    expect(await consent(page, client)).toMatchObject({ sub: did, token_type: 'DPoP' });
    await page.context().close();
  });

  test('takes a passkey too, and remembers the device when asked to', async () => {
    const { did } = await small.newPerson('fay');
    const { page } = await openBrowser();
    await signInAtSecurity(page, 'fay');
    await addPasskey(page);
    const client = await toSecondStep(page, 'fay');
    await page.locator('input[name=remember]').check();
    await page.locator('#use-passkey').click();
    expect(await consent(page, client)).toMatchObject({ sub: did });
    await page.goto(`${small.url}/account`);
    await page.getByText('fay.test').first().waitFor();
    await page.context().close();
  });
});
