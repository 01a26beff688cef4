/** Accounts and sessions over HTTP: what a client gets, and the exact words it is refused with. */
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AtpAgent } from '@atproto/api';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { createPlcGenesis } from '@dunlin/protocol/identity/plc-operation';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let alice: Person;
beforeAll(async () => {
  small = await startSmallPds();
  alice = await small.newPerson('alice');
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const claimsOf = (token: string): unknown[] => token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown);

/** Asks for the document of a handle, under that host name, which fetch cannot pretend. */
function getAs(host: string, more: Record<string, string> = {}): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    get(`${small.url}/.well-known/atproto-did`, { headers: { host, ...more } }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve([response.statusCode, text]);
    }).on('error', reject);
  });
}

const create = (body: object, token?: string): Promise<Answer> => small.call('com.atproto.server.createAccount', { body, ...(token !== undefined && { token }) });
const jti = (session: Record<string, unknown>): unknown => (claimsOf(String(session['refreshJwt']))[1] as { jti: string }).jti;
const askServiceAuth = (params: Record<string, string | number>): Promise<Answer> => small.call('com.atproto.server.getServiceAuth', { params, token: alice.token });

const timed = async (identifier: string): Promise<{ answer: unknown[]; ms: number }> => {
  const start = performance.now();
  const answer = says(await small.call('com.atproto.server.createSession', { body: { identifier, password: 'wrong' } }));
  return { answer, ms: performance.now() - start };
};

