/** Signing in with a passkey alone: it stands for password and second factor, if its authenticator made sure who holds it. */
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { SoftPasskey, type Differences } from './soft-passkey.ts';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

const own = 'app.dunlin.account';
let aheadMs = 0;
const clock: Clock = Object.assign(Object.create(systemClock) as Clock, { nowMs: () => systemClock.nowMs() + aheadMs });
const refused = { status: 400, json: { error: 'InvalidPasskey' } };

let small: SmallPds;
beforeAll(async () => {
  small = await startSmallPds({ clock });
});
afterAll(() => small.close());

async function withPasskey(name: string): Promise<Person & { passkey: SoftPasskey }> {
  const person = await small.newPerson(name);
  const passkey = new SoftPasskey(small.url);
  const { json } = await small.call(`${own}.startPasskey`, { token: person.token, method: 'POST' });
  expect((await small.call(`${own}.finishPasskey`, { token: person.token, body: { name: 'phone', answer: passkey.create(json['options']) } })).status).toBe(200);
  return { ...person, passkey };
}

const begin = async (): Promise<Record<string, unknown>> => (await small.call(`${own}.startPasskeySignIn`, { method: 'POST' })).json['options'] as Record<string, unknown>;
const finish = (answer: unknown): Promise<Answer> => small.call(`${own}.finishPasskeySignIn`, { body: { answer } });
const signIn = async (passkey: SoftPasskey, differences: Differences = {}): Promise<Answer> => finish(passkey.get(await begin(), differences));

test('it opens a session of its account, fresh enough to change factors with', async () => {
  const { did, passkey } = await withPasskey('ada');
  const options = await begin();
  expect(options).toMatchObject({ userVerification: 'required' });
  expect(options['allowCredentials'] ?? []).toEqual([]);
  const { status, json } = await finish(passkey.get(options));
  expect([status, json]).toMatchObject([200, { did, handle: 'ada.test', active: true }]);
  const token = String(json['accessJwt']);
  expect((await small.call(`${own}.makeRecoveryCodes`, { method: 'POST', token })).status).toBe(200);
  expect((await small.call('com.atproto.server.refreshSession', { method: 'POST', token: String(json['refreshJwt']) })).status).toBe(200);
});

test('not without the holder\'s verification, for another site, by another challenge, twice, or too late', async () => {
  const { passkey } = await withPasskey('bea');
  for (const differences of [{ flags: 0x01 }, { origin: 'https://pds.evil.org' }, { rpId: 'pds.evil.org' }, { challenge: 'AAAA' }]) expect(await signIn(passkey, differences)).toMatchObject(refused);
  expect(await finish({ id: 'nonsense' })).toMatchObject(refused);
  expect(await signIn(new SoftPasskey(small.url))).toMatchObject(refused);
  const options = await begin();
  expect((await finish(passkey.get(options))).status).toBe(200);
  expect(await finish(passkey.get(options))).toMatchObject(refused);
  const [onTime, late] = [await begin(), await begin()];
  aheadMs += 5 * 60_000 - 1_000;
  expect((await finish(passkey.get(onTime))).status).toBe(200);
  aheadMs += 2_000;
  expect(await finish(passkey.get(late))).toMatchObject(refused);
});

test('a challenge of a second factor opens no session alone', async () => {
  const { passkey } = await withPasskey('cleo');
  const { json } = await small.call(`${own}.startPasskeyCheck`, { body: { identifier: 'cleo.test', password: 'cleo password' } });
  expect(await finish(passkey.get(json['options']))).toMatchObject(refused);
});

test('not when the account was taken down, or the passkey was removed by its owner or with every other way in', async () => {
  const { did, passkey } = await withPasskey('dora');
  const takedown = (applied: boolean): Promise<Answer> => small.call('com.atproto.admin.updateSubjectStatus', { headers: small.admin, body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did }, takedown: { applied } } });
  await takedown(true);
  expect(await signIn(passkey)).toMatchObject({ status: 401, json: { error: 'AccountTakedown' } });
  await takedown(false);
  const session = await signIn(passkey);
  expect(session.status).toBe(200);
  await small.call(`${own}.removePasskey`, { body: { id: passkey.id.toString('base64url') }, token: String(session.json['accessJwt']) });
  expect(await signIn(passkey)).toMatchObject(refused);
  const { did: other, passkey: otherPasskey } = await withPasskey('dorothy');
  await small.call('com.atproto.temp.revokeAccountCredentials', { headers: small.admin, body: { account: other } });
  await small.call('com.atproto.admin.updateAccountPassword', { headers: small.admin, body: { did: other, password: 'new password' } });
  expect(await signIn(otherPasskey)).toMatchObject(refused);
});

test('only pages of this server may sign a device in', async () => {
  for (const question of ['begin', 'finish']) {
    const ask = (headers: Record<string, string>): Promise<Response> => fetch(`${small.url}/account/passkey-sign-in/${question}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{}' });
    expect((await ask({})).status).toBe(403);
    expect((await ask({ origin: 'https://evil.org', 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await ask({ origin: small.url, 'sec-fetch-site': 'same-origin' })).status).toBe(question === 'begin' ? 200 : 400);
  }
});
