/**
 * Bad input, everywhere: every method of every server gets nonsense, signed in and not, and answers with an XRPC error and a
 * sentence; never a 500, never a stack, never silence, and the server lives on.
 */
import { connect } from 'node:net';
import { schemas, type AtpAgent } from '@atproto/api';
import fc from 'fast-check';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';

let network: TestNetwork;
let alice: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
});
afterAll(() => network.close());

interface Method {
  id: string;
  type: 'query' | 'procedure';
}

/** Methods that end the account or the session the test itself uses. */
const ending = /deleteAccount|deactivateAccount|deleteSession/;
const documents = [...schemas, ...[...loadLexicons()].filter(({ id }) => id.startsWith('app.dunlin.'))] as { id: string; defs: Record<string, { type: string }> }[];
const methods: Method[] = documents
  .filter(({ id }) => /^(com\.atproto\.(server|repo|sync|identity|admin|label|moderation)|app\.dunlin\.live)\./.test(id) && !ending.test(id))
  .flatMap(({ id, defs }) => {
    const type = defs.main?.type;
    return type === 'query' || type === 'procedure' ? [{ id, type }] : [];
  });

const nastyStrings = ['', '\u0000', '../../etc/passwd', 'did:plc:', 'at://', "' OR 1=1 --", '💥'.repeat(300), 'x'.repeat(9_000), '%', '-1', '1e309', '__proto__'];
const nastyString = fc.oneof(fc.constantFrom(...nastyStrings), fc.string({ maxLength: 40, unit: 'grapheme' }));
const names = ['repo', 'did', 'handle', 'identifier', 'password', 'collection', 'rkey', 'record', 'cursor', 'limit', 'cid', 'cids', 'since', 'subject', 'room', 'writes', 'hostname', 'uri', 'token', 'aud', 'lxm', 'exp', '__proto__', 'constructor'];
const nastyParams = fc.array(fc.tuple(fc.constantFrom(...names), nastyString), { maxLength: 6 });
const nastyJson = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.constantFrom('', '{', '[]', 'null', '"x"', '1', '['.repeat(20_000), `{"a":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_001)}`, '{"repo":{"$link":"x"}}', '{"__proto__":{"admin":true}}'),
  fc.dictionary(fc.constantFrom(...names), fc.oneof(nastyString, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.object({ maxDepth: 2 }), { maxLength: 3 }))).map((body) => JSON.stringify(body)),
);
const contentTypes = fc.constantFrom('application/json', 'text/plain', 'application/cbor', '', 'application/vnd.ipld.car', '*/*', 'application/json; charset=utf-16');
const authorizations = fc.constantFrom('', 'own', 'Bearer x', 'Bearer ', 'Basic !!!', 'Basic YWRtaW46eA==', 'DPoP x', 'Bearer a.b.c', 'Bearer eyJhbGciOiJub25lIn0.e30.');

async function answersWell(base: string, method: Method, params: [string, string][], body: string, contentType: string, authorization: string): Promise<void> {
  const url = `${base}/xrpc/${method.id}?${new URLSearchParams(params)}`;
  const headers: Record<string, string> = {};
  if (authorization) headers.authorization = authorization === 'own' ? `Bearer ${alice.session?.accessJwt}` : authorization;
  if (method.type === 'procedure' && contentType) headers['content-type'] = contentType;
  const response = await fetch(url, {
    method: method.type === 'query' ? 'GET' : 'POST',
    headers,
    redirect: 'manual',
    ...(method.type === 'procedure' ? { body } : {}),
  });
  const text = await response.text();
  if (response.status < 400) return;
  const isServerFault = response.status >= 500 && ![501, 502].includes(response.status);
  if (isServerFault) throw new Error(`${response.status} from ${url}: ${text}`);
  const answer = JSON.parse(text) as { error?: unknown; message?: unknown };
  expect(typeof answer.error).toBe('string');
  expect(typeof answer.message).toBe('string');
  expect(text).not.toMatch(/\bat \S+ \(|node:internal|\.ts:\d+/);
}

const servers: [name: string, url: () => string][] = [
  ['pds', () => network.pds[0]],
  ['relay', () => network.relay],
  ['appview', () => network.appview],
];

test.each(servers)('%s answers nonsense on every method with an XRPC error', async (_name, url) => {
  for (const method of methods) {
    await fc.assert(
      fc.asyncProperty(nastyParams, nastyJson, contentTypes, authorizations, (params, body, contentType, authorization) =>
        answersWell(url(), method, params, body, contentType, authorization),
      ),
      { numRuns: 8 },
    );
  }
  expect((await fetch(`${url()}/xrpc/_health`)).status).toBe(200);
}, 120_000);

test.each(servers)('%s answers an unknown method, a wrong verb and a malformed NSID with an XRPC error', async (_name, url) => {
  for (const [path, verb] of [
    ['com.example.noSuchMethod', 'GET'],
    ['not-an-nsid', 'GET'],
    ['com.atproto.sync.listRepos', 'POST'],
    ['com.atproto.sync.requestCrawl', 'GET'],
    ['%00', 'GET'],
    ['', 'GET'],
  ]) {
    const response = await fetch(`${url()}/xrpc/${path}`, { method: verb });
    expect([path, response.status >= 400 && response.status <= 501]).toEqual([path, true]);
    expect(Object.keys((await response.json()) as object).sort()).toEqual(['error', 'message']);
  }
});

test.each(servers)('%s survives bytes that are no HTTP', async (_name, url) => {
  const { hostname, port } = new URL(url());
  for (const bytes of ['\x16\x03\x01\x02\x00', 'GET / HTTP/9.9\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`, 'POST /xrpc/a HTTP/1.1\r\ncontent-length: -5\r\n\r\n']) {
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(bytes));
      socket.on('close', () => resolve());
      socket.on('error', () => resolve());
      socket.resume();
    });
  }
  expect((await fetch(`${url()}/_health`)).status).toBe(200);
});