describe('createAccount', () => {
  test('makes a did:plc whose document names this server, and signs the person in', async () => {
    const recovery = Keypair.generate().did;
    const { status, json, headers } = await create({ handle: 'Bob.test', email: 'Bob@people.org', password: 'secret', recoveryKey: recovery });
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual(['handle', 'did', 'didDoc', 'accessJwt', 'refreshJwt']);
    expect(headers.get('cache-control')).toBe('private');
    const data = (await (await fetch(`${small.plc.url}/${String(json['did'])}/data`)).json()) as Record<string, unknown>;
    expect(data).toMatchObject({ alsoKnownAs: ['at://bob.test'], services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: small.url } } });
    expect((data['rotationKeys'] as string[])[0]).toBe(recovery);
    const did = `did:web:localhost%3A${new URL(small.url).port}`;
    const [accessHeader, access] = claimsOf(String(json['accessJwt']));
    expect(accessHeader).toEqual({ typ: 'at+jwt', alg: 'HS256' });
    expect(access).toEqual({ scope: 'com.atproto.access', aud: did, sub: json['did'], iat: expect.any(Number), exp: expect.any(Number) });
    const [refreshHeader, refresh] = claimsOf(String(json['refreshJwt']));
    expect(refreshHeader).toEqual({ typ: 'refresh+jwt', alg: 'HS256' });
    expect(Object.keys(refresh as object)).toEqual(['scope', 'aud', 'sub', 'jti', 'iat', 'exp']);
  });

  test('needs neither an e-mail address nor a password', async () => {
    expect((await create({ handle: 'bare.test' })).status).toBe(200);
  });

  test.each([
    ['al.test', 'InvalidHandle', 'Handle too short'],
    ['a-label-of-19-chars.test', 'InvalidHandle', 'Handle too long'],
    ['a.b.test', 'InvalidHandle', 'Invalid characters in handle'],
    ['admin.test', 'HandleNotAvailable', 'Reserved handle'],
    ['alice.test', 'InvalidRequest', 'Handle already taken: alice.test'],
    ['ALICE.test', 'InvalidRequest', 'Handle already taken: alice.test'],
    ['somebody.org', 'UnsupportedDomain', 'Not a supported handle domain'],
    ['somebody.invalid', 'InvalidHandle', 'Handle TLD is invalid or disallowed'],
  ])('refuses the handle %s with %s', async (handle, error, message) => {
    expect(says(await create({ handle, password: 'x' }))).toEqual([400, error, message]);
  });

  test('takes the shortest and longest labels, also under a domain of ours whose top level is closed to others', async () => {
    expect((await create({ handle: 'abc.test' })).status).toBe(200);
    expect((await create({ handle: 'a-label-of-18-char.example' })).status).toBe(200);
  });

  test('refuses a taken e-mail address, a broken one, an overlong password and a broken recovery key', async () => {
    expect(says(await create({ handle: 'other.test', email: 'ALICE@people.org' }))).toEqual([400, 'InvalidRequest', 'Email already taken: ALICE@people.org']);
    expect((await create({ handle: 'other.test', email: 'not an address' })).status).toBe(400);
    expect((await create({ handle: 'other.test', password: 'x'.repeat(257) })).json['error']).toBe('InvalidPassword');
    expect((await create({ handle: 'other.test', recoveryKey: 'did:key:zNone' })).status).toBe(400);
    expect((await create({ handle: 'other.test', plcOp: {} })).json['message']).toBe('Unsupported input: "plcOp"');
  });

  test('gives a handle to one of two who ask at once', async () => {
    const answers = await Promise.all([create({ handle: 'twice.test' }), create({ handle: 'twice.test' })]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
  });

  test('lets a DID move in with its own word, deactivated and without events', async () => {
    const [signingKey, rotationKey] = [Keypair.generate(), Keypair.generate()];
    const { did, operation } = createPlcGenesis({ signingKey: signingKey.did, rotationKeys: [rotationKey.did], handle: 'mover.test', pdsUrl: 'https://old.example.org', rotationKeypair: rotationKey });
    await fetch(`${small.plc.url}/${did}`, { method: 'POST', body: JSON.stringify(operation), headers: { 'content-type': 'application/json' } });
    const body = { handle: 'mover.test', did, password: 'moving' };
    expect(says(await create(body))).toEqual([401, 'AuthenticationRequired', `Missing auth to create account with did: ${did}`]);
    const mint = (o: { lxm: string; keypair: Keypair }): string => mintServiceJwt({ issuer: did, audience: `did:web:localhost%3A${new URL(small.url).port}`, nowMs: Date.now(), ...o });
    expect(says(await create(body, mint({ lxm: 'com.atproto.server.createSession', keypair: signingKey }))).slice(0, 2)).toEqual([401, 'BadJwtLexiconMethod']);
    expect(says(await create(body, mint({ lxm: 'com.atproto.server.createAccount', keypair: rotationKey }))).slice(0, 2)).toEqual([401, 'BadJwtSignature']);
    const { json: made } = await create(body, mint({ lxm: 'com.atproto.server.createAccount', keypair: signingKey }));
    expect(made['did']).toBe(did);
    const { json: session } = await small.call('com.atproto.server.createSession', { body: { identifier: did, password: 'moving' } });
    expect(session).toMatchObject({ active: false, status: 'deactivated' });
    const refused = await small.call('com.atproto.server.activateAccount', { method: 'POST', token: String(session['accessJwt']) });
    expect(says(refused)).toEqual([400, 'InvalidRequest', 'DID document does not name this server: #atproto_pds is https://old.example.org']);
  });
});

