/** Tests of XRPC routes over real sockets: texts and statuses are those the reference PDS gives. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRequest, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { assert } from '@dunlin/protocol/base/assert';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { eventually } from '../../harness/wait.ts';
import { closeServices, openService as serve } from './open-service.ts';

afterEach(closeServices);

const did = 'did:plc:z6eko2jrh5l7gik7f33ff2ow';
const echoParams = (nsid: string): XrpcRoute => route(nsid, { handler: ({ params }) => ({ body: { params } }) });
const seen: unknown[] = [];
const keepInput = (nsid: string, maxBytes?: number): XrpcRoute => route(nsid, {
  ...(maxBytes !== undefined && { maxBytes }),
  handler: ({ input, encoding }) => {
    seen.push({ input, encoding });
    return { body: {} };
  },
});
const lastSeen = (): unknown => seen.at(-1);

async function post(url: string, body: string | Uint8Array | null, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<{ status: number; json: unknown; headers: Headers }> {
  const response = await fetch(url, { method: 'POST', headers, ...(body !== null && { body: body as string }) });
  const text = await response.text();
  return { status: response.status, json: text === '' ? null : JSON.parse(text), headers: response.headers };
}

async function get(url: string, init: RequestInit = {}): Promise<{ status: number; json: unknown; headers: Headers }> {
  const response = await fetch(url, init);
  return { status: response.status, json: await response.json(), headers: response.headers };
}

describe('parameters', () => {
  const noCheck = { validateOutput: false };

  test('are coerced to the types of the lexicon and get its defaults', async () => {
    const { url } = await serve([echoParams('com.atproto.repo.listRecords')], noCheck);
    const { json } = await get(`${url}/xrpc/com.atproto.repo.listRecords?repo=alice.test&collection=app.bsky.feed.post&limit=7&reverse=true&nobodyKnowsThis=1`);
    expect(json).toEqual({ params: { repo: 'alice.test', collection: 'app.bsky.feed.post', limit: 7, reverse: true } });
    const { json: defaults } = await get(`${url}/xrpc/com.atproto.repo.listRecords?repo=alice.test&collection=app.bsky.feed.post&cursor=`);
    expect(defaults).toEqual({ params: { repo: 'alice.test', collection: 'app.bsky.feed.post', limit: 50 } });
  });

  test('read repeated keys as a list, also when there is one', async () => {
    const { url } = await serve([echoParams('com.atproto.sync.getBlocks')], noCheck);
    const cid = cidForRaw(new Uint8Array([1])).toString();
    expect((await get(`${url}/xrpc/com.atproto.sync.getBlocks?did=${did}&cids=${cid}`)).json).toEqual({ params: { did, cids: [cid] } });
    expect((await get(`${url}/xrpc/com.atproto.sync.getBlocks?did=${did}&cids=${cid}&cids=${cid}`)).json).toEqual({ params: { did, cids: [cid, cid] } });
  });

  test.each([
    ['com.atproto.repo.getRecord', 'collection=a.b.c&rkey=x', 'Missing required key "repo"'],
    ['com.atproto.sync.getRepo', 'did=xx', 'Invalid DID (got "xx")'],
    ['com.atproto.repo.listRecords', 'repo=alice.test&collection=app.bsky.feed.post&limit=101', 'integer too big (maximum 100, got 101)'],
    ['com.atproto.repo.listRecords', 'repo=alice.test&collection=app.bsky.feed.post&limit=0', 'integer too small (minimum 1, got 0)'],
    ['com.atproto.repo.listRecords', 'repo=alice.test&collection=app.bsky.feed.post&limit=many', 'Expected integer value type (got "many")'],
    ['com.atproto.repo.listRecords', 'repo=alice.test&collection=app.bsky.feed.post&reverse=maybe', 'Expected boolean value type (got "maybe")'],
    ['com.atproto.repo.listRecords', 'repo=alice.test&repo=bob.test&collection=app.bsky.feed.post', '"repo" is given more than once'],
  ])('of %s are refused for %s', async (nsid, query, why) => {
    const { url } = await serve([echoParams(nsid)], noCheck);
    const { status, json } = await get(`${url}/xrpc/${nsid}?${query}`);
    expect(status).toBe(400);
    expect(json).toEqual({ error: 'InvalidRequest', message: `Invalid ${nsid} params: ${why}` });
  });

  test('take both ends of a bound', async () => {
    const { url } = await serve([echoParams('com.atproto.repo.listRecords')], noCheck);
    for (const limit of [1, 100]) {
      expect((await get(`${url}/xrpc/com.atproto.repo.listRecords?repo=a.test&collection=a.b.c&limit=${limit}`)).status).toBe(200);
    }
  });
});

describe('methods', () => {
  test('answer the wrong HTTP method in the words of the reference', async () => {
    const { url } = await serve([echoParams('com.atproto.server.describeServer'), keepInput('com.atproto.repo.createRecord')]);
    expect((await get(`${url}/xrpc/com.atproto.repo.createRecord`)).json).toEqual({ error: 'InvalidRequest', message: 'Incorrect HTTP method (GET) expected POST' });
    expect((await post(`${url}/xrpc/com.atproto.server.describeServer`, '{}')).json).toEqual({ error: 'InvalidRequest', message: 'Incorrect HTTP method (POST) expected GET' });
  });

  test('that nobody has are 501, or go to the fallback', async () => {
    const plain = await serve([]);
    expect(await get(`${plain.url}/xrpc/com.example.nothing`)).toMatchObject({ status: 501, json: { error: 'MethodNotImplemented' } });
    const passedOn = await serve([], { fallback: async (context) => { context.body = { passedOn: context.path }; } });
    expect((await get(`${passedOn.url}/xrpc/com.example.nothing`)).json).toEqual({ passedOn: '/xrpc/com.example.nothing' });
  });

  test('answer HEAD like GET, without a body', async () => {
    const { url } = await serve([echoParams('com.atproto.server.describeServer')], { validateOutput: false });
    const response = await fetch(`${url}/xrpc/com.atproto.server.describeServer`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  test('are counted by name, never by path', async () => {
    const server = await serve([echoParams('com.atproto.sync.getRepo')]);
    await get(`${server.url}/xrpc/com.atproto.sync.getRepo?did=xx`);
    await get(`${server.url}/xrpc/com.example.nothing`);
    const text = await server.metricsText();
    expect(text).toContain('test_xrpc_errors_total{method="com.atproto.sync.getRepo",error="InvalidRequest"} 1');
    expect(text).toContain('test_xrpc_errors_total{method="other",error="MethodNotImplemented"} 1');
    expect(text).not.toContain('example');
  });
});

const record = { repo: did, collection: 'com.example.thing', record: { a: 1 } };

/** A createRecord body whose record holds lists inside one another. */
function nested(depth: number): string {
  return JSON.stringify({ ...record, record: { a: '@' } }).replace('"@"', '['.repeat(depth) + ']'.repeat(depth));
}

