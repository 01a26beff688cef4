/** The operator's methods: who may call them, and what a takedown closes. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { post, startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let alice: Person;
let uri: string;
beforeAll(async () => {
  small = await startSmallPds();
  alice = await small.newPerson('alice');
  uri = (await alice.agent.com.atproto.repo.createRecord({ repo: alice.did, collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222', record: post('x') })).data.uri;
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const asAdmin = (nsid: string, o: object): Promise<Answer> => small.call(`com.atproto.admin.${nsid}`, { headers: small.admin, ...o });
const update = (subject: object, more: object): Promise<Answer> => asAdmin('updateSubjectStatus', { body: { subject, ...more } });
const repoRef = (): object => ({ $type: 'com.atproto.admin.defs#repoRef', did: alice.did });
const basic = (password: string): Record<string, string> => ({ authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` });
const askWith = (password: string): Promise<Answer> => small.call('com.atproto.admin.getAccountInfo', { params: { did: alice.did }, headers: basic(password) });

test('they are for the operator alone', async () => {
  const ask = (headers: Record<string, string>): Promise<Answer> => small.call('com.atproto.admin.getAccountInfo', { params: { did: alice.did }, headers });
  expect(says(await ask({}))).toEqual([401, 'AuthenticationRequired', 'Authentication Required']);
  expect(says(await ask(basic('wrong')))).toEqual([401, 'AuthenticationRequired', 'Authentication Required']);
  expect(says(await ask({ authorization: `Bearer ${alice.token}` }))).toEqual([401, 'UntrustedIss', 'Untrusted issuer']);
  expect((await ask(small.admin)).json).toEqual({
    did: alice.did, handle: 'alice.test', email: 'alice@people.org', indexedAt: expect.any(String), invites: [], invitesDisabled: false,
  });
});

test('an account that was taken down can neither be read nor used, but leaves with a narrow token', async () => {
  await update(repoRef(), { takedown: { applied: true, ref: 'case 7' } });
  expect((await asAdmin('getSubjectStatus', { params: { did: alice.did } })).json).toEqual({ subject: repoRef(), takedown: { applied: true, ref: 'case 7' }, deactivated: { applied: false } });
  expect(says(await small.call('com.atproto.sync.getRepo', { params: { did: alice.did } }))).toEqual([400, 'RepoTakendown', `Repo has been takendown: ${alice.did}`]);
  expect((await small.call('com.atproto.sync.getRepoStatus', { params: { did: alice.did } })).json).toEqual({ did: alice.did, active: false, status: 'takendown' });
  const write = await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post('y') }, token: alice.token });
  expect(says(write)).toEqual([401, 'AccountTakedown', 'Account has been taken down']);
  expect((await small.call('com.atproto.server.refreshSession', { method: 'POST', token: alice.refreshToken })).json['error']).toBe('AccountTakedown');
  const signIn = (more: object): Promise<Answer> => small.call('com.atproto.server.createSession', { body: { identifier: 'alice.test', password: 'alice password', ...more } });
  expect((await signIn({})).json['error']).toBe('AccountTakedown');
  const narrow = String((await signIn({ allowTakendown: true })).json['accessJwt']);
  const serviceAuth = (lxm: string): Promise<Answer> => small.call('com.atproto.server.getServiceAuth', { params: { aud: 'did:web:new.example.org', lxm }, token: narrow });
  expect((await serviceAuth('com.atproto.server.createAccount')).status).toBe(200);
  expect((await serviceAuth('app.bsky.feed.getTimeline')).json['error']).toBe('InvalidToken');
  const earlier = await small.call('com.atproto.server.getServiceAuth', { params: { aud: 'did:web:new.example.org', lxm: 'app.bsky.feed.getTimeline' }, token: alice.token });
  expect(says(earlier)).toEqual([400, 'InvalidToken', 'Bad token scope']);
  expect((await small.call('com.atproto.sync.getRepo', { params: { did: alice.did }, token: narrow })).status).toBe(200);
  await update(repoRef(), { takedown: { applied: false } });
  expect((await small.call('com.atproto.sync.getRepo', { params: { did: alice.did } })).status).toBe(200);
  expect((await small.call('com.atproto.server.refreshSession', { method: 'POST', token: alice.refreshToken })).json['error']).toBe('ExpiredToken');
});

test('a record that was taken down is not found, and comes back', async () => {
  const read = (): Promise<Answer> => small.call('com.atproto.repo.getRecord', { params: { repo: alice.did, collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222' } });
  const { cid } = (await read()).json;
  const subject = { $type: 'com.atproto.repo.strongRef', uri, cid };
  await update(subject, { takedown: { applied: true } });
  expect((await read()).json['error']).toBe('RecordNotFound');
  expect((await small.call('com.atproto.repo.listRecords', { params: { repo: alice.did, collection: 'app.bsky.feed.post' } })).json).toEqual({ records: [] });
  expect((await asAdmin('getSubjectStatus', { params: { uri } })).json).toEqual({ subject, takedown: { applied: true, ref: expect.any(String) } });
  await update(subject, { takedown: { applied: false } });
  expect((await read()).status).toBe(200);
});

test('they say what they do not find', async () => {
  const nobody = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
  expect((await asAdmin('getAccountInfo', { params: { did: nobody } })).status).toBe(400);
  expect((await asAdmin('deleteAccount', { body: { did: nobody } })).status).toBe(400);
  expect((await update({ $type: 'com.atproto.admin.defs#repoRef', did: nobody }, { takedown: { applied: true } })).status).toBe(400);
  expect((await update({ $type: 'com.atproto.repo.strongRef', uri: 'at://alice.test/a.b.c/d', cid: 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y' }, { takedown: { applied: true } })).status).toBe(400);
  expect((await asAdmin('getSubjectStatus', { params: { did: nobody } })).json['error']).toBe('NotFound');
  expect(says(await update({ $type: 'com.example.thing', did: alice.did }, { takedown: { applied: true } }))).toEqual([400, 'InvalidRequest', 'Invalid subject (com.example.thing)']);
  expect((await asAdmin('getSubjectStatus', {})).status).toBe(400);
  expect((await asAdmin('getAccountInfos', { params: { dids: [alice.did, nobody] } })).json['infos']).toHaveLength(1);
});

test('reserved labels can be given away by the operator, taken handles by nobody', async () => {
  const rename = (handle: string): Promise<Answer> => asAdmin('updateAccountHandle', { body: { did: alice.did, handle } });
  await small.newPerson('bob');
  expect((await rename('bob.test')).json['message']).toBe('Handle already taken: bob.test');
  expect((await rename('admin.test')).status).toBe(200);
  const { json } = await small.call('com.atproto.repo.describeRepo', { params: { repo: alice.did } });
  expect(json).toMatchObject({ handle: 'admin.test', handleIsCorrect: true });
  expect((await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'admin.test' } })).json).toEqual({ did: alice.did });
  expect(says(await small.call('com.atproto.identity.resolveHandle', { params: { handle: 'alice.test' } }))).toEqual([400, 'HandleNotFound', 'Unable to resolve handle']);
});

test('ten wrong passwords lock an address out, the right one too', async () => {
  for (let times = 0; times < 10; times++) await askWith(`guess ${times}`);
  expect((await askWith('operator')).json['error']).toBe('RateLimitExceeded');
});