describe('sessions', () => {
  test.each([['alice.test'], ['ALICE.TEST'], ['alice@people.org'], ['@alice.test']])('sign in with %s', async (identifier) => {
    const { status, json } = await small.call('com.atproto.server.createSession', { body: { identifier, password: 'alice password', authFactorToken: 'unused' } });
    expect(status).toBe(200);
    expect(json).toEqual({ did: alice.did, handle: 'alice.test', email: 'alice@people.org', emailConfirmed: false, active: true, accessJwt: expect.any(String), refreshJwt: expect.any(String) });
  });

  test('tell an unknown account and a wrong password apart neither by words nor by time', async () => {
    const [known, unknown] = [await timed('alice.test'), await timed('nobody.test')];
    expect(known.answer).toEqual([401, 'AuthenticationRequired', 'Invalid identifier or password']);
    expect(unknown.answer).toEqual(known.answer);
    expect(Math.min(known.ms, unknown.ms)).toBeGreaterThanOrEqual(345);
  });

  test('show who is signed in', async () => {
    const { json, headers } = await small.call('com.atproto.server.getSession', { token: alice.token });
    expect(JSON.stringify(json)).toBe(`{"did":"${alice.did}","handle":"alice.test","email":"alice@people.org","emailConfirmed":false,"active":true}`);
    expect([headers.get('cache-control'), headers.get('vary')]).toEqual(['private', expect.stringContaining('Authorization')]);
  });

  test.each<[string, Record<string, string>, unknown[]]>([
    ['nothing', {}, [401, 'AuthMissing', 'Authentication Required']],
    ['a broken token', { authorization: 'Bearer a.b.c' }, [400, 'InvalidToken', 'Token could not be verified']],
    ['another scheme', { authorization: 'Foo bar' }, [400, 'InvalidToken', 'Unsupported authorization type: Foo']],
  ])('are refused when %s is shown', async (_what, headers, expected) => {
    expect(says(await small.call('com.atproto.server.getSession', { headers }))).toEqual(expected);
  });

  test('keep refresh and access tokens apart', async () => {
    expect(says(await small.call('com.atproto.server.getSession', { token: alice.refreshToken }))).toEqual([400, 'InvalidToken', 'Token could not be verified']);
    expect(says(await small.call('com.atproto.server.refreshSession', { method: 'POST', token: alice.token }))).toEqual([400, 'InvalidToken', 'Token could not be verified']);
    for (const method of ['refreshSession', 'deleteSession']) for (const authorization of ['DPoP x', small.admin.authorization]) {
      expect(says(await small.call(`com.atproto.server.${method}`, { method: 'POST', headers: { authorization } }))).toEqual([401, 'AuthMissing', 'Authentication Required']);
    }
    expect(says(await small.call('com.atproto.server.refreshSession', { method: 'POST', headers: { authorization: 'DPoP x y' } }))).toEqual([400, 'InvalidToken', 'Malformed authorization header']);
  });

  test('renew to the same next token when asked twice at once, and then go on', async () => {
    const { refreshToken } = await small.newPerson('carol');
    const renew = async (token: string): Promise<Record<string, unknown>> => (await small.call('com.atproto.server.refreshSession', { method: 'POST', token })).json;
    const [first, second] = await Promise.all([renew(refreshToken), renew(refreshToken)]);
    expect(jti(first)).toBe(jti(second));
    expect(first).toMatchObject({ handle: 'carol.test', active: true });
    expect(jti(await renew(String(first['refreshJwt'])))).not.toBe(jti(first));
  });

  test('end with their refresh token, again and again, and cannot be renewed afterwards', async () => {
    const { refreshToken } = await small.newPerson('dave');
    for (let times = 0; times < 2; times++) expect((await small.call('com.atproto.server.deleteSession', { method: 'POST', token: refreshToken })).status).toBe(200);
    expect(says(await small.call('com.atproto.server.refreshSession', { method: 'POST', token: refreshToken }))).toEqual([400, 'ExpiredToken', 'Token has been revoked']);
  });

  test('are begun and resumed by the real client', async () => {
    const agent = new AtpAgent({ service: small.url });
    await agent.login({ identifier: 'alice.test', password: 'alice password' });
    expect(agent.session).toMatchObject({ did: alice.did, handle: 'alice.test', active: true });
    const resumed = new AtpAgent({ service: small.url });
    expect((await resumed.resumeSession(agent.session!)).data.did).toBe(alice.did);
  });
});

