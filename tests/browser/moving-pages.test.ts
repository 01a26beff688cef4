/**
 * The pages of moving between two of our servers: second factors there, what stops a move, throwing it away, a did:web, moving out,
 * and the way back from an archive with a recovery key when the old server is gone.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import type { Browser, Locator, Page } from 'playwright-core';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { totpCode, totpStep } from '../../pds/src/factor/totp.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { newMover, startTwoHomes, codeAtOld, type TwoHomes } from '../pds/moving/two-homes.ts';
import { startSmallPds, type Person } from '../pds/small-pds.ts';
import { openBrowser, openPage } from './open-page.ts';

let homes: TwoHomes;
let browser: Browser;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  [homes, browser, folder] = await Promise.all([startTwoHomes(), openBrowser(), temporaryFolder()]);
});
afterAll(async () => {
  await browser?.close();
  await homes?.close();
  await folder?.remove();
});
afterEach(() => {
  homes.spoil = null;
});

async function signIn(page: Page, url: string, identifier: string, password: string): Promise<void> {
  await page.goto(url);
  await page.locator('input[name=identifier]').fill(identifier);
  await page.locator('input[name=password]').fill(password);
  await page.keyboard.press('Enter');
}

/** From the first page to the sign-in at the old server. */
async function find(page: Page, did: string): Promise<void> {
  await page.goto(`${homes.fresh.url}/account/move-in?account=${encodeURIComponent(did)}`);
  await page.keyboard.press('Enter');
  await page.locator('#old-sign-in').waitFor();
}

async function fillAccount(page: Page, name: string): Promise<void> {
  await page.locator('#new-account').waitFor();
  await page.locator('input[name=handle]').fill(`${name}.example`);
  await page.locator('input[name=email]').fill(`${name}@new.org`);
  await page.locator('input[name=password]').fill('the new password');
  await page.keyboard.press('Enter');
}

async function begin(page: Page, person: Person, name: string): Promise<void> {
  await find(page, person.did);
  await page.locator('input[name=password]').fill(`${name} password`);
  await page.keyboard.press('Enter');
  await fillAccount(page, name);
}

test('a second factor at the old server is asked for; a move thrown away leaves the old account as it was', async () => {
  const mover = await newMover(homes, 'ada', { files: 1 });
  const { json: totp } = await homes.old.call('app.dunlin.account.startTotp', { method: 'POST', token: mover.token });
  const bits = [...String(totp['secret'])].map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0')).join('');
  const secret = Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2));
  const step = totpStep(Date.now());
  await homes.old.call('app.dunlin.account.confirmTotp', { body: { code: totpCode(secret, step) }, token: mover.token });
  const { page, faults } = await openPage(browser);
  await find(page, mover.did);
  expect(await page.locator('input[name=token]').isVisible()).toBe(false);
  await page.locator('input[name=password]').fill('not the password');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('Name or password is wrong').waitFor();
  await page.locator('input[name=password]').fill('ada password');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('second factor').waitFor();
  await page.locator('input[name=token]').fill(totpCode(secret, step + 1));
  await page.keyboard.press('Enter');
  await fillAccount(page, 'ada');
  await page.locator('#mail-code').waitFor();
  await page.locator('#abandon').click();
  await page.locator('#abandon-sure').click();
  await page.locator('#abandoned').waitFor();
  expect((await homes.fresh.call('com.atproto.repo.describeRepo', { params: { repo: mover.did } })).status).toBe(400);
  await mover.agent.post({ text: 'still here', createdAt: new Date().toISOString() });
  expect(faults).toEqual([]);
  await page.context().close();
});

test('what stops a move is shown with what can be done, and a second begin leads to the first', async () => {
  const mover = await newMover(homes, 'bob', { files: 2 });
  homes.spoil = (url) => (url.pathname.endsWith('com.atproto.sync.getBlob') ? new Response('{}', { status: 400 }) : null);
  const { page, faults } = await openPage(browser);
  await begin(page, mover, 'bob');
  await page.locator('#stopped').getByText('2 of 2 pictures and other files cannot be had').waitFor();
  homes.spoil = null;
  await page.locator('#try-again').click();
  await page.locator('#mail-code').waitFor();
  await page.goto(`${homes.fresh.url}/account/move-in?account=${mover.did}`);
  await page.keyboard.press('Enter');
  await page.locator('#sign-in').waitFor();
  expect(await page.locator('input[name=identifier]').inputValue()).toBe(mover.did);
  await page.locator('input[name=password]').fill('the new password');
  await page.keyboard.press('Enter');
  await page.locator('li[data-step=identity][data-state=turn]').waitFor();
  expect(faults).toEqual([]);
  await page.context().close();
});

