/** The OAuth exchange, bent at every joint: nonces, proofs, codes, refresh tokens, addresses, and who may sign in. */
import { startSmallPds, post, type SmallPds } from '../small-pds.ts';
import { authorize, RawBrowser, RawClient, send } from './raw-client.ts';

let small: SmallPds;
let ada: { name: string; did: string; token: string };
beforeAll(async () => {
  small = await startSmallPds();
  ada = { name: 'ada', ...(await small.newPerson('ada')) };
});
afterAll(() => small.close());

const session = '/xrpc/com.atproto.server.getSession';

test('a person signs in, and the client gets tokens that work', async () => {
  const { client, tokens } = await authorize(small.url, ada);
  expect(tokens).toMatchObject({
    token_type: 'DPoP', sub: ada.did, scope: 'atproto transition:generic', access_token: expect.stringMatching(/^ey/), refresh_token: expect.stringMatching(/^ref-/), expires_in: expect.any(Number),
  });
  const written = await client.call(tokens.access_token, '/xrpc/com.atproto.repo.createRecord', { method: 'POST', body: { repo: ada.did, collection: 'app.bsky.feed.post', record: post('hello') } });
  expect(written.status).toBe(200);
  expect(written.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/);
});

describe('nonces', () => {
  test('are asked for at PAR and at the token endpoint, and asking does not use the code up', async () => {
    const client = new RawClient(small.url);
    const browser = new RawBrowser(small.url);
    await browser.begin(client);
    const { json } = await browser.signIn('ada.test', 'ada password');
    const code = await browser.consent(ada.did, json['ephemeralToken'] as string);
    const without = await client.redeem(code, {}, { proof: await client.prover.proof('POST', `${small.url}/oauth/token`), retry: false });
    expect([without.status, without.json['error']]).toEqual([400, 'use_dpop_nonce']);
    expect(without.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/);
    expect((await client.redeem(code)).json['token_type']).toBe('DPoP');
  });

  test('are asked for by methods', async () => {
    const { client, tokens } = await authorize(small.url, ada);
    const without = await client.call(tokens.access_token, session, { nonce: null });
    expect([without.status, without.json['error']]).toEqual([401, 'use_dpop_nonce']);
    expect(without.headers['www-authenticate']).toContain('error="use_dpop_nonce"');
    expect(without.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/);
  });
});

