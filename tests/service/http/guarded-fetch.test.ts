/** Tests of fetching from strangers: which addresses are refused, redirects, bytes, time. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { LookupAddress } from 'node:dns';
import { gzipSync } from 'node:zlib';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { createGuardedFetch, type GuardedFetch, type GuardedFetchOptions } from '@dunlin/service/http/guarded-fetch';
import { eventually } from '../../harness/wait.ts';
import { closeServices, whenDone } from './open-app.ts';

afterEach(closeServices);

function open(o: GuardedFetchOptions = {}): GuardedFetch {
  const guarded = createGuardedFetch(o);
  whenDone(() => guarded.close());
  return guarded;
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  whenDone(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Resolves every name to these addresses. */
function resolvingTo(...addresses: string[]): NonNullable<GuardedFetchOptions['lookup']> {
  return (_hostname, _options, callback) => callback(null, addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })));
}

describe('a guarded fetch', () => {
  test.each([
    ['http://example.com/', 'scheme is not allowed: http'],
    ['file:///etc/passwd', 'scheme is not allowed: file'],
    ['https://127.0.0.1/', 'address is not on the public internet: host=127.0.0.1'],
    ['https://2130706433/', 'address is not on the public internet: host=127.0.0.1'],
    ['https://0x7f.1/', 'address is not on the public internet: host=127.0.0.1'],
    ['https://[::1]/', 'address is not on the public internet: host=[::1]'],
    ['https://[::ffff:10.0.0.1]/', 'address is not on the public internet: host=[::ffff:a00:1]'],
    ['https://169.254.169.254/latest/meta-data', 'address is not on the public internet: host=169.254.169.254'],
    ['https://user:pass@example.com/', 'address holds credentials'],
    ['https://localhost/', 'name is local: host=localhost'],
    ['https://x.localhost./', 'name is local: host=x.localhost.'],
    ['https://printer.local/', 'name is local: host=printer.local'],
    ['https://db.internal/', 'name is local: host=db.internal'],
  ])('refuses %s', async (url, why) => {
    await expect(open()(url)).rejects.toThrow(why);
  });

  test.each([[['127.0.0.1']], [['8.8.8.8', '10.0.0.1']], [['::ffff:192.168.0.1']], [[]]])('refuses a name that leads to %j', async (addresses) => {
    await expect(open({ lookup: resolvingTo(...addresses) })('https://sneaky.example/')).rejects.toThrow('name does not lead to the public internet: host=sneaky.example');
  });

  test('dials the very address that was judged, asking for the name once', async () => {
    const url = await serve((request, response) => void response.end(`host=${request.headers.host}`));
    let lookups = 0;
    const lookup: NonNullable<GuardedFetchOptions['lookup']> = (hostname, options, callback) => {
      lookups++;
      resolvingTo('127.0.0.1')(hostname, options, callback);
    };
    const guarded = open({ allowPrivate: true, lookup });
    const port = new URL(url).port;
    expect(await (await guarded(`http://pds.example:${port}/`)).text()).toBe(`host=pds.example:${port}`);
    expect(lookups).toBe(1);
  });

  test('passes method, headers, body and answer through', async () => {
    const url = await serve((request, response) => {
      let body = '';
      request.on('data', (data) => void (body += String(data)));
      request.on('end', () => {
        response.writeHead(201, { 'x-answer': 'yes', 'content-encoding': 'gzip' });
        response.end(gzipSync(JSON.stringify({ method: request.method, type: request.headers['content-type'], agent: request.headers['user-agent'], body })));
      });
    });
    const response = await open({ allowPrivate: true })(`${url}/x`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'hello' });
    expect([response.status, response.headers.get('x-answer'), response.url, response.redirected]).toEqual([201, 'yes', `${url}/x`, false]);
    expect(await response.json()).toEqual({ method: 'POST', type: 'text/plain', agent: expect.stringMatching(/^dunlin\//), body: 'hello' });
  });

  test('bounds the answer: declared, counted, unpacked; on both sides of the bound', async () => {
    const url = await serve((request, response) => {
      const bytes = Number(request.url?.slice(2));
      if (request.url?.startsWith('/d')) response.writeHead(200, { 'content-length': bytes });
      if (request.url?.startsWith('/z')) response.writeHead(200, { 'content-encoding': 'gzip' });
      const body = Buffer.alloc(bytes);
      response.end(request.url?.startsWith('/z') ? gzipSync(body) : body);
    });
    const guarded = open({ allowPrivate: true, maxBytes: 1_000 });
    for (const kind of ['d', 'c', 'z']) {
      expect((await (await guarded(`${url}/${kind}1000`)).arrayBuffer()).byteLength).toBe(1_000);
      await expect(guarded(`${url}/${kind}1001`).then((response) => response.arrayBuffer())).rejects.toThrow('answer is too large');
    }
  });

  test('bounds the time of the whole exchange: head and body', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests++;
      if (request.url === '/body') response.write('some');
    });
    const clock = new ManualClock();
    const guarded = open({ allowPrivate: true, timeoutMs: 60_000, clock });
    const head = guarded(`${url}/head`);
    await eventually('request', () => requests === 1);
    clock.advance(60_000);
    await expect(head).rejects.toThrow('no complete answer within 60000 ms');
    const body = await guarded(`${url}/body`);
    clock.advance(60_000);
    await expect(body.text()).rejects.toThrow('no complete answer within 60000 ms');
  });

  test('leaves no timer behind when all went well, and listens to the caller’s signal', async () => {
    const url = await serve((request, response) => void (request.url === '/ok' && response.end('x')));
    const clock = new ManualClock();
    const guarded = open({ allowPrivate: true, clock });
    await (await guarded(`${url}/ok`)).text();
    expect(clock.waiting).toBe(0);
    const abort = new AbortController();
    const answer = guarded(`${url}/hangs`, { signal: abort.signal });
    abort.abort(new Error('changed my mind'));
    await expect(answer).rejects.toThrow('changed my mind');
    expect(clock.waiting).toBe(0);
  });
});

