/**
 * Coming back from an archive by the page with keys of secp256k1: one typed as hex, which never leaves the browser, and one that signs in
 * another program; and with a did:web, by its document. What is to be signed is shown before, with each key.
 * Not for: keys the pages made (moving-pages.test.ts).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { signPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { temporaryFolder } from '../harness/temporary.ts';
import { partsOf, startDocumentHost } from '../pds/moving/document-host.ts';
import { codeAtOld, newMover, startTwoHomes, type TwoHomes } from '../pds/moving/two-homes.ts';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';
import { openBrowser, openPage } from './open-page.ts';

let homes: TwoHomes;
let browser: Browser;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  [homes, browser, folder] = await Promise.all([startTwoHomes({ PDS_INVITE_REQUIRED: 'false' }), openBrowser(), temporaryFolder()]);
});
afterAll(async () => {
  await browser?.close();
  await homes?.close();
  await folder?.remove();
});

interface Lost {
  readonly did: string;
  readonly key: Keypair;
  readonly archive: string;
}

async function archiveOf(server: SmallPds, token: string, name: string): Promise<string> {
  const { json } = await server.call('app.dunlin.account.makeArchiveTicket', { method: 'POST', token });
  const response = await fetch(`${server.url}/account/export/archive`, { method: 'POST', body: new URLSearchParams({ ticket: String(json['ticket']) }) });
  const path = join(folder.path, `${name}.tar`);
  await writeFile(path, Buffer.from(await response.arrayBuffer()));
  return path;
}

/** Somebody with a key of secp256k1 above the server's, named by its did:key on the security page; then the server is gone. */
async function newLost(name: string): Promise<Lost> {
  const gone = await startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DID_PLC_URL: homes.old.plc.url } });
  const mover = await newMover({ ...homes, old: gone }, name, { files: 1 });
  const key = Keypair.generate('k256');
  const { page, faults } = await openPage(browser);
  await page.goto(`${gone.url}/account/security`);
  await page.locator('input[name=identifier]').fill(`${name}.test`);
  await page.locator('input[name=password]').fill(`${name} password`);
  await page.keyboard.press('Enter');
  await page.locator('#have-key summary').click();
  await page.locator('#own-key-form input').fill(key.did);
  await page.keyboard.press('Enter');
  await page.locator('#recovery-key-part #mail-code').click();
  await page.locator('#add-key input').fill(await codeAtOld({ ...homes, old: gone }, mover.did));
  await page.keyboard.press('Enter');
  await page.locator('#key-added').waitFor();
  expect(faults).toEqual([]);
  await page.context().close();
  const archive = await archiveOf(gone, mover.token, name);
  await gone.close();
  return { did: mover.did, key, archive };
}

async function begin(page: Page, archive: string): Promise<void> {
  await page.goto(`${homes.fresh.url}/account/move-in`);
  await page.locator('#restore').click();
  await page.locator('input[name=archive]').setInputFiles(archive);
}

async function fillAccount(page: Page, name: string): Promise<void> {
  await page.locator('#new-account').waitFor();
  await page.locator('input[name=handle]').fill(`${name}.example`);
  await page.locator('input[name=email]').fill(`${name}@new.org`);
  await page.locator('input[name=password]').fill('the new password');
  await page.keyboard.press('Enter');
}

const dataOf = async (did: string): Promise<{ rotationKeys: string[]; services: { atproto_pds: { endpoint: string } } }> => (await (await fetch(`${homes.old.plc.url}/${did}/data`)).json()) as never;

test('a key of secp256k1 typed as hex signs in the browser and is sent to nobody', async () => {
  const { did, key, archive } = await newLost('hex');
  const hex = Buffer.from(key.privateBytes()).toString('hex');
  const { page, faults, sent } = await openPage(browser);
  await begin(page, archive);
  await page.locator('input[name=key]').fill(hex);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.locator('#rotation-keys li[data-holder=you]').getByText('yours, which signs this').waitFor();
  expect(await page.locator('#rotation-keys li[data-holder=oldServer]').count()).toBe(1);
  expect(await page.locator('#identity-says').innerText()).toContain(homes.fresh.url);
  await fillAccount(page, 'hex');
  await page.locator('#arrived').waitFor();
  expect(sent.filter(({ url, body }) => body.includes(hex) || url.includes(hex))).toEqual([]);
  const { rotationKeys, services } = await dataOf(did);
  expect([rotationKeys[0], rotationKeys.length, services.atproto_pds.endpoint]).toEqual([key.did, 2, homes.fresh.url]);
  expect(faults).toEqual([]);
  await page.context().close();
});

