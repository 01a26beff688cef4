/**
 * The OAuth client of npm against our PDS, a person in Chromium between them: sign in, consent, write, renew, revoke; what a client may
 * not do; and what ends its session.
 */
import { Agent } from '@atproto/api';
import type { OAuthSession } from '@atproto/oauth-client-node';
import type { Browser, Page } from 'playwright-core';
import { startSmallPds, post, type SmallPds } from '../pds/small-pds.ts';
import { signIn, startBrowser, startClient, type TestClient } from './oauth-person.ts';

const maxScope = 'atproto transition:generic transition:email repo:app.bsky.feed.post?action=create blob:image/png rpc:app.bsky.actor.getProfile?aud=* identity:handle account:status?action=manage';

let small: SmallPds;
let browser: Browser;
let app: TestClient;
beforeAll(async () => {
  small = await startSmallPds();
  [app, browser] = await Promise.all([startClient({ plcUrl: small.plc.url, scope: maxScope }), startBrowser()]);
  await small.newPerson('ada');
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
  await small?.close();
});

/** Goes through sign-in and consent as ada and gives the session, with the page still open. */
async function authorize(scope: string): Promise<{ session: OAuthSession; page: Page; query: URLSearchParams }> {
  const page = await (await browser.newContext()).newPage();
  const url = await app.client.authorize(small.url, { scope });
  const called = app.calledBack();
  await page.goto(url.href);
  await signIn(page, 'ada.test', 'ada password');
  await page.getByRole('button', { name: 'Authorize' }).click();
  const query = await called;
  const { session } = await app.client.callback(query);
  return { session, page, query };
}

test('a person signs in and consents, and the client writes in their name', async () => {
  const { session, page, query } = await authorize('atproto transition:generic');
  expect(query.get('iss')).toBe(small.url);
  expect(session.did).toMatch(/^did:plc:/);
  const agent = new Agent(session);
  const { data } = await agent.com.atproto.repo.createRecord({ repo: session.did, collection: 'app.bsky.feed.post', record: post('by OAuth') });
  expect(data).toMatchObject({ uri: expect.stringContaining(session.did), validationStatus: 'valid' });
  const { data: mine } = await agent.com.atproto.server.getSession();
  expect(mine).toMatchObject({ did: session.did, handle: 'ada.test', active: true });
  expect(mine).not.toHaveProperty('email');
  await page.context().close();
});

test('a session is renewed, and a refresh token works once', async () => {
  const { session, page } = await authorize('atproto transition:generic transition:email');
  const before = structuredClone(app.sessions.get(session.did));
  const info = await session.getTokenInfo(true);
  expect(info).toMatchObject({ sub: session.did, aud: `${small.url}/`, scope: 'atproto transition:generic transition:email', expired: false });
  const after = app.sessions.get(session.did);
  expect(after?.tokenSet.access_token).not.toBe(before?.tokenSet.access_token);
  expect((await new Agent(session).com.atproto.server.getSession()).data).toMatchObject({ email: 'ada@people.org', emailConfirmed: false });
  // Somebody shows the old one again: whoever holds the session now loses it.
  app.sessions.set(session.did, before!);
  await expect(app.client.restore(session.did, true)).rejects.toThrow('Refresh token replayed');
  app.sessions.set(session.did, after!);
  await expect(app.client.restore(session.did, true)).rejects.toThrow('Invalid refresh token');
  await page.context().close();
});

test('a session that its client ends is over', async () => {
  const { session, page } = await authorize('atproto transition:generic');
  const stolen = structuredClone(app.sessions.get(session.did)!);
  await session.signOut();
  app.sessions.set(session.did, stolen);
  const again = await app.client.restore(session.did, false);
  const answer = await again.fetchHandler('/xrpc/com.atproto.server.getSession');
  expect([answer.status, await answer.json()]).toEqual([401, { error: 'invalid_token', message: 'Invalid token' }]);
  await page.context().close();
});