test('a sign-in at the old server that runs out at the person\'s turn is begun anew there, and the turn goes on', async () => {
  const mover = await newMover(homes, 'eli', { files: 0 });
  const over = (method: string): void => {
    homes.spoil = (url) => (url.pathname.endsWith(method) ? Response.json({ error: 'AuthMissing' }, { status: 401 }) : null);
  };
  over('getRecommendedDidCredentials');
  const { page, faults } = await openPage(browser);
  await begin(page, mover, 'eli');
  const signInThere = async (): Promise<void> => {
    await page.locator('#identity #old-sign-in input[name=password]').waitFor();
    homes.spoil = null;
    await page.locator('#identity #old-sign-in input[name=password]').fill('eli password');
    await page.keyboard.press('Enter');
    await page.locator('#mail-code').waitFor();
  };
  await signInThere();
  over('requestPlcOperationSignature');
  await page.locator('#mail-code').click();
  await signInThere();
  await page.locator('#mail-code').click();
  await page.locator('#change-identity input').fill(await codeAtOld(homes, mover.did));
  await page.keyboard.press('Enter');
  await page.locator('#arrived').waitFor();
  expect(faults).toEqual([]);
  await page.context().close();
});

test('what the DID will say is shown before anything is signed, with each key and whose it is; the person decides about those of others', async () => {
  const mover = await newMover(homes, 'kay', { files: 0 });
  const rotationKeysNow = async (): Promise<string[]> => ((await (await fetch(`${homes.old.plc.url}/${mover.did}/data`)).json()) as { rotationKeys: string[] }).rotationKeys;
  const [ofServer] = await rotationKeysNow();
  const [own, stowaway, existing] = [Keypair.generate('k256').did, Keypair.generate('p256').did, Keypair.generate('k256').did];
  await mover.agent.com.atproto.identity.requestPlcOperationSignature();
  const { data } = await mover.agent.com.atproto.identity.signPlcOperation({ token: await codeAtOld(homes, mover.did), rotationKeys: [own, stowaway, ofServer!] });
  await mover.agent.com.atproto.identity.submitPlcOperation({ operation: data.operation });
  // The old server says that the person's key is its own, and keeps quiet of the one it slipped in.
  homes.spoil = (url) => (url.pathname.endsWith('getRecommendedDidCredentials') ? Response.json({ rotationKeys: [own, ofServer] }) : null);
  const { page, faults } = await openPage(browser);
  await begin(page, mover, 'kay');
  const keyRow = (key: string): Locator => page.locator('#rotation-keys > li', { hasText: key.slice(-10) });
  await page.locator('#identity-says').getByText('@kay.example').waitFor();
  expect(await page.locator('#identity-says').innerText()).toContain(homes.fresh.url);
  expect(await keyRow(own).innerText()).toContain('says it is its own');
  expect(await keyRow(stowaway).innerText()).toContain('somebody put it there');
  await keyRow(stowaway).locator('summary').click();
  expect(await keyRow(stowaway).innerText()).toContain(stowaway);
  expect(await page.locator('#rotation-keys > li[data-holder=thisServer]').innerText()).toContain('is added');
  await page.locator('#mail-code').click();
  await page.getByRole('alert').getByText('say first whether you know the key').waitFor();
  await keyRow(own).locator('select').selectOption('stays');
  await keyRow(stowaway).locator('select').selectOption('goes');
  await page.locator('#have-key summary').click();
  await page.locator('#own-key-form input').fill('did:key:nonsense');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('this is no did:key').waitFor();
  await page.locator('#own-key-form input').fill(existing);
  await page.keyboard.press('Enter');
  await page.locator('#own-key').getByText('your recovery key').waitFor();
  await page.locator('#mail-code').click();
  await page.locator('#change-identity input').fill(await codeAtOld(homes, mover.did));
  await page.keyboard.press('Enter');
  await page.locator('#arrived').waitFor();
  expect(await rotationKeysNow()).toEqual([existing, own, expect.stringMatching(/^did:key:/)]);
  expect(faults).toEqual([]);
  await page.context().close();
});

