/** OAuth's documents and paths on a running server, before anybody has signed in. */
import { startSmallPds, type SmallPds } from '../small-pds.ts';
import { authorizationServer } from '../../../pds/src/oauth/metadata.ts';

let small: SmallPds;
beforeAll(async () => {
  small = await startSmallPds();
});
afterAll(() => small.close());

test('says which server signs people in, and how, in the words of the reference', async () => {
  const resource = await fetch(`${small.url}/.well-known/oauth-protected-resource`);
  expect(resource.status).toBe(200);
  expect(resource.headers.get('access-control-allow-origin')).toBe('*');
  expect(await resource.json()).toEqual({
    resource: small.url, authorization_servers: [small.url], scopes_supported: [], bearer_methods_supported: ['header'], resource_documentation: 'https://atproto.com',
  });
  const server = await fetch(`${small.url}/.well-known/oauth-authorization-server`);
  expect(server.status).toBe(200);
  expect(server.headers.get('content-type')).toBe('application/json');
  expect(server.headers.get('cache-control')).toBe('max-age=300');
  expect(await server.json()).toEqual(authorizationServer(small.url));
});

test('says what the provider itself would say', async () => {
  const { Keyset, JoseKey, OAuthProvider } = await import('@atproto/oauth-provider/provider');
  const key = await JoseKey.fromKeyLike(new Uint8Array(32).fill(1), undefined, 'HS256');
  const issuer = 'https://pds.people.org';
  const none = new Proxy({}, { get: () => () => undefined, has: () => true });
  const provider = new OAuthProvider({ issuer, keyset: new Keyset([key]), store: none, metadata: { protected_resources: [issuer] } });
  expect(JSON.parse(JSON.stringify(provider.metadata))).toEqual(authorizationServer(issuer));
});

test('refuses a token that is none, with the challenge and a nonce', async () => {
  const answer = await small.call('com.atproto.server.getSession', { headers: { authorization: 'DPoP nonsense' } });
  expect(answer.status).toBe(401);
  expect(answer.json).toEqual({ error: 'invalid_token', message: 'Malformed token' });
  expect(answer.headers.get('www-authenticate')).toBe(
    'DPoP algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES256K ES384 ES512", error="invalid_token", error_description="Malformed token"',
  );
  expect(answer.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/);
  expect(answer.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce');
  expect(answer.headers.get('cache-control')).toBe('private');
});

test.each([
  ['par', 'invalid_client'],
  ['token', 'invalid_grant'],
])('answers an empty POST to /oauth/%s with %s and a nonce', async (path, error) => {
  const answer = await fetch(`${small.url}/oauth/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  expect(answer.status).toBe(400);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/);
  expect(await answer.json()).toMatchObject({ error, error_description: expect.stringContaining('Client credentials missing') });
});

test('has no public keys, since its tokens are for itself', async () => {
  expect(await (await fetch(`${small.url}/oauth/jwks`)).json()).toEqual({ keys: [] });
});

test('leads browsers to the page where a password is changed', async () => {
  const answer = await fetch(`${small.url}/.well-known/change-password`, { redirect: 'manual' });
  expect(answer.status).toBe(302);
  expect(answer.headers.get('location')).toBe(`${small.url}/account/reset-password`);
});

test('lets paths pass that neither the provider nor we have', async () => {
  const answer = await fetch(`${small.url}/oauth/nothing`);
  expect(answer.status).toBe(404);
  expect(await answer.json()).toEqual({ error: 'NotFound', message: 'nothing is here: GET /oauth/nothing' });
});
