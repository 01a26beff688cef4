/** Exchanges whose bytes pass through as they are, against a real server on a free port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRawExchange, type RawExchange } from '../../../service/src/http/raw-exchange.ts';

let server: Server;
let origin: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let exchange: RawExchange;
beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  exchange = createRawExchange({ allowPrivate: true, maxBytes: 1_000, headersTimeoutMs: 500, bodyTimeoutMs: 500 });
});
afterAll(async () => {
  await exchange.close();
  server.closeAllConnections();
  server.close();
});

async function bytesOf(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
const get = (o: { path?: string; through?: RawExchange } = {}): ReturnType<RawExchange> => (o.through ?? exchange)({ origin, path: o.path ?? '/', method: 'GET', headers: {}, body: null });

test('a packed answer stays packed, and the path is sent as it is', async () => {
  const packed = gzipSync('hello');
  let seen: string | undefined;
  answer = (request, response) => {
    seen = request.url;
    response.writeHead(200, { 'content-encoding': 'gzip', 'x-more': ['a', 'b'] }).end(packed);
  };
  const { status, headers, body } = await get({ path: '/xrpc/a.b.c?x=%2F&x=+' });
  expect([status, headers['content-encoding'], seen]).toEqual([200, 'gzip', '/xrpc/a.b.c?x=%2F&x=+']);
  expect(await bytesOf(body)).toEqual(packed);
});

test('a body is streamed out, redirects come back as they are', async () => {
  answer = (request, response) => {
    void bytesOf(request).then((bytes) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(bytes));
  };
  const { status, headers, body } = await exchange({ origin, path: '/', method: 'POST', headers: { 'content-type': 'text/plain' }, body: Readable.from([Buffer.from('one '), Buffer.from('two')]) });
  expect([status, headers['location'], (await bytesOf(body)).toString()]).toEqual([302, 'http://127.0.0.1:1/', 'one two']);
});

test('an answer of the largest size is read, a larger one fails', async () => {
  answer = (_request, response) => response.end(Buffer.alloc(1_000));
  expect(await bytesOf((await get()).body)).toHaveLength(1_000);
  answer = (_request, response) => response.write(Buffer.alloc(1_001), () => response.end());
  await expect(get().then(({ body }) => bytesOf(body))).rejects.toThrow();
});

test('a server that keeps silent, before or within its answer, is given up', async () => {
  answer = () => undefined;
  await expect(get()).rejects.toThrow(/Timeout/i);
  answer = (_request, response) => void response.writeHead(200).write('begun');
  await expect(get().then(({ body }) => bytesOf(body))).rejects.toThrow(/Timeout/i);
});

test('private addresses and plain http are refused unless allowed', async () => {
  const guarded = createRawExchange();
  await expect(get({ through: guarded })).rejects.toThrow('scheme is not allowed: http');
  await expect(guarded({ origin: 'https://127.0.0.1', path: '/', method: 'GET', headers: {}, body: null })).rejects.toThrow('not on the public internet');
  await expect(guarded({ origin: 'https://user:word@example.org', path: '/', method: 'GET', headers: {}, body: null })).rejects.toThrow('credentials');
  await guarded.close();
});