describe('redirects', () => {
  test('are followed so far and no further', async () => {
    const url = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('there');
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    const guarded = open({ allowPrivate: true, maxRedirects: 3 });
    const response = await guarded(`${url}/3`);
    expect([await response.text(), response.redirected, response.url]).toEqual(['there', true, `${url}/0`]);
    await expect(guarded(`${url}/4`)).rejects.toThrow('too many redirects: max=3');
  });

  test('are judged again, every hop', async () => {
    const url = await serve((_request, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end());
    await expect(open({ allowPrivate: true })(url)).rejects.toThrow('scheme is not allowed: file');
  });

  test('are handed over or refused when asked', async () => {
    const url = await serve((_request, response) => void response.writeHead(302, { location: '/x' }).end());
    expect((await open({ allowPrivate: true })(url, { redirect: 'manual' })).status).toBe(302);
    await expect(open({ allowPrivate: true })(url, { redirect: 'error' })).rejects.toThrow('redirect was not expected');
  });

  test('take no credentials to another origin, but keep them at home', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end();
    });
    const url = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: request.url === '/a' ? '/b' : `${other}/c` }).end();
    });
    await open({ allowPrivate: true })(`${url}/a`, { headers: { authorization: 'Bearer x' } });
    expect(seen).toEqual(['Bearer x', 'Bearer x', undefined]);
  });

  test.each([[303, 'POST', 'GET '], [302, 'POST', 'GET '], [307, 'POST', 'POST hi'], [308, 'PUT', 'PUT hi']])('by %i turn %s into "%s"', async (status, method, wanted) => {
    const url = await serve((request, response) => {
      let body = '';
      request.on('data', (data) => void (body += String(data)));
      request.on('end', () => (request.url === '/b' ? response.end(`${request.method} ${body}`) : response.writeHead(status, { location: '/b' }).end()));
    });
    expect(await (await open({ allowPrivate: true })(`${url}/a`, { method, body: 'hi' })).text()).toBe(wanted);
  });
});
