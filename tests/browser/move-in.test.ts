/**
 * A person moves from the reference PDS to ours by the page, with codes from real mails. In the middle the page is closed and the server
 * stopped; both come back, and the move goes on. A strict consumer then takes the account's commits from its new home.
 */
import type { Browser } from 'playwright-core';
import { AtpAgent } from '@atproto/api';
import { FirehoseConsumer, memoryCursor, type ConsumerEvent } from '@dunlin/firehose-consumer';
import { silentLogger } from '@dunlin/service/log/logger';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPds, type RunningPds } from '../../pds/src/pds.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { startReferencePds } from '../harness/reference-pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { startMailServer, type MailServer } from '../pds/mail/mail-server.ts';
import { openBrowser, openPage } from './open-page.ts';

const closers: (() => Promise<unknown>)[] = [];
let mail: MailServer;
let plcUrl: string;
let reference: string;
let pds: RunningPds;
let browser: Browser;
let startOurs: (port: string, fetch?: typeof globalThis.fetch) => Promise<RunningPds>;

beforeAll(async () => {
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  mail = await startMailServer();
  closers.push(() => mail.close());
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  closers.push(() => plc.close());
  plcUrl = plc.url.replace('127.0.0.1', 'localhost');
  startOurs = (port, fetch) => startPds(readPdsConfig({
    PDS_HOSTNAME: 'localhost', PDS_PORT: port, PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: '.example', PDS_DEV_MODE: 'true', PDS_INVITE_REQUIRED: 'true', PDS_ADMIN_PASSWORD: 'operator',
  }), { log: silentLogger, ...(fetch && { fetch }) });
  const server = await startReferencePds({ plc: plcUrl, environment: { PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'pds@example.org' } });
  closers.push(() => server.close());
  reference = server.url;
  browser = await openBrowser();
  closers.push(() => browser.close());
});
afterAll(async () => {
  await pds?.close();
  for (const close of closers.toReversed()) await close();
});

const pictures = 6;
const png = (text: string): Buffer => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(text)]);

async function newPerson(): Promise<AtpAgent> {
  const agent = new AtpAgent({ service: reference });
  await agent.createAccount({ handle: 'mover.test', email: 'mover@example.com', password: 'the old password' });
  for (let index = 0; index < pictures; index++) {
    const { data } = await agent.com.atproto.repo.uploadBlob(png(`picture ${index}`), { encoding: 'image/png' });
    await agent.post({ text: `post ${index}`, createdAt: new Date().toISOString(), embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } });
  }
  await agent.app.bsky.actor.putPreferences({ preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] });
  return agent;
}

