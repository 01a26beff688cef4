/** Tests of the listener: bounds against slow and greedy clients, and a close that drains. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { closeServices, openApp, whenDone } from './open-app.ts';
import { eventually } from '../../harness/wait.ts';

afterEach(closeServices);

/** Sends raw bytes and gives all that comes back until the server ends the socket. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  whenDone(() => void socket.destroy());
  let answer = '';
  socket.on('data', (data) => void (answer += String(data)));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

function longRequest(bytes: number): string {
  return `GET /_health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ${'x'.repeat(bytes)}\r\n\r\n`;
}

describe('a fault', () => {
  const faultPage = ({ status, message }: { status: number; message: string }) => ({ html: `<p>${status} ${message}</p>`, headers: { 'x-page': 'yes' } });
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

  test('is a page for whoever would rather have one, and JSON for all others and for methods', async () => {
    const { url } = await openApp({ faultPage });
    const answer = async (path: string, accept: string): Promise<string> => {
      const { status, headers } = await fetch(`${url}${path}`, { headers: { accept } });
      return `${status} ${headers.get('content-type')} ${headers.get('x-page')} ${headers.get('vary')}`;
    };
    expect(await answer('/nowhere', browser)).toMatch(/^404 text\/html; charset=utf-8 yes .*accept/i);
    for (const accept of ['*/*', 'application/json', 'text/html;q=0.5, application/json']) expect(await answer('/nowhere', accept)).toMatch(/^404 application\/json; charset=utf-8 null/);
    expect(await answer('/xrpc/com.example.nothing', browser)).toMatch(/^404 application\/json; charset=utf-8 null/);
  });

  test('is JSON for browsers too where no page is given', async () => {
    const { url } = await openApp();
    expect((await fetch(`${url}/nowhere`, { headers: { accept: browser } })).headers.get('content-type')).toBe('application/json; charset=utf-8');
  });
});

describe('the listener', () => {
  test('takes any free port and tells it', async () => {
    const service = await openApp();
    expect(service.port).toBeGreaterThan(0);
    expect(service.url).toBe(`http://127.0.0.1:${service.port}`);
  });

  test('fails to start on a port that is taken', async () => {
    const { port } = await openApp();
    await expect(openApp({ port })).rejects.toThrow('EADDRINUSE');
  });

  test('gives a client so long for the head of its request', async () => {
    const { port } = await openApp({ headersTimeoutMs: 100, requestTimeoutMs: 200 });
    expect(await exchange(port, 'GET /_health HTTP/1.1\r\nHost: x\r\nX-Slow: ')).toContain('408 Request Timeout');
  });

  test('bounds the head of a request in bytes, on both sides of the bound', async () => {
    const { port } = await openApp({ maxHeaderBytes: 4_096 });
    expect(await exchange(port, longRequest(3_900))).toContain('200 OK');
    expect(await exchange(port, longRequest(4_200))).toContain('431 Request Header Fields Too Large');
  });

  test('refuses more connections than allowed', async () => {
    const { port, url } = await openApp({ maxConnections: 1 });
    const first = connect(port, '127.0.0.1');
    whenDone(() => void first.destroy());
    first.write('GET /_health HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(first, 'data');
    await expect(fetch(`${url}/_health`)).rejects.toThrow();
  });

  test('closes a socket on which nothing moves', async () => {
    const { port } = await openApp({ idleTimeoutMs: 50, prepare: (app) => app.use(() => new Promise(() => undefined)) });
    expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
  });

  test('survives a request that is no HTTP', async () => {
    const { port, url } = await openApp();
    expect(await exchange(port, '\x16\x03\x01 nonsense\r\n\r\n')).toContain('400 Bad Request');
    expect((await fetch(`${url}/_health`)).status).toBe(200);
  });
});

describe('close', () => {
  test('lets a request finish and takes no new one', async () => {
    const { promise: waiting, resolve: finish } = Promise.withResolvers<void>();
    let isThere = false;
    const service = await openApp({
      prepare: (app) => app.use(async (context, next) => {
        if (context.path !== '/slow') return next();
        isThere = true;
        await waiting;
        context.body = 'done';
      }),
    });
    const answer = fetch(`${service.url}/slow`);
    await eventually('request is there', () => isThere);
    const closing = service.close();
    await expect(fetch(`${service.url}/_health`)).rejects.toThrow();
    finish();
    expect(await (await answer).text()).toBe('done');
    await closing;
  });

  test('ends at once a connection on which nothing was ever sent', async () => {
    const service = await openApp({ drainMs: 60_000 });
    const socket = connect(service.port, '127.0.0.1');
    whenDone(() => void socket.destroy());
    await once(socket, 'connect');
    await eventually('the server has seen it', async () => new Promise<boolean>((resolve) => service.server.getConnections((_fault, count) => resolve(count > 0))));
    const ended = once(socket, 'close');
    await service.close();
    await ended;
  });

  test('cuts what is left after drainMs', async () => {
    let isThere = false;
    const service = await openApp({
      drainMs: 30,
      prepare: (app) => app.use(async () => {
        isThere = true;
        await new Promise(() => undefined);
      }),
    });
    const answer = fetch(`${service.url}/never`).catch((error: unknown) => String(error));
    await eventually('request is there', () => isThere);
    await service.close();
    expect(await answer).toContain('fetch failed');
  });

  test('may be called again', async () => {
    const service = await openApp();
    await Promise.all([service.close(), service.close()]);
  });
});

describe('an answer', () => {
  test('whose stream fails is cut, so that nobody takes it for whole', async () => {
    const { url } = await openApp({
      prepare: (app) => app.use(async (context, next) => {
        if (context.path !== '/broken') return next();
        context.body = Readable.from((async function* () {
          yield 'some ';
          throw new Error('disk gone');
        })());
      }),
    });
    await expect(fetch(`${url}/broken`).then((response) => response.text())).rejects.toThrow();
    expect((await fetch(`${url}/_health`)).status).toBe(200);
  });

  test('is measured by route', async () => {
    const service = await openApp();
    await (await fetch(`${service.url}/_health`)).text();
    await (await fetch(`${service.url}/secret/path`)).text();
    const text = await service.metricsText();
    expect(text).toContain('test_http_request_seconds_count{route="/_health",status="200"} 1');
    expect(text).toContain('test_http_request_seconds_count{route="other",status="404"} 1');
  });
});