test('leaving: a server that calls itself by another\'s name gets no token', async () => {
  await homes.old.newPerson('liv');
  const { page } = await openPage(browser);
  await signIn(page, `${homes.old.url}/account/move-out`, 'liv.test', 'liv password');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.route(`${homes.fresh.url}/xrpc/com.atproto.server.describeServer`, (route) => route.fulfill({ json: { did: 'did:web:victim.example', availableUserDomains: [] }, headers: { 'access-control-allow-origin': '*' } }));
  await page.locator('input[name=server]').fill(homes.fresh.url);
  await page.getByRole('button', { name: 'Look' }).click();
  await page.getByRole('alert').getByText('which is another server').waitFor();
  expect(await page.locator('#needs').innerText()).toBe('');
  expect(asked.some((url) => url.includes('getServiceAuth'))).toBe(false);
  await page.context().close();
});

test('leaving: the new server of ours is found, the DID is watched, and what is left here gets a date', async () => {
  const mover = await newMover(homes, 'cleo', { files: 1 });
  const { page: leaving, faults } = await openPage(browser);
  await signIn(leaving, `${homes.old.url}/account/move-out`, 'cleo.test', 'cleo password');
  await leaving.locator('#lives-at').getByText('names this server').waitFor();
  await leaving.locator('input[name=server]').fill(homes.old.url);
  await leaving.getByRole('button', { name: 'Look' }).click();
  await leaving.getByRole('alert').getByText('the server you are at').waitFor();
  await leaving.locator('input[name=server]').fill(homes.fresh.url);
  await leaving.getByRole('button', { name: 'Look' }).click();
  const target = await leaving.locator('#to-move-in').getAttribute('href');
  const { page } = await openPage(browser);
  await page.goto(target!);
  await page.keyboard.press('Enter');
  await page.locator('#old-sign-in').waitFor();
  await page.locator('input[name=password]').fill('cleo password');
  await page.keyboard.press('Enter');
  await fillAccount(page, 'cleo');
  await page.locator('#mail-code').click();
  await page.locator('#change-identity input').fill(await codeAtOld(homes, mover.did));
  await page.keyboard.press('Enter');
  await page.locator('#arrived').waitFor();
  await page.context().close();
  await leaving.locator('#lives-at').getByText(new URL(homes.fresh.url).host).waitFor({ timeout: 20_000 });
  await leaving.getByLabel('Delete it 30 days from now').check();
  await leaving.getByRole('button', { name: 'Set this' }).click();
  await leaving.locator('#closed').getByText('deleted 30 days from now').waitFor();
  expect(faults).toEqual([]);
  await leaving.context().close();
});

test('a did:web moves when its document says so', async () => {
  const key = Keypair.generate('k256');
  let document: Record<string, unknown> = {};
  const host = createServer((_request, response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify(document)));
  await new Promise<void>((resolve) => void host.listen(0, '127.0.0.1', resolve));
  try {
    const did = `did:web:localhost%3A${(host.address() as AddressInfo).port}`;
    const says = (o: { handle: string; didKey: string; pdsUrl: string }): void => {
      document = {
        id: did, alsoKnownAs: [`at://${o.handle}`],
        verificationMethod: [{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: o.didKey.slice('did:key:'.length) }],
        service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: o.pdsUrl }],
      };
    };
    says({ handle: 'wanda.test', didKey: key.did, pdsUrl: homes.old.url });
    const audience = String((await homes.old.call('com.atproto.server.describeServer')).json['did']);
    const jwt = mintServiceJwt({ issuer: did, audience, lxm: 'com.atproto.server.createAccount', keypair: key, nowMs: Date.now() });
    const { json: made } = await homes.old.call('com.atproto.server.createAccount', { body: { did, handle: 'wanda.test', email: 'wanda@people.org', password: 'wanda password' }, token: jwt });
    expect(made).toMatchObject({ did });
    const token = String(made['accessJwt']);
    const credentials = (await homes.old.call('com.atproto.identity.getRecommendedDidCredentials', { token })).json as { verificationMethods: { atproto: string } };
    says({ handle: 'wanda.test', didKey: credentials.verificationMethods.atproto, pdsUrl: homes.old.url });
    expect((await homes.old.call('com.atproto.server.activateAccount', { method: 'POST', token })).status).toBe(200);
    const { page, faults } = await openPage(browser);
    await begin(page, { did } as Person, 'wanda');
    const wanted = JSON.parse(await page.locator('#document').innerText()) as Record<string, unknown>;
    await page.locator('#check-document').click();
    await page.getByText('does not say this yet').waitFor();
    document = { id: did, ...wanted };
    await page.locator('#check-document').click();
    await page.locator('#arrived').waitFor();
    expect((await homes.fresh.call('com.atproto.sync.getRepoStatus', { params: { did } })).json).toMatchObject({ active: true });
    expect((await homes.old.call('com.atproto.sync.getRepoStatus', { params: { did } })).json).toMatchObject({ active: false });
    expect(faults).toEqual([]);
    await page.context().close();
  } finally {
    host.closeAllConnections();
    await new Promise((resolve) => void host.close(resolve));
  }
});

