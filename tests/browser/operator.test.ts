/**
 * The operator's page in Chromium: sign-in with the admin password, the overview, accounts and what is done to them, invites, codes, the
 * trail of acts. Mail goes nowhere here, relays are one that answers.
 */
import { chromium, type Browser, type Page } from 'playwright-core';
import { join } from 'node:path';
import { parseCid } from '@dunlin/protocol/data/cid';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { AccountStore } from '../../pds/src/account/account-store.ts';
import { TrashStore } from '../../pds/src/blob/trash-store.ts';
import { pdsMigrations } from '../../pds/src/wiring/stores.ts';
import { totpCode, totpStep } from '../../pds/src/factor/totp.ts';
import { readSecret } from '../pds/factor/read-secret.ts';
import { startSmallPds, type Person, type SmallPds } from '../pds/small-pds.ts';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const password = 'öperator';

let small: SmallPds;
let browser: Browser;
let page: Page;
const people = {} as Record<'ada' | 'bob', Person>;
const faults: string[] = [];
const sent: string[] = [];
beforeAll(async () => {
  small = await startSmallPds({ environment: { PDS_ADMIN_PASSWORD: password, PDS_CRAWLERS: 'http://127.0.0.1:1', PDS_INVITE_REQUIRED: 'true' } });
  const headers = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
  for (const name of ['ada', 'bob'] as const) {
    const { json } = await small.call('com.atproto.server.createInviteCode', { body: { useCount: 1 }, headers });
    const made = await small.call('com.atproto.server.createAccount', { body: { handle: `${name}.test`, email: `${name}@people.org`, password: `${name} password`, inviteCode: json['code'] } });
    people[name] = { did: String(made.json['did']), token: String(made.json['accessJwt']) } as Person;
  }
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
  page = await browser.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && faults.push(message.text()));
  page.on('request', (request) => sent.push(request.url()));
});
afterAll(async () => {
  await browser?.close();
  await small?.close();
});