async function newInvite(): Promise<string> {
  const response = await fetch(`${pds.url}/xrpc/com.atproto.server.createInviteCode`, {
    method: 'POST', body: JSON.stringify({ useCount: 1 }), headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from('admin:operator').toString('base64')}` },
  });
  return ((await response.json()) as { code: string }).code;
}

/** Lets two files come, then the old server says nothing more. */
function stalling(): { fetch: typeof globalThis.fetch; stalled: () => boolean } {
  let asked = 0;
  return {
    stalled: () => asked > 2,
    fetch: (input, init) => (String(input).includes('com.atproto.sync.getBlob') && ++asked > 2
      ? new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
      : fetch(input, init)),
  };
}

test('the page moves a person in from the reference, across a closed page and a stopped server', async () => {
  const old = await newPerson();
  const stall = stalling();
  pds = await startOurs('0', stall.fetch);
  const first = await openPage(browser);
  await first.page.goto(`${pds.url}/account/move-in`);
  await first.page.locator('#find input').fill(old.assertDid);
  await first.page.keyboard.press('Enter');
  await first.page.getByText('@mover.test').waitFor();
  await first.page.keyboard.type('the old password');
  await first.page.keyboard.press('Enter');
  await first.page.locator('#new-account').waitFor();
  expect(await first.page.locator('input[name=handle]').inputValue()).toBe('mover.example');
  await first.page.locator('input[name=email]').fill('mover@new.org');
  await first.page.locator('input[name=password]').fill('the new password');
  await first.page.locator('input[name=inviteCode]').fill('localhost-wrong-code0');
  await first.page.getByRole('button', { name: 'Begin the move' }).click();
  await first.page.getByRole('alert').getByText('invite code').waitFor();
  await first.page.locator('input[name=inviteCode]').fill(await newInvite());
  await first.page.getByRole('button', { name: 'Begin the move' }).click();
  await first.page.locator('li[data-step=repo][data-state=done]').waitFor();
  await first.page.locator('li[data-step=blobs]').getByText(`2 of ${pictures}`).waitFor();
  await eventually('the old server stalls', stall.stalled);
  expect(first.sent.filter(({ url, body }) => body.includes('the old password') && !url.startsWith(reference))).toEqual([]);
  expect(first.faults).toEqual([]);
  await first.page.context().close();
  const port = new URL(pds.url).port;
  await pds.close();

  pds = await startOurs(port);
  const { page, faults } = await openPage(browser);
  await page.goto(`${pds.url}/account/move-in`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('input[name=identifier]').fill('mover.example');
  await page.locator('input[name=password]').fill('the new password');
  await page.keyboard.press('Enter');
  await page.locator('li[data-step=identity][data-state=turn]').waitFor();
  await page.locator('li[data-step=blobs]').getByText(`${pictures} of ${pictures}`).waitFor();
  await page.locator('#make-key').click();
  await page.locator('#recovery-key').waitFor();
  await page.locator('#mail-code').click();
  await page.locator('#change-identity input').waitFor();
  await page.locator('#change-identity input').fill('AAAAA-BBBBB');
  await page.keyboard.press('Enter');
  await page.locator('#change-identity [role=alert]').getByText('The old server said no').waitFor();
  await page.locator('#change-identity input').fill(mail.codeFor('mover@example.com'));
  await page.keyboard.press('Enter');
  await page.locator('#arrived').waitFor();
  expect(faults).toEqual([]);
  await page.context().close();

  await livesHere(old);
}, 120_000);

/** What everybody sees: the DID, both servers, and the commits. */
async function livesHere(old: AtpAgent): Promise<void> {
  const did = old.assertDid;
  const { rotationKeys, services } = (await (await fetch(`${plcUrl}/${did}/data`)).json()) as { rotationKeys: string[]; services: { atproto_pds: { endpoint: string } } };
  expect(services.atproto_pds.endpoint).toBe(pds.url);
  expect(rotationKeys).toHaveLength(2);
  expect(rotationKeys[0]).toMatch(/^did:key:zDn/);
  expect((await old.com.atproto.server.checkAccountStatus()).data.activated).toBe(false);
  const seen: ConsumerEvent[] = [];
  const drops: unknown[] = [];
  const consumer = new FirehoseConsumer({
    service: pds.url, cursor: 0, cursorStore: memoryCursor(), verify: 'full', identity: { plcUrl }, onDrop: (drop) => void drops.push(drop),
  });
  const done = consumer.run((event) => void seen.push(event));
  try {
    const agent = new AtpAgent({ service: pds.url });
    await agent.login({ identifier: 'mover.example', password: 'the new password' });
    const { uri } = await agent.post({ text: 'from my new home', createdAt: new Date().toISOString() });
    await eventually('the post arrives, verified', () => seen.some((event) => event.kind === 'record' && event.uri === uri));
    expect(drops).toEqual([]);
    const { data: status } = await agent.com.atproto.server.checkAccountStatus();
    expect(status).toMatchObject({ activated: true, validDid: true, indexedRecords: pictures + 1, expectedBlobs: pictures, importedBlobs: pictures });
    expect((await agent.app.bsky.actor.getPreferences()).data.preferences).toEqual([{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }]);
  } finally {
    await consumer.close();
    await done;
  }
}
