/** Tests of calling other services: parameters, errors by name, time and bytes. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { xrpcGet, xrpcPost } from '@dunlin/service/xrpc/call';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { eventually } from '../../harness/wait.ts';
import { closeServices, openService } from './open-service.ts';

afterEach(closeServices);

const get = 'com.atproto.repo.listRecords';
const post = 'com.atproto.sync.requestCrawl';
const params = { repo: 'alice.test', collection: 'a.b.c' };

async function open(...routes: XrpcRoute[]): Promise<{ service: string; fetch: typeof fetch }> {
  const { url } = await openService(routes, { validateOutput: false });
  return { service: url, fetch };
}

async function faultOf(call: Promise<unknown>): Promise<{ status: number; error: string; message: string }> {
  const error: unknown = await call.then(() => null, (thrown: unknown) => thrown);
  if (!(error instanceof XrpcError)) throw new Error(`not an XrpcError: ${String(error)}`);
  return { status: error.status, error: error.error, message: error.message };
}

/** A service that always says the same. */
function answering(body: string, status = 200): () => Promise<Response> {
  return async () => new Response(body, { status });
}

describe('a call', () => {
  test('sends parameters and headers and gives the parsed answer', async () => {
    const o = await open(route(get, { handler: ({ params: seen, headers }) => ({ body: { seen, who: headers['x-who'] } }) }));
    expect(await xrpcGet(get, { ...params, limit: 3, reverse: true, cursor: undefined }, { ...o, headers: { 'x-who': 'me' } })).toEqual({
      seen: { ...params, limit: 3, reverse: true }, who: 'me',
    });
  });

  test('posts JSON and gives null for an empty answer', async () => {
    let seen: unknown = null;
    const o = await open(route(post, { handler: ({ input }) => void (seen = input) }));
    expect(await xrpcPost(post, { hostname: 'pds.example' }, o)).toBeNull();
    expect(seen).toEqual({ hostname: 'pds.example' });
  });

  test('gives the error of the other side by name, with its Retry-After', async () => {
    const o = await open(route(get, { handler: () => { throw new XrpcError(429, 'RateLimitExceeded', 'slow down', { 'retry-after': '7' }); } }));
    const error: unknown = await xrpcGet(get, params, o).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 429, error: 'RateLimitExceeded', message: 'slow down', headers: { 'retry-after': '7' } });
  });

  test('tells when the other side does not speak XRPC', async () => {
    expect(await faultOf(xrpcGet(get, {}, { service: 'https://x.example', fetch: answering('<html>Bad Gateway</html>', 503) }))).toEqual({ status: 503, error: 'UpstreamFailure', message: 'service answered 503' });
    expect(await faultOf(xrpcGet(get, {}, { service: 'https://x.example', fetch: answering('hello') }))).toMatchObject({ status: 502, message: 'answer is not JSON: host=x.example' });
  });

  test('is 502 when nobody answers', async () => {
    expect(await faultOf(xrpcGet(get, {}, { service: 'https://x.example', fetch: () => Promise.reject(new TypeError('fetch failed')) }))).toEqual({ status: 502, error: 'UpstreamFailure', message: 'service does not answer: host=x.example' });
  });

  test('ends when its time is over, and when its caller gives up', async () => {
    let requests = 0;
    const o = await open(route(get, { handler: () => { requests++; return new Promise(() => undefined); } }));
    const clock = new ManualClock();
    const late = faultOf(xrpcGet(get, params, { ...o, clock, timeoutMs: 5_000 }));
    await eventually('request', () => requests === 1);
    clock.advance(5_000);
    expect(await late).toMatchObject({ status: 502 });
    const abort = new AbortController();
    const given = xrpcGet(get, params, { ...o, clock, signal: abort.signal });
    abort.abort(new Error('never mind'));
    await expect(given).rejects.toThrow('never mind');
    expect(clock.waiting).toBe(0);
  });

  test('bounds the answer in bytes, on both sides of the bound', async () => {
    const body = JSON.stringify({ x: 'y'.repeat(100) });
    const o = { service: 'https://x.example', fetch: answering(body) };
    expect(await xrpcGet(get, {}, { ...o, maxBytes: body.length })).toEqual(JSON.parse(body));
    expect(await faultOf(xrpcGet(get, {}, { ...o, maxBytes: body.length - 1 }))).toMatchObject({ status: 502, message: `answer is too large: max=${body.length - 1}` });
  });
});