describe('the way back from an archive', () => {
  /** Makes a recovery key and downloads the archive, both by the pages of a server that is then gone. */
  async function keepAll(person: Person, url: string, admin: Record<string, string>): Promise<{ archive: string; key: string }> {
    const { page } = await openPage(browser);
    await signIn(page, `${url}/account/security`, 'dora.test', 'dora password');
    await page.locator('#make-key').click();
    const [kept] = await Promise.all([page.waitForEvent('download'), page.getByText('Keep it as a file').click()]);
    const key = join(folder.path, 'key.txt');
    await kept.saveAs(key);
    await page.locator('#mail-code').click();
    await page.locator('#add-key').waitFor();
    const { codes } = (await (await fetch(`${url}/xrpc/app.dunlin.admin.listMailCodes?account=${person.did}`, { headers: admin })).json()) as { codes: { code: string }[] };
    await page.locator('#add-key input').fill(codes[0]!.code);
    await page.keyboard.press('Enter');
    await page.locator('#key-added').waitFor();
    await signIn(page, `${url}/account/export`, 'dora.test', 'dora password');
    await page.locator('#download').waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#download').click()]);
    expect(download.suggestedFilename()).toBe('dora.test-archive.tar');
    const archive = join(folder.path, 'dora.tar');
    await download.saveAs(archive);
    await page.context().close();
    return { archive, key };
  }

  test('the old server is gone: archive and recovery key open the account elsewhere, across a closed page; the key is sent to nobody', async () => {
    const gone = await startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DID_PLC_URL: homes.old.plc.url } });
    const person = await newMover({ ...homes, old: gone }, 'dora', { files: 3 });
    const { archive, key } = await keepAll(person, gone.url, gone.admin);
    const secret = readFileSync(key, 'utf8');
    await gone.close();

    const first = await openPage(browser);
    await first.page.goto(`${homes.fresh.url}/account/move-in`);
    await first.page.locator('#restore').click();
    await first.page.locator('input[name=archive]').setInputFiles(archive);
    await first.page.locator('input[name=key]').fill(Buffer.from(Keypair.generate('p256').privateBytes()).toString('hex'));
    await first.page.getByRole('button', { name: 'Go on' }).click();
    await first.page.getByRole('alert').getByText('does not rule the account').waitFor();
    await first.page.locator('input[name=keyFile]').setInputFiles(key);
    await first.page.getByRole('button', { name: 'Go on' }).click();
    // The page is closed as soon as the account is open: nothing of the archive has come.
    await first.page.route('**/xrpc/com.atproto.repo.importRepo', (route) => route.abort());
    await fillAccount(first.page, 'dora');
    await first.page.locator('#archive').waitFor();
    const secrets = secret.match(/\bz[1-9A-HJ-NP-Za-km-z]{40,60}\b|\b[0-9a-f]{64}\b/g)!.filter((text) => !secret.includes(`did:key:${text}`));
    expect(secrets).toHaveLength(2);
    expect(first.sent.filter(({ url, body }) => secrets.some((text) => body.includes(text) || url.includes(text)))).toEqual([]);
    await first.page.context().close();

    const { page, faults } = await openPage(browser);
    await page.goto(`${homes.fresh.url}/account/move-in`);
    await page.locator('#resume').click();
    await page.locator('input[name=identifier]').fill('dora.example');
    await page.locator('input[name=password]').fill('the new password');
    await page.keyboard.press('Enter');
    await page.locator('#choose-archive input').setInputFiles(archive);
    await page.getByRole('button', { name: 'Go on with it' }).click();
    await page.locator('#arrived').waitFor();
    expect(faults).toEqual([]);
    await page.context().close();

    const { json } = await homes.fresh.call('com.atproto.server.createSession', { body: { identifier: person.did, password: 'the new password' } });
    const token = String(json['accessJwt']);
    expect((await homes.fresh.call('com.atproto.server.checkAccountStatus', { token })).json).toMatchObject({ activated: true, validDid: true, indexedRecords: 3, expectedBlobs: 3, importedBlobs: 3 });
    expect((await homes.fresh.call('app.bsky.actor.getPreferences', { token })).json['preferences']).toEqual([{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }]);
    const { rotationKeys } = (await (await fetch(`${homes.old.plc.url}/${person.did}/data`)).json()) as { rotationKeys: string[] };
    expect(rotationKeys).toHaveLength(2);
    expect(secret).toContain(rotationKeys[0]);
  }, 90_000);
});
