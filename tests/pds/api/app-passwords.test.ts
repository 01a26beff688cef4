/** App passwords: what their sessions may do, and how they end. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { post, startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let alice: Person;
beforeAll(async () => {
  small = await startSmallPds();
  alice = await small.newPerson('alice');
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const server = (method: string, o: object): Promise<Answer> => small.call(`com.atproto.server.${method}`, o);
const create = (body: object, token = alice.token): Promise<Answer> => server('createAppPassword', { body, token });
const signIn = (password: unknown): Promise<Answer> => server('createSession', { body: { identifier: 'alice.test', password } });
const scopeOf = (token: unknown): unknown => (JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()) as { scope: unknown }).scope;
const serviceAuth = (token: unknown, lxm: string): Promise<Answer> => server('getServiceAuth', { params: { aud: 'did:web:chat.example.org', lxm }, token: String(token) });

test('one is made, shown once and listed without its secret', async () => {
  const { status, json } = await create({ name: 'phone' });
  expect(status).toBe(200);
  expect(json).toEqual({ name: 'phone', password: expect.stringMatching(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/), createdAt: expect.any(String), privileged: false });
  expect((await server('listAppPasswords', { token: alice.token })).json).toEqual({ passwords: [{ name: 'phone', createdAt: json['createdAt'], privileged: false }] });
  expect((await create({ name: 'phone' })).status).toBe(400);
  expect((await create({ name: '' })).status).toBe(400);
  expect((await create({ name: 'x'.repeat(101) })).status).toBe(400);
  expect((await create({ name: 'x'.repeat(100) })).status).toBe(200);
});

test('its session writes, but does not touch the account, and stays what it is when it is renewed', async () => {
  const { json: made } = await create({ name: 'reader' });
  const { status, json: session } = await signIn(made['password']);
  expect([status, scopeOf(session['accessJwt'])]).toEqual([200, 'com.atproto.appPass']);
  const token = String(session['accessJwt']);
  expect((await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post('by app') }, token })).status).toBe(200);
  const badScope = [400, 'InvalidToken', 'Bad token scope'];
  expect(says(await create({ name: 'more' }, token))).toEqual(badScope);
  expect(says(await server('activateAccount', { method: 'POST', token }))).toEqual(badScope);
  expect(says(await server('deactivateAccount', { body: {}, token }))).toEqual(badScope);
  expect(says(await server('requestAccountDelete', { method: 'POST', token }))).toEqual(badScope);
  expect(says(await server('updateEmail', { body: { email: 'b@people.org' }, token }))).toEqual(badScope);
  expect(says(await small.call('com.atproto.identity.requestPlcOperationSignature', { method: 'POST', token }))).toEqual(badScope);
  expect(says(await serviceAuth(token, 'chat.bsky.convo.listConvos'))).toEqual([400, 'InvalidRequest', 'insufficient access to request a service auth token for the following method: chat.bsky.convo.listConvos']);
  expect((await serviceAuth(token, 'com.atproto.server.createAccount')).status).toBe(400);
  expect((await serviceAuth(token, 'app.bsky.feed.getTimeline')).status).toBe(200);
  const { json: renewed } = await server('refreshSession', { method: 'POST', token: String(session['refreshJwt']) });
  expect(scopeOf(renewed['accessJwt'])).toBe('com.atproto.appPass');
});

test('a privileged one may chat and move the account', async () => {
  const { json: made } = await create({ name: 'trusted', privileged: true });
  const { json: session } = await signIn(made['password']);
  expect(scopeOf(session['accessJwt'])).toBe('com.atproto.appPassPrivileged');
  expect((await serviceAuth(session['accessJwt'], 'chat.bsky.convo.listConvos')).status).toBe(200);
  expect((await serviceAuth(session['accessJwt'], 'com.atproto.server.createAccount')).status).toBe(200);
  expect((await create({ name: 'more' }, String(session['accessJwt']))).json['error']).toBe('InvalidToken');
});

test('app passwords see no personal details among preferences, and leave them be', async () => {
  const details = { $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '1990-01-01T00:00:00.000Z' };
  const adult = { $type: 'app.bsky.actor.defs#adultContentPref', enabled: false };
  const { json: session } = await signIn((await create({ name: 'prefs' })).json['password']);
  const token = String(session['accessJwt']);
  await small.call('app.bsky.actor.putPreferences', { body: { preferences: [details, adult] }, token: alice.token });
  expect((await small.call('app.bsky.actor.getPreferences', { token })).json).toEqual({ preferences: [adult, { $type: 'app.bsky.actor.defs#declaredAgePref', isOverAge13: true, isOverAge16: true, isOverAge18: true }] });
  expect((await small.call('app.bsky.actor.putPreferences', { body: { preferences: [details] }, token })).json['message']).toBe('Do not have authorization to set preferences: app.bsky.actor.defs#personalDetailsPref');
  const other = { $type: 'app.bsky.actor.defs#threadViewPref', sort: 'oldest' };
  await small.call('app.bsky.actor.putPreferences', { body: { preferences: [other] }, token });
  expect((await small.call('app.bsky.actor.getPreferences', { token: alice.token })).json['preferences']).toEqual(expect.arrayContaining([details, other]));
});

test('taking one back ends what it began', async () => {
  const { json: made } = await create({ name: 'lost' });
  const { json: session } = await signIn(made['password']);
  expect((await server('revokeAppPassword', { body: { name: 'lost' }, token: alice.token })).status).toBe(200);
  expect(says(await server('refreshSession', { method: 'POST', token: String(session['refreshJwt']) }))).toEqual([400, 'ExpiredToken', 'Token has been revoked']);
  expect((await signIn(made['password'])).status).toBe(401);
  expect((await server('revokeAppPassword', { body: { name: 'lost' }, token: alice.token })).status).toBe(200);
});

test('an account that was taken down is not reached with one', async () => {
  const { json: made } = await create({ name: 'takedown' });
  const subject = { $type: 'com.atproto.admin.defs#repoRef', did: alice.did };
  const update = (applied: boolean): Promise<Answer> => small.call('com.atproto.admin.updateSubjectStatus', { headers: small.admin, body: { subject, takedown: { applied } } });
  await update(true);
  expect((await server('createSession', { body: { identifier: 'alice.test', password: made['password'], allowTakendown: true } })).status).toBe(401);
  await update(false);
  expect((await signIn(made['password'])).status).toBe(200);
});