async function signIn(typed = password): Promise<void> {
  await page.goto(`${small.url}/admin`);
  await page.locator('input[name=password]').fill(typed);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function look(view: string): Promise<void> {
  await page.locator('nav').getByRole('link', { name: view, exact: true }).click();
}

async function openAccount(name: string): Promise<void> {
  await look('Accounts');
  await page.locator('#search input').fill(name);
  await page.getByRole('button', { name: 'Look' }).click();
  await page.locator('#accounts a').getByText(`@${name}.test`).click();
  await page.locator('#facts h2').getByText(`@${name}.test`).waitFor();
}

test('a wrong password is said to be wrong, the right one shows the overview with what a silent relay does not say', async () => {
  await signIn('guess');
  await page.getByText('That is not the admin password.').waitFor();
  await signIn();
  await page.locator('#account-figures').getByText('Active').waitFor();
  expect(await page.locator('#account-figures').innerText()).toMatch(/Active\s+2\s+Deactivated\s+0\s+Taken down\s+0/);
  await page.locator('#relays').getByText('does not answer').waitFor();
  expect(await page.locator('#mail').innerText()).toContain('there is no mail server: read them out');
});

test('an account is found, taken down and restored, renamed, given another address and password', async () => {
  await signIn();
  await openAccount('ada');
  await page.locator('#take-down input').fill('case 1');
  await page.getByRole('button', { name: 'Take down' }).click();
  await page.locator('#facts').getByText('taken down, under: case 1').waitFor();
  expect((await small.call('com.atproto.repo.describeRepo', { params: { repo: people.ada.did } })).status).toBe(400);
  await page.locator('#restore').click();
  await page.locator('#take-down').waitFor();
  expect((await small.call('com.atproto.repo.describeRepo', { params: { repo: people.ada.did } })).status).toBe(200);
  await page.locator('#set-handle input').fill('ada2.test');
  await page.locator('#set-handle button').click();
  await page.locator('#facts h2').getByText('@ada2.test').waitFor();
  await page.locator('#set-email input').fill('bob@people.org');
  await page.locator('#set-email button').click();
  await page.locator('#set-email').getByRole('alert').getByText('already in use').waitFor();
  await page.locator('#set-email input').fill('ada2@people.org');
  await page.locator('#set-email button').click();
  await page.locator('#facts').getByText('ada2@people.org, not confirmed').waitFor();
  await page.locator('#reset-password').click();
  const made = await page.locator('#new-password').innerText();
  expect((await small.call('com.atproto.server.createSession', { body: { identifier: 'ada2.test', password: made } })).status).toBe(200);
  await page.locator('#send-letter textarea').fill('Hello Ada');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('this server has no mail server').waitFor();
  await page.locator('#disable-invites').click();
  await page.locator('#enable-invites').waitFor();
});

test('second factors are removed, and an account is deleted only after its handle was typed', async () => {
  const { token } = people.bob;
  const { json } = await small.call('app.dunlin.account.startTotp', { method: 'POST', token });
  await small.call('app.dunlin.account.confirmTotp', { body: { code: totpCode(readSecret(String(json['secret'])), totpStep(Date.now())) }, token });
  await signIn();
  await openAccount('bob');
  await page.locator('#facts').getByText('authenticator app, 0 recovery codes left').waitFor();
  await page.locator('#remove-factors').click();
  await page.locator('#remove-factors').waitFor({ state: 'detached' });
  expect((await small.call('com.atproto.server.createSession', { body: { identifier: 'bob.test', password: 'bob password' } })).status).toBe(200);
  await page.locator('#delete-account input').fill('ada.test');
  await page.locator('#delete-account button').click();
  await page.getByText('That is not its handle.').waitFor();
  await page.locator('#delete-account input').fill('bob.test');
  await page.locator('#delete-account button').click();
  await page.locator('#accounts').getByText('@ada2.test').waitFor();
  expect(await page.locator('#accounts li').count()).toBe(1);
});

test('invite codes are made and disabled, waiting codes are read out, blobs reviewed, and every act is in the trail', async () => {
  await small.call('com.atproto.server.requestPasswordReset', { body: { email: 'ada2@people.org' } });
  const session = await small.call('com.atproto.server.createSession', { body: { identifier: 'ada2.test', password: 'ada password' } });
  expect(session.status).toBe(401);
  await signIn();
  await look('Invites');
  await page.locator('#create-codes input[name=count]').fill('2');
  await page.getByRole('button', { name: 'Make' }).click();
  await page.locator('#made-codes').getByText(/\w/).waitFor();
  const [code = ''] = (await page.locator('#made-codes').innerText()).split('\n');
  await look('Codes');
  await page.locator('#mail-codes').getByText('to reset the password').waitFor();
  await look('Invites');
  await page.locator('#codes li', { hasText: code }).getByRole('button', { name: 'Disable' }).click();
  await page.locator('#codes li', { hasText: code }).getByText('disabled').waitFor();
  await look('Blobs');
  await page.locator('#review').click();
  await page.getByText('Went through 1 account;').waitFor();
  await look('Acts');
  await page.locator('#acts').getByText('disableInviteCodes').waitFor();
  const names = await page.locator('#acts li strong').allInnerTexts();
  expect(names.slice(0, 3)).toEqual(['disableInviteCodes', 'createInviteCodes', 'deleteAccount']);
  expect(names.filter((name) => name === 'updateSubjectStatus')).toHaveLength(2);
});

test('the trash says what goes when; one blob, or all of an account, is given back, removed, or everything at once', async () => {
  const { did } = people.ada;
  const headers = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
  await small.call('com.atproto.admin.updateAccountPassword', { headers, body: { did, password: 'known' } });
  const session = await small.call('com.atproto.server.createSession', { body: { identifier: did, password: 'known' } });
  const token = String(session.json['accessJwt']);
  const { json: invite } = await small.call('com.atproto.server.createInviteCode', { body: { useCount: 1 }, headers });
  const gone = await small.call('com.atproto.server.createAccount', { body: { handle: 'gone.test', email: 'gone@people.org', password: 'x', inviteCode: invite['code'] } });
  const upload = async (text: string, as: string, owner: string): Promise<string> => {
    const { json } = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from(text), headers: { 'content-type': 'text/plain' }, token: as });
    const blob = json['blob'] as { ref: { $link: string } };
    await small.call('com.atproto.repo.createRecord', { token: as, body: { repo: owner, collection: 'com.example.file', record: { $type: 'com.example.file', blob } } });
    return blob.ref.$link;
  };
  const cids = [await upload('one', token, did), await upload('two', token, did), await upload('three', token, did)];
  await upload('four', String(gone.json['accessJwt']), String(gone.json['did']));
  await small.call('com.atproto.admin.deleteAccount', { body: { did: gone.json['did'] }, headers });
  const database = openDatabase(join(small.dataDirectory, 'pds.sqlite'), { migrations: pdsMigrations });
  const trash = new TrashStore(database);
  const account = new AccountStore(database).byDid(did)!;
  for (const cid of cids) trash.move(account, parseCid(cid), { nowMs: Date.now(), trashMs: 86_400_000 });
  database.close();

  await signIn();
  await look('Blobs');
  await page.locator('#trash-accounts li', { hasText: '@ada2.test' }).getByText('3 blobs, 11 bytes').waitFor();
  await page.locator('#trash-accounts li', { hasText: String(gone.json['did']) }).getByText('the account is gone').waitFor();
  await openAccount('ada2');
  await page.locator('#facts').getByRole('link', { name: 'its trash' }).click();
  await page.locator('#trash-blobs li').nth(2).waitFor();
  expect(await page.locator('#trash-blobs li').count()).toBe(3);
  await page.locator('#trash-blobs li', { hasText: cids[0]! }).getByRole('button', { name: 'Give back' }).click();
  await page.getByText('Gave back 1 blob.').waitFor();
  await page.locator('#trash-blobs li', { hasText: cids[1]! }).getByRole('button', { name: 'Remove' }).click();
  await page.getByText('Removed 1 blob.').waitFor();
  await page.locator('#restore-all').click();
  await page.getByText('Nothing of this account is in the trash.').waitFor();
  const held = async (cid: string): Promise<number> => (await small.call('com.atproto.sync.getBlob', { params: { did, cid } })).status;
  expect(await Promise.all(cids.map(held))).toEqual([200, 400, 200]);

  await look('Blobs');
  await page.locator('#trash-accounts a').click();
  await page.getByText('nothing can be given back to it').waitFor();
  expect(await page.locator('#restore-all').count()).toBe(0);
  await page.locator('#purge-all').click();
  await page.getByText('Press again, if you mean it.').waitFor();
  expect((await small.call('app.dunlin.admin.listBlobTrash', { headers })).json['blobs']).toHaveLength(1);
  await look('Blobs');
  await page.locator('#empty-trash input').fill('all');
  await page.getByRole('button', { name: 'Empty the trash' }).click();
  await page.getByText('Type the word empty').waitFor();
  await page.locator('#empty-trash input').fill('empty');
  await page.getByRole('button', { name: 'Empty the trash' }).click();
  await page.getByText('Removed 1 blob of 1 account.').waitFor();
  expect((await small.call('app.dunlin.admin.listBlobTrash', { headers })).json['blobs']).toEqual([]);
});

test('the password is nowhere but in the page: a reload asks for it again, no address, cookie or storage has it', async () => {
  await signIn();
  await page.locator('#account-figures').waitFor();
  const kept = await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state])');
  expect(kept).not.toContain(password);
  expect(sent.some((url) => decodeURIComponent(url).includes(password))).toBe(false);
  await page.reload();
  await page.locator('input[name=password]').waitFor();
  expect(await page.locator('input[name=password]').inputValue()).toBe('');
  expect(faults).toEqual([]);
});

test('guessing locks the address out', async () => {
  await page.goto(`${small.url}/admin`);
  for (let count = 0; count < 10; count++) {
    await page.locator('input[name=password]').fill(`guess ${count}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('form:not([inert])').waitFor();
  }
  await page.locator('input[name=password]').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('too many wrong passwords').waitFor();
});