describe('proofs', () => {
  test.each([
    ['another method', { claims: { htm: 'POST' } }],
    ['another path', { url: 'http://localhost/xrpc/com.atproto.server.describeServer' }],
    ['another server', { claims: { htu: 'https://evil.org/xrpc/com.atproto.server.getSession' } }],
    ['another token', { claims: { ath: 'AAAA' } }],
    ['long ago', { claims: { iat: 1_000 } }],
  ])('for %s are refused', async (_what, bent) => {
    const { client, tokens } = await authorize(small.url, ada);
    const refused = await client.call(tokens.access_token, session, bent);
    expect([refused.status, refused.json['error']]).toEqual([401, 'invalid_dpop_proof']);
    expect((await client.call(tokens.access_token, session)).status).toBe(200);
  });

  test('are good once', async () => {
    const { client, tokens } = await authorize(small.url, ada);
    const claims = { jti: 'once' };
    expect((await client.call(tokens.access_token, session, { claims })).status).toBe(200);
    expect((await client.call(tokens.access_token, session, { claims })).json).toEqual({ error: 'invalid_dpop_proof', message: 'DPoP proof replayed' });
  });

  test('by another key do not open a token', async () => {
    const { tokens } = await authorize(small.url, ada);
    const thief = await authorize(small.url, ada);
    const refused = await thief.client.call(tokens.access_token, session);
    expect([refused.status, refused.json]).toEqual([401, { error: 'invalid_token', message: 'Invalid DPoP key binding' }]);
  });

  test('are for the public URL, whatever the Host header says', async () => {
    const { client, tokens } = await authorize(small.url, ada);
    expect((await client.call(tokens.access_token, session, { headers: { host: 'evil.org', 'x-forwarded-host': 'evil.org', 'x-forwarded-proto': 'https' } })).status).toBe(200);
    expect((await client.call(tokens.access_token, session, { url: `http://evil.org${session}`, headers: { host: 'evil.org' } })).status).toBe(401);
  });

  test('for another server do not pass with an address in the request line', async () => {
    const { client, tokens } = await authorize(small.url, ada);
    const bent = await client.call(tokens.access_token, session, { url: `http://evil.org${session}`, path: `http://evil.org${session}` });
    expect([400, 401, 404]).toContain(bent.status);
    expect(bent.json).not.toHaveProperty('did');
    // At the provider's paths such a proof would hold, were the address not refused first.
    const address = 'http://evil.org/oauth/token';
    const token = await send(`${small.url}/oauth/token`, {
      method: 'POST', path: address, body: new URLSearchParams({ client_id: client.clientId, grant_type: 'refresh_token', refresh_token: tokens.refresh_token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', dpop: await client.prover.proof('POST', address, { nonce: client.nonce }) },
    });
    expect([token.status, token.json]).toEqual([400, { error: 'InvalidRequest', message: 'the address of the request is not a path' }]);
  });
});

test('a code is redeemed once; shown again it ends the session it opened', async () => {
  const { client, code, tokens } = await authorize(small.url, ada);
  expect((await client.redeem(code)).json['error']).toBe('invalid_grant');
  expect((await client.call(tokens.access_token, session)).json).toEqual({ error: 'invalid_token', message: 'Invalid token' });
});

test('a code wants the verifier its challenge was made of', async () => {
  const client = new RawClient(small.url);
  const browser = new RawBrowser(small.url);
  await browser.begin(client);
  const { json } = await browser.signIn('ada.test', 'ada password');
  const code = await browser.consent(ada.did, json['ephemeralToken'] as string);
  expect((await client.redeem(code, { code_verifier: 'x'.repeat(43) })).json['error']).toBe('invalid_grant');
});

test('a refresh token works once; shown again it ends the session', async () => {
  const { client, tokens } = await authorize(small.url, ada);
  const { json: next } = await client.renew(tokens.refresh_token);
  expect(next['refresh_token']).not.toBe(tokens.refresh_token);
  expect((await client.call(tokens.access_token, session)).status).toBe(401);
  expect((await client.call(String(next['access_token']), session)).status).toBe(200);
  expect((await client.renew(tokens.refresh_token)).json).toMatchObject({ error: 'invalid_grant', error_description: 'Refresh token replayed' });
  expect((await client.renew(String(next['refresh_token']))).json['error']).toBe('invalid_grant');
  expect((await client.call(String(next['access_token']), session)).status).toBe(401);
});

test('a client ends its session by the refresh token', async () => {
  const { client, tokens } = await authorize(small.url, ada);
  expect((await client.post('/oauth/revoke', { client_id: client.clientId, token: tokens.refresh_token })).status).toBe(200);
  expect((await client.call(tokens.access_token, session)).json['error']).toBe('invalid_token');
});

test('another password ends the sessions of clients and devices', async () => {
  const zoe = { name: 'zoe', ...(await small.newPerson('zoe')) };
  const { client, tokens, browser } = await authorize(small.url, zoe);
  await browser.open('/account');
  await browser.signIn('zoe.test', 'zoe password', { remember: true });
  expect((await browser.read('/device-sessions')).json).toHaveLength(1);
  const changed = await small.call('com.atproto.admin.updateAccountPassword', { headers: small.admin, body: { did: zoe.did, password: 'another password' } });
  expect(changed.status).toBe(200);
  expect((await client.call(tokens.access_token, session)).json['error']).toBe('invalid_token');
  expect((await browser.read('/device-sessions')).json).toEqual([]);
});

describe('signing in', () => {
  test('takes the account\'s own password and no app password', async () => {
    const made = await small.call('com.atproto.server.createAppPassword', { token: ada.token, body: { name: 'program' } });
    const browser = new RawBrowser(small.url);
    await browser.begin(new RawClient(small.url));
    expect((await browser.signIn('ada.test', String(made.json['password']))).json).toEqual({ error: 'invalid_request', error_description: 'App passwords are not allowed' });
  });

  test('says the same of nobody and of a wrong password', async () => {
    const browser = new RawBrowser(small.url);
    await browser.begin(new RawClient(small.url));
    const [nobody, wrong] = [await browser.signIn('nobody.test', 'a password'), await browser.signIn('ada.test', 'a password')];
    expect(nobody.json).toEqual({ error: 'invalid_request', error_description: 'Invalid identifier or password' });
    expect(wrong.json).toEqual(nobody.json);
  });

  test('wants a page of this server to ask', async () => {
    const browser = new RawBrowser(small.url);
    await browser.begin(new RawClient(small.url));
    browser.page = 'https://evil.org/';
    expect((await browser.signIn('ada.test', 'ada password')).status).toBe(400);
  });

  test('remembers a device that the person wants remembered, and asks again on another', async () => {
    const client = new RawClient(small.url);
    const browser = new RawBrowser(small.url);
    await browser.begin(client);
    await browser.signIn('ada.test', 'ada password', { remember: true });
    const code = await browser.consent(ada.did);
    expect(code).toMatch(/^cod-/);
    const other = new RawBrowser(small.url);
    await other.begin(new RawClient(small.url));
    expect((await other.ask('/consent', { did: ada.did })).json['url']).not.toContain('code=');
  });

  test('a request belongs to the browser that opened it first', async () => {
    const client = new RawClient(small.url);
    const browser = new RawBrowser(small.url);
    await browser.begin(client);
    const other = new RawBrowser(small.url);
    const answer = await other.open(browser.page.slice(small.url.length));
    expect(answer.headers['location']).toContain('error=access_denied');
    expect((await browser.signIn('ada.test', 'ada password')).status).toBe(200);
  });
});

test('what a client asks for is bounded', async () => {
  const client = new RawClient(small.url);
  const long = await client.push({ state: 'x'.repeat(20_000) });
  expect(long.status).toBe(413);
  const longer = await client.push({ state: 'x'.repeat(200_000) });
  expect(longer.status).toBe(413);
});