/** A createRecord body of exactly so many bytes. */
function bodyOf(bytes: number): string {
  const bare = JSON.stringify({ ...record, rkey: 'r', record: { pad: '' } });
  return bare.replace('"pad":""', `"pad":"${'x'.repeat(bytes - bare.length)}"`);
}

/** A request that does not say how long its body is. */
function stream(text: string): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: Readable.toWeb(Readable.from([Buffer.from(text)])), duplex: 'half' } as unknown as RequestInit;
}

describe('input', () => {
  const create = 'com.atproto.repo.createRecord';

  test('arrives in lexicon form', async () => {
    const { url } = await serve([keepInput(create)], { validateOutput: false });
    const cid = cidForRaw(new Uint8Array([7])).toString();
    const given = { ...record, record: { link: { $link: cid }, bytes: { $bytes: 'AQI' }, image: { $type: 'blob', ref: { $link: cid }, mimeType: 'image/png', size: 5 } } };
    expect((await post(`${url}/xrpc/${create}`, JSON.stringify(given))).status).toBe(200);
    const { input } = lastSeen() as { input: { record: { link: { toString(): string }; bytes: Uint8Array; image: { mimeType: string } } } };
    expect(input.record.link.toString()).toBe(cid);
    expect([...input.record.bytes]).toEqual([1, 2]);
    expect(input.record.image.mimeType).toBe('image/png');
  });

  test.each([
    ['no body and no type', null, {}, 'Request encoding (Content-Type) required but not provided'],
    ['another type', 'hello', { 'content-type': 'text/plain' }, 'Wrong request encoding (Content-Type): text/plain'],
    ['a missing key', JSON.stringify({ repo: did, collection: 'a.b.c' }), undefined, 'Missing required key "record" at $'],
    ['a wrong type deep inside', JSON.stringify({ ...record, validate: 5 }), undefined, 'Expected boolean value type (got 5) at $.validate'],
    ['a string that is no identifier', JSON.stringify({ ...record, repo: '??' }), undefined, 'Invalid AT identifier (got "??") at $.repo'],
    ['a link that cannot be parsed', JSON.stringify({ ...record, record: { link: { $link: 'nonsense' } } }), undefined, 'body holds a link or bytes value that is not valid'],
    ['a whole number that is none', JSON.stringify({ ...record, record: { a: [2 ** 53] } }), undefined, 'body holds a whole number beyond 2^53 − 1'],
    ['a key that would set a prototype', '{"repo":"a.test","collection":"a.b.c","record":{"__proto__":{"x":1}}}', undefined, 'JSON has a key that is not allowed: "__proto__"'],
    ['a body that is not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), undefined, 'body is not UTF-8'],
    ['a body that is not an object', '7', undefined, 'Expected object value type (got 7) at $'],
  ])('with %s is refused', async (_name, body, headers, message) => {
    const { url } = await serve([keepInput(create)]);
    const { status, json } = await post(`${url}/xrpc/${create}`, body, headers);
    expect({ status, json }).toEqual({ status: 400, json: { error: 'InvalidRequest', message } });
  });

  test('that is no JSON gives SyntaxError with the parser’s sentence', async () => {
    const { url } = await serve([keepInput(create)]);
    const { status, json } = await post(`${url}/xrpc/${create}`, '{bad');
    expect(status).toBe(400);
    expect(json).toEqual({ error: 'SyntaxError', message: "Expected property name or '}' in JSON at position 1 (line 1 column 2)" });
  });

  test('that says it is JSON and is empty counts as an empty object, packed or not', async () => {
    const nsid = 'com.atproto.server.deactivateAccount';
    const { url } = await serve([keepInput(nsid), keepInput(create)], { validateOutput: false });
    for (const [body, more] of [['', {}], [gzipSync(''), { 'content-encoding': 'gzip' }]] as const) {
      expect((await post(`${url}/xrpc/${nsid}`, body, { 'content-type': 'application/json', ...more })).status).toBe(200);
      expect(lastSeen()).toEqual({ input: {}, encoding: 'application/json' });
    }
    expect(await post(`${url}/xrpc/${create}`, '')).toMatchObject({ status: 400, json: { error: 'InvalidRequest', message: 'Missing required key "repo" at $' } });
    expect(await post(`${url}/xrpc/${nsid}`, ' ')).toMatchObject({ status: 400, json: { error: 'SyntaxError' } });
  });

  test('is bounded in depth on both sides of the bound', async () => {
    const { url } = await serve([keepInput(create)], { validateOutput: false });
    expect((await post(`${url}/xrpc/${create}`, nested(126))).status).toBe(200);
    expect(await post(`${url}/xrpc/${create}`, nested(127))).toMatchObject({ status: 400, json: { message: 'JSON is nested too deeply' } });
  });

  test('is bounded in bytes: declared, streamed and unpacked, on both sides of the bound', async () => {
    const { url } = await serve([keepInput(create, 1_000)], { validateOutput: false });
    const tooLarge = { status: 413, json: { error: 'PayloadTooLarge', message: 'request entity too large: at most 1000 bytes' } };
    const target = `${url}/xrpc/${create}`;
    expect((await post(target, bodyOf(1_000))).status).toBe(200);
    expect(await post(target, bodyOf(1_001))).toMatchObject(tooLarge);
    expect((await fetch(target, stream(bodyOf(1_000)))).status).toBe(200);
    expect((await fetch(target, stream(bodyOf(1_001)))).status).toBe(413);
    const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect((await post(target, gzipSync(bodyOf(1_000)), packed)).status).toBe(200);
    expect(await post(target, gzipSync(bodyOf(1_001)), packed)).toMatchObject(tooLarge);
    expect(await post(target, gzipSync('0'.repeat(1_000_000)), packed)).toMatchObject(tooLarge);
  });

  test('that cannot be unpacked is refused', async () => {
    const { url } = await serve([keepInput(create)]);
    const target = `${url}/xrpc/${create}`;
    expect(await post(target, 'no gzip', { 'content-type': 'application/json', 'content-encoding': 'gzip' })).toMatchObject({ status: 400, json: { message: 'request body could not be unpacked' } });
    expect(await post(target, 'x', { 'content-type': 'application/json', 'content-encoding': 'lzma' })).toMatchObject({ status: 415 });
  });

  test('of methods without input may be missing, empty or {} and nothing else', async () => {
    const nsid = 'com.atproto.server.activateAccount';
    const { url } = await serve([route(nsid, { handler: () => undefined })]);
    for (const [body, headers] of [[null, {}], ['', {}], ['{}', undefined]] as const) {
      const answer = await post(`${url}/xrpc/${nsid}`, body, headers);
      expect(answer).toMatchObject({ status: 200, json: null });
      expect(answer.headers.get('content-type')).toBeNull();
    }
    expect(await post(`${url}/xrpc/${nsid}`, '{"a":1}')).toMatchObject({ status: 400, json: { message: 'A request body was provided when none was expected' } });
  });

  test('that is not JSON comes as a bounded stream', async () => {
    const nsid = 'com.atproto.repo.uploadBlob';
    const upload = route<Record<string, never>, Readable>(nsid, {
      maxBytes: 100_000,
      handler: async ({ input, encoding }) => {
        let bytes = 0;
        for await (const chunk of input) bytes += (chunk as Buffer).length;
        return { body: { bytes, encoding } };
      },
    });
    const { url } = await serve([upload], { validateOutput: false });
    const target = `${url}/xrpc/${nsid}`;
    expect((await post(target, Buffer.alloc(100_000), { 'content-type': 'image/png' })).json).toEqual({ bytes: 100_000, encoding: 'image/png' });
    expect((await post(target, Buffer.alloc(0), { 'content-type': 'text/plain' })).json).toEqual({ bytes: 0, encoding: 'text/plain' });
    expect((await post(target, Buffer.from('{}'), {})).json).toEqual({ bytes: 2, encoding: '*/*' });
    expect((await post(target, Buffer.alloc(100_001), { 'content-type': 'image/png' })).status).toBe(413);
    const body = Readable.toWeb(Readable.from([Buffer.alloc(60_000), Buffer.alloc(40_001)]));
    expect((await fetch(target, { method: 'POST', body, duplex: 'half' } as unknown as RequestInit)).status).toBe(413);
  });

  test('left unread by a handler does not spoil the connection', async () => {
    const nsid = 'com.atproto.repo.uploadBlob';
    const { url } = await serve([route(nsid, { handler: () => { throw new XrpcError(400, 'ExpiredToken', 'Token has expired'); } })]);
    const answer = await post(`${url}/xrpc/${nsid}`, Buffer.alloc(2_000_000), { 'content-type': 'image/png' });
    expect(answer).toMatchObject({ status: 400, json: { error: 'ExpiredToken' } });
    expect((await get(`${url}/_health`)).status).toBe(200);
  });
});

describe('answers', () => {
  const nsid = 'com.atproto.server.describeServer';

  test('turn CIDs, bytes and nested values into JSON of the data model', async () => {
    const cid = cidForRaw(new Uint8Array([1]));
    const { url } = await serve([route(nsid, { handler: () => ({ body: { cid, list: [new Uint8Array([1, 2])], left: undefined, text: 'x' } }) })], { validateOutput: false });
    expect((await get(`${url}/xrpc/${nsid}`)).json).toEqual({ cid: { $link: cid.toString() }, list: [{ $bytes: 'AQI' }], text: 'x' });
  });

  test('of raw bytes and streams keep their type, headers and status', async () => {
    let useStream = false;
    const bytes = Buffer.from('CARCAR');
    const { url } = await serve([route(nsid, { handler: () => ({ body: useStream ? Readable.from([bytes]) : new Uint8Array(bytes), encoding: 'application/vnd.ipld.car', headers: { 'x-more': 'yes' }, status: 203 }) })]);
    for (useStream of [false, true]) {
      const response = await fetch(`${url}/xrpc/${nsid}`);
      expect([response.status, response.headers.get('content-type'), response.headers.get('x-more'), await response.text()]).toEqual([203, 'application/vnd.ipld.car', 'yes', 'CARCAR']);
    }
  });

  test('can point elsewhere', async () => {
    const { url } = await serve([route(nsid, { handler: () => ({ redirect: 'https://pds.example/xrpc/x' }) })]);
    const response = await fetch(`${url}/xrpc/${nsid}`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, 'https://pds.example/xrpc/x']);
  });

  test('that the lexicon refuses fail in test runs', async () => {
    const { url } = await serve([route(nsid, { handler: () => ({ body: { did: 5 } }) })]);
    expect(await get(`${url}/xrpc/${nsid}`)).toMatchObject({ status: 500, json: { error: 'InvalidOutput' } });
  });

  test.each([
    ['an XrpcError', () => { throw new XrpcError(404, 'HostNotFound', 'no such host', { 'x-why': 'w' }); }, 404, { error: 'HostNotFound', message: 'no such host' }],
    ['a ProtocolError', () => { throw new ProtocolError('InvalidCid', 'cid too short: bytes=3'); }, 400, { error: 'InvalidRequest', message: 'cid too short: bytes=3' }],
    ['an unavailable identity', () => { throw new ProtocolError('IdentityUnavailable', 'directory does not answer'); }, 502, { error: 'UpstreamFailure', message: 'directory does not answer' }],
    ['anything else', () => { throw new Error('secret inner detail'); }, 500, { error: 'InternalServerError', message: 'Internal Server Error' }],
  ])('to %s say just what the caller may know', async (_name, handler, status, json) => {
    const { url } = await serve([route(nsid, { handler })]);
    expect(await get(`${url}/xrpc/${nsid}`)).toMatchObject({ status, json });
  });

  test('to a ProtocolError keep its code where the lexicon names it', async () => {
    const getRecord = 'com.atproto.repo.getRecord';
    const { url } = await serve([route(getRecord, { handler: () => { throw new ProtocolError('RecordNotFound', 'no such record'); } })]);
    const { status, json } = await get(`${url}/xrpc/${getRecord}?repo=a.test&collection=a.b.c&rkey=x`);
    expect({ status, json }).toEqual({ status: 400, json: { error: 'RecordNotFound', message: 'no such record' } });
  });

  test('to a failed assertion are 500, and the process is told', async () => {
    const told: string[] = [];
    const { url } = await serve([route(nsid, { handler: () => assert(false, 'cannot be') })], { onAssertionFailure: (failure) => void told.push(failure.message) });
    expect((await get(`${url}/xrpc/${nsid}`)).status).toBe(500);
    expect(told).toEqual(['cannot be']);
  });

  test('of methods with authentication are private, also when they refuse', async () => {
    const { url } = await serve([route(nsid, { auth: () => { throw new XrpcError(401, 'AuthMissing', 'Authentication Required'); }, handler: () => undefined })]);
    const { status, headers, json } = await get(`${url}/xrpc/${nsid}`);
    expect(status).toBe(401);
    expect(json).toEqual({ error: 'AuthMissing', message: 'Authentication Required' });
    expect(headers.get('cache-control')).toBe('private');
    expect(headers.get('vary')).toBe('Authorization');
  });

  test('have the caller’s credentials in hand', async () => {
    const { url } = await serve([route(nsid, { auth: async ({ headers, ip, nsid: method }) => ({ who: headers.authorization, ip, method }), handler: ({ auth }) => ({ body: auth }) })], { validateOutput: false });
    expect((await get(`${url}/xrpc/${nsid}`, { headers: { authorization: 'Bearer x', 'x-forwarded-for': '203.0.113.9' } })).json).toEqual({ who: 'Bearer x', ip: '203.0.113.9', method: nsid });
  });
});