test('granular scopes let a client do what they name, and no more', async () => {
  const { session, page } = await authorize('atproto repo:app.bsky.feed.post?action=create blob:image/png rpc:app.bsky.actor.getProfile?aud=*');
  const agent = new Agent(session);
  const own = { repo: session.did, collection: 'app.bsky.feed.post' };
  const { data } = await agent.com.atproto.repo.createRecord({ ...own, record: post('allowed') });
  const refusal = (scope: string): object => expect.objectContaining({ status: 403, error: 'ScopeMissingError', message: `Missing required scope "${scope}"` });
  await expect(agent.com.atproto.repo.deleteRecord({ ...own, rkey: data.uri.split('/').at(-1)! })).rejects.toEqual(refusal('repo:app.bsky.feed.post?action=delete'));
  await expect(agent.com.atproto.repo.putRecord({ ...own, rkey: 'self', record: post('no') })).rejects.toEqual(refusal('repo:app.bsky.feed.post?action=update'));
  await expect(agent.com.atproto.repo.createRecord({ ...own, collection: 'app.bsky.feed.like', record: {} })).rejects.toEqual(refusal('repo:app.bsky.feed.like?action=create'));
  await expect(agent.com.atproto.repo.applyWrites({
    repo: session.did,
    writes: [
      { $type: 'com.atproto.repo.applyWrites#create', collection: own.collection, value: post('all') },
      { $type: 'com.atproto.repo.applyWrites#delete', collection: own.collection, rkey: 'self' },
    ],
  })).rejects.toEqual(refusal('repo:app.bsky.feed.post?action=delete'));
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=', 'base64');
  expect((await agent.com.atproto.repo.uploadBlob(png, { encoding: 'image/png' })).data.blob.mimeType).toBe('image/png');
  await expect(agent.com.atproto.repo.uploadBlob(png, { encoding: 'video/mp4' })).rejects.toEqual(refusal('blob:video/mp4'));
  await expect(agent.com.atproto.identity.updateHandle({ handle: 'eve.test' })).rejects.toEqual(refusal('identity:handle'));
  await expect(agent.com.atproto.server.deactivateAccount({})).rejects.toEqual(refusal('account:status?action=manage'));
  const lxm = 'app.bsky.actor.getProfile';
  expect((await agent.com.atproto.server.getServiceAuth({ aud: 'did:web:view.people.org#bsky_appview', lxm })).data.token).toMatch(/^ey/);
  await expect(agent.com.atproto.server.getServiceAuth({ aud: 'did:web:view.people.org#bsky_appview', lxm: 'app.bsky.feed.getTimeline' })).rejects.toMatchObject({ status: 403, error: 'ScopeMissingError' });
  await page.context().close();
});

test('no scope is enough for what only the person may do', async () => {
  const { session, page } = await authorize('atproto transition:generic');
  const agent = new Agent(session);
  const refused = { status: 403, error: 'Forbidden', message: 'OAuth credentials are not supported for this endpoint' };
  await expect(agent.com.atproto.server.createAppPassword({ name: 'back door' })).rejects.toMatchObject(refused);
  await expect(agent.com.atproto.server.requestAccountDelete()).rejects.toMatchObject(refused);
  await expect(agent.com.atproto.server.activateAccount()).rejects.toMatchObject({ status: 403, error: 'Forbidden' });
  await page.context().close();
});

test('a token without its key is worth nothing', async () => {
  const { session, page } = await authorize('atproto transition:generic');
  const { access_token: token } = app.sessions.get(session.did)!.tokenSet;
  const bare = await small.call('com.atproto.server.getSession', { token });
  expect([bare.status, bare.json['error']]).toEqual([400, 'InvalidToken']);
  const withoutProof = await small.call('com.atproto.server.getSession', { headers: { authorization: `DPoP ${token}` } });
  expect([withoutProof.status, withoutProof.json]).toEqual([401, { error: 'invalid_dpop_proof', message: 'DPoP proof required' }]);
  await page.context().close();
});

test('a takedown ends the sessions of clients', async () => {
  const { session, page } = await authorize('atproto transition:generic');
  const takedown = (applied: boolean) => small.call('com.atproto.admin.updateSubjectStatus', {
    headers: small.admin, body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did: session.did }, takedown: { applied, ref: '1' } },
  });
  await takedown(true);
  await takedown(false);
  await expect(session.getTokenInfo(true)).rejects.toThrow();
  await page.context().close();
});

test('a person who says no sends the client back without a code', async () => {
  const page = await (await browser.newContext()).newPage();
  const called = app.calledBack();
  await page.goto((await app.client.authorize(small.url, { scope: 'atproto' })).href);
  await signIn(page, 'ada.test', 'ada password');
  await page.getByRole('button', { name: 'Deny access' }).click();
  const query = await called;
  expect(query.get('error')).toBe('access_denied');
  expect(query.has('code')).toBe(false);
  await page.context().close();
});