test('a key that is kept elsewhere signs there: the operation is shown, another signature is refused, the right one opens the account', async () => {
  const { did, key, archive } = await newLost('outside');
  const { page, faults } = await openPage(browser);
  await begin(page, archive);
  await page.getByText('kept by another program').click();
  await page.locator('input[name=didKey]').fill(key.did);
  await page.getByRole('button', { name: 'Go on' }).click();
  await fillAccount(page, 'outside');
  const shown = JSON.parse(await page.locator('#operation').innerText()) as Parameters<typeof signPlcOperation>[0];
  await page.locator('textarea[name=signature]').fill(JSON.stringify(signPlcOperation({ ...shown, alsoKnownAs: ['at://eve.example'] } as typeof shown, key)));
  await page.getByRole('button', { name: 'Use this signature' }).click();
  await page.getByRole('alert').getByText('another operation').waitFor();
  await page.locator('textarea[name=signature]').fill((signPlcOperation(shown, Keypair.generate('k256')) as unknown as { sig: string }).sig);
  await page.getByRole('button', { name: 'Use this signature' }).click();
  await page.locator('#new-account [role=alert]').getByText('is not signed with a rotation key').waitFor();
  await page.getByRole('button', { name: 'Bring it here' }).click();
  await page.locator('textarea[name=signature]').fill((signPlcOperation(shown, key) as unknown as { sig: string }).sig);
  await page.getByRole('button', { name: 'Use this signature' }).click();
  await page.locator('#arrived').waitFor();
  expect((await dataOf(did)).services.atproto_pds.endpoint).toBe(homes.fresh.url);
  expect(faults).toEqual([]);
  await page.context().close();
});

test('a did:web comes back when its owner has written what the page says into the document', async () => {
  const host = await startDocumentHost();
  try {
    const gone = await startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DID_PLC_URL: homes.old.plc.url } });
    const { did } = host;
    const key = Keypair.generate('k256');
    host.write(partsOf({ did, handle: 'wanda.test', didKey: key.did, pdsUrl: gone.url }));
    const audience = String((await gone.call('com.atproto.server.describeServer')).json['did']);
    const jwt = mintServiceJwt({ issuer: did, audience, lxm: 'com.atproto.server.createAccount', keypair: key, nowMs: Date.now() });
    const { json: made } = await gone.call('com.atproto.server.createAccount', { body: { did, handle: 'wanda.test', email: 'wanda@people.org', password: 'wanda password' }, token: jwt });
    const token = String(made['accessJwt']);
    const credentials = (await gone.call('com.atproto.identity.getRecommendedDidCredentials', { token })).json as { verificationMethods: { atproto: string } };
    host.write(partsOf({ did, handle: 'wanda.test', didKey: credentials.verificationMethods.atproto, pdsUrl: gone.url }));
    await gone.call('com.atproto.server.activateAccount', { method: 'POST', token });
    await gone.call('com.atproto.repo.createRecord', { body: { repo: did, collection: 'app.bsky.feed.post', record: { text: 'from before', createdAt: '2026-01-01T00:00:00.000Z' } }, token });
    const archive = await archiveOf(gone, token, 'wanda');
    await gone.close();

    const { page, faults } = await openPage(browser);
    await begin(page, archive);
    await page.getByRole('button', { name: 'Go on' }).click();
    await fillAccount(page, 'wanda');
    const wanted = JSON.parse(await page.locator('#document').innerText()) as Record<string, unknown>;
    await page.locator('#check-document').click();
    await page.getByRole('alert').getByText('does not name this server').waitFor();
    host.write(wanted);
    await page.locator('#check-document').click();
    await page.locator('#arrived').waitFor();
    expect((await homes.fresh.call('com.atproto.sync.getRepoStatus', { params: { did } })).json).toMatchObject({ active: true });
    expect((await homes.fresh.call('com.atproto.repo.listRecords', { params: { repo: did, collection: 'app.bsky.feed.post' } })).json['records']).toHaveLength(1);
    expect(faults).toEqual([]);
    await page.context().close();
  } finally {
    await host.close();
  }
});