describe('the app', () => {
  test('answers preflights with what was asked for', async () => {
    const { url } = await serve([]);
    const response = await fetch(`${url}/xrpc/any.thing`, { method: 'OPTIONS', headers: { 'access-control-request-headers': 'authorization,atproto-proxy,dpop' } });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization,atproto-proxy,dpop');
    expect(response.headers.get('access-control-max-age')).toBe('86400');
  });

  test('opens every answer to any origin and exposes the protocol’s headers', async () => {
    const { url } = await serve([]);
    const { headers, status, json } = await get(`${url}/nowhere`);
    expect(status).toBe(404);
    expect(json).toEqual({ error: 'NotFound', message: 'nothing is here: GET /nowhere' });
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-expose-headers')).toContain('DPoP-Nonce, WWW-Authenticate');
    expect(headers.get('server')).toBe('test/1');
  });

  test('says its version when healthy', async () => {
    const { url } = await serve([]);
    for (const path of ['/_health', '/xrpc/_health']) expect((await get(url + path)).json).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  test('limits calls with the headers of the reference', async () => {
    const limiter = new RateLimiter({ points: 2, windowMs: 60_000, clock: new ManualClock(1_000_000_000_000) });
    const nsid = 'com.atproto.server.describeServer';
    const { url } = await serve([route(nsid, { rateLimit: { limiter, key: ({ ip }: XrpcRequest) => ip }, handler: () => ({ body: {} }) })], { validateOutput: false });
    const first = await get(`${url}/xrpc/${nsid}`);
    expect(['limit', 'remaining', 'reset', 'policy'].map((name) => first.headers.get(`ratelimit-${name}`))).toEqual(['2', '1', '1000000030', '2;w=60']);
    expect((await get(`${url}/xrpc/${nsid}`)).status).toBe(200);
    const refused = await get(`${url}/xrpc/${nsid}`);
    expect(refused).toMatchObject({ status: 429, json: { error: 'RateLimitExceeded', message: 'Rate Limit Exceeded' } });
    expect(refused.headers.get('retry-after')).toBe('30');
  });
});

test('a caller that went away while it was found out who they are is gone for the handler', async () => {
  let letGo = (): void => undefined;
  const mayGo = new Promise<void>((resolve) => (letGo = resolve));
  let [isAsked, isClosed, isGone]: [boolean, boolean, boolean | null] = [false, false, null];
  const auth = async (): Promise<null> => {
    isAsked = true;
    await mayGo;
    return null;
  };
  const { url } = await serve([route('com.atproto.server.describeServer', { auth, handler: ({ signal }) => void (isGone = signal.aborted) })], {
    validateOutput: false,
    prepare: (app) => app.use((context, next) => {
      context.res.once('close', () => (isClosed = true));
      return next();
    }),
  });
  const abort = new AbortController();
  const asking = fetch(`${url}/xrpc/com.atproto.server.describeServer`, { signal: abort.signal }).catch(() => undefined);
  await eventually('who calls is looked at', () => isAsked);
  abort.abort();
  await asking;
  await eventually('the connection is closed', () => isClosed);
  letGo();
  await eventually('the handler ran', () => isGone !== null);
  expect(isGone).toBe(true);
});