describe('getServiceAuth', () => {
  test('signs with the account\'s key, for a minute unless told', async () => {
    const { json } = await askServiceAuth({ aud: 'did:web:foo.com', lxm: 'app.bsky.feed.getTimeline' });
    const [header, claims] = claimsOf(String(json['token'])) as [unknown, { iat: number; exp: number }];
    expect(header).toEqual({ typ: 'JWT', alg: 'ES256K' });
    expect(claims).toMatchObject({ iss: alice.did, aud: 'did:web:foo.com', lxm: 'app.bsky.feed.getTimeline', jti: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(claims.exp - claims.iat).toBe(60);
  });

  test('bounds the time on both sides', async () => {
    const now = Math.floor(Date.now() / 1000);
    const aud = 'did:web:foo.com#chat';
    const lxm = 'app.bsky.feed.getTimeline';
    expect((await askServiceAuth({ aud, lxm, exp: now - 5 })).json['error']).toBe('BadExpiration');
    expect((await askServiceAuth({ aud, lxm, exp: now + 3_590 })).status).toBe(200);
    expect((await askServiceAuth({ aud, lxm, exp: now + 3_610 })).json['error']).toBe('BadExpiration');
    expect((await askServiceAuth({ aud, exp: now + 55 })).status).toBe(200);
    expect((await askServiceAuth({ aud, exp: now + 70 })).json['error']).toBe('BadExpiration');
    // Clients in Go send zero where they mean nothing.
    const { iat, exp } = claimsOf(String((await askServiceAuth({ aud, exp: 0 })).json['token']))[1] as { iat: number; exp: number };
    expect(exp - iat).toBe(60);
  });

  test('refuses what is no audience, and methods that change the account', async () => {
    for (const aud of ['foo.com', 'did:plc:foo', 'did:key:zQ3shU4ZsokxRoBdQC7HetZtbyHqxnaQHHnwaGy8XM7g1VaoP']) {
      expect(says(await askServiceAuth({ aud }))).toEqual([400, 'InvalidRequest', 'aud must be a valid atproto DID or did#serviceId reference']);
    }
    expect((await askServiceAuth({ aud: 'did:web:foo.com', lxm: 'com.atproto.server.deactivateAccount' })).status).toBe(400);
  });
});

describe('the rest of the server', () => {
  test('describes itself', async () => {
    const { json } = await small.call('com.atproto.server.describeServer');
    expect(JSON.stringify(json)).toBe(`{"did":"did:web:localhost%3A${new URL(small.url).port}","availableUserDomains":[".test",".example"],"inviteCodeRequired":false,"blobUploadLimit":5242880,"links":{},"contact":{}}`);
  });

  test('asks strangers who they are before it says that it does not know a method', async () => {
    expect(says(await small.call('com.example.unknown'))).toEqual([401, 'AuthMissing', 'Authentication Required']);
    expect(says(await small.call('com.example.unknown', { token: alice.token }))).toEqual([501, 'MethodNotImplemented', 'Method Not Implemented']);
  });

  test('keeps preferences of the app.bsky namespace only', async () => {
    const put = (preferences: object[]): Promise<Answer> => small.call('app.bsky.actor.putPreferences', { body: { preferences }, token: alice.token });
    expect((await small.call('app.bsky.actor.getPreferences', { token: alice.token })).json).toEqual({ preferences: [] });
    expect(says(await put([{ $type: 'com.example.pref' }]))).toEqual([400, 'InvalidRequest', 'Some preferences are not in the app.bsky namespace']);
    const preferences = [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }];
    expect((await put(preferences)).status).toBe(200);
    expect((await small.call('app.bsky.actor.getPreferences', { token: alice.token })).json).toEqual({ preferences });
  });

  test('serves the documents by which it and its handles are found', async () => {
    const get = async (path: string): Promise<string> => (await fetch(`${small.url}${path}`)).text();
    expect(JSON.parse(await get('/.well-known/did.json'))).toMatchObject({ id: `did:web:localhost%3A${new URL(small.url).port}`, service: [{ serviceEndpoint: small.url }] });
    expect(await get('/robots.txt')).toContain('Allow: /');
    expect(await get('/')).toContain('Dunlin');
    expect(JSON.parse(await get('/_health'))).toEqual({ version: expect.any(String) });
    expect(await getAs('alice.test')).toEqual([200, alice.did]);
    // A proxy that put its own name into Host tells the right one beside it; where Host is right, nothing beside it counts.
    expect(await getAs('backend.internal', { 'x-forwarded-host': 'alice.test' })).toEqual([200, alice.did]);
    expect(await getAs('alice.test', { 'x-forwarded-host': 'nobody.test' })).toEqual([200, alice.did]);
    expect((await getAs('backend.internal', { 'x-forwarded-host': 'nobody.test' }))[0]).toBe(404);
    expect(await getAs('nobody.test')).toEqual([404, 'User not found']);
  });

  test('tells a proxy for which names it may get certificates: its own and those of its people', async () => {
    const check = async (query: string): Promise<number> => (await fetch(`${small.url}/tls-check${query}`)).status;
    expect(await check('?domain=localhost')).toBe(200);
    expect(await check('?domain=Alice.test')).toBe(200);
    expect(await check('?domain=nobody.test')).toBe(404);
    expect(await check('?domain=test')).toBe(404);
    for (const query of ['', '?domain=', '?domain=alice.test&domain=localhost']) expect(await check(query)).toBe(400);
  });
});
