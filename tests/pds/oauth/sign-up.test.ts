/** The questions of our own sign-up page: who may ask, what is offered, what is refused, and where it leads. */
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { startSmallPds, type SmallPds } from '../small-pds.ts';
import { RawBrowser, RawClient, type Reply } from './raw-client.ts';

let small: SmallPds;
beforeAll(async () => {
  small = await startSmallPds({ environment: { PDS_INVITE_REQUIRED: 'true' } });
});
afterAll(() => small.close());

const inviteCode = async (): Promise<string> => String((await small.call('com.atproto.server.createInviteCode', { body: { useCount: 1 }, headers: small.admin })).json['code']);
const finish = async (browser: RawBrowser, body: object, headers?: Record<string, string>): Promise<Reply> =>
  browser.post('/account/sign-up/finish', { handle: 'ada.test', email: 'ada@people.org', password: 'ada password', inviteCode: await inviteCode(), ...body }, headers);

test('only the pages of this server may ask', async () => {
  const browser = new RawBrowser(small.url);
  const wrong: Record<string, string>[] = [{ origin: 'https://evil.org' }, { 'sec-fetch-site': 'cross-site' }, { 'content-type': 'text/plain' }];
  for (const headers of wrong) {
    expect((await finish(browser, {}, headers)).status).toBe(403);
  }
  expect((await browser.post('/account/sign-up/begin', {})).json).toEqual({ domains: ['.test', '.example'], inviteCodeRequired: true, didWeb: false });
});

test('what createAccount refuses is refused, and makes nothing', async () => {
  const browser = new RawBrowser(small.url);
  for (const [body, error] of [
    [{ inviteCode: '' }, 'InvalidInviteCode'], [{ inviteCode: 'localhost-aaaaa-bbbbb' }, 'InvalidInviteCode'],
    [{ password: 'short12' }, 'InvalidPassword'], [{ password: 'x'.repeat(257) }, 'InvalidPassword'], [{ handle: 'ada.example.org' }, 'UnsupportedDomain'],
    [{ email: 'no address' }, 'InvalidRequest'], [{ recoveryKey: 'did:key:z6Mk' }, 'InvalidRequest'], [{ handle: 7 }, 'InvalidRequest'],
    [{ didWeb: true }, 'IncompatibleDidDoc'],
  ] as const) {
    expect([body, (await finish(browser, body)).json['error']]).toEqual([body, error]);
  }
  expect((await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'ada.test' } })).status).toBe(400);
});

test('the account is made with the key given, the device is signed in, and the way leads back to the app and nowhere else', async () => {
  const [browser, client] = [new RawBrowser(small.url), new RawClient(small.url)];
  await browser.begin(client);
  const from = browser.page.slice(small.url.length);
  const recoveryKey = Keypair.generate().did;
  const before = new Map(browser.cookies);
  const made = await finish(browser, { recoveryKey, from });
  // Whoever had a copy of the cookie from before the sign-in is not signed in by it.
  expect([browser.cookies.get('dev-id') === before.get('dev-id'), browser.cookies.get('ses-id') === before.get('ses-id')]).toEqual([true, false]);
  expect(made.json).toEqual({ did: expect.stringMatching(/^did:plc:/), handle: 'ada.test', next: from });
  const did = String(made.json['did']);
  const { rotationKeys } = (await (await fetch(`${small.plc.url}/${did}/data`)).json()) as { rotationKeys: string[] };
  expect(rotationKeys[0]).toBe(recoveryKey);
  await browser.open(from);
  expect((await client.redeem(await browser.consent(did))).json['sub']).toBe(did);
  expect((await finish(new RawBrowser(small.url), { handle: 'bob.test', email: 'bob@people.org', from: 'https://evil.org/' })).json['next']).toBe('/account');
});
