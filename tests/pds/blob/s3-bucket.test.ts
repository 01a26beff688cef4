/** What a bucket answers that a good one does not, from a server that says what it is told: nothing of it is believed. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createRawExchange } from '@dunlin/service/http/raw-exchange';
import { createLogger } from '@dunlin/service/log/logger';
import { S3Bucket } from '../../../pds/src/blob/s3-bucket.ts';
import { S3Credentials } from '../../../pds/src/blob/s3-credentials.ts';
import { S3Requests } from '../../../pds/src/blob/s3-request.ts';

const exchange = createRawExchange({ allowPrivate: true, maxBytes: Number.MAX_SAFE_INTEGER, bodyTimeoutMs: 500 });
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const asked: string[] = [];
let failures = 0;
const log: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  request.resume();
  answer(request, response);
});
let bucket: S3Bucket;
beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const place = {
    bucket: 'blobs', region: 'auto', endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, isPathStyle: true,
    uploadTimeoutMs: 5_000, requestTimeoutMs: 5_000,
  };
  const credentials = new S3Credentials({ source: { kind: 'key', key: { accessKeyId: 'somebody', secretAccessKey: 'a secret', sessionToken: null } }, exchange, clock: systemClock });
  const requests = new S3Requests({ place, credentials, exchange, clock: systemClock, log: createLogger('pds', { destination: { write: (line) => void log.push(line) } }), onFailure: () => void failures++ });
  bucket = new S3Bucket({ name: 'blobs', reads: requests, writes: requests });
});
afterAll(async () => {
  await exchange.close();
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});
beforeEach(() => {
  asked.length = 0;
  failures = 0;
  log.length = 0;
});

const say = (body: string, { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {}) => (_request: IncomingMessage, response: ServerResponse): void =>
  void response.writeHead(status, headers).end(body);
const page = (inner: string): string => `<?xml version="1.0"?><ListBucketResult>${inner}</ListBucketResult>`;
const object = (key: string): string => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`;
const all = async (): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of bucket.list('blocks/')) keys.push(key);
  return keys;
};
const reasonOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (fault: { reason?: string }) => fault.reason ?? fault);

describe('a listing', () => {
  test('is read page by page to its end', async () => {
    answer = ({ url }, response) => {
      const token = new URL(url ?? '', 'http://x').searchParams.get('continuation-token');
      const next = { '': 'a+/=&', 'a+/=&': 'b' }[token ?? ''];
      response.end(page(`${object(`blocks/${token ?? 'first'}`.replace('&', '&amp;'))}<IsTruncated>${next !== undefined}</IsTruncated>${next === undefined ? '' : `<NextContinuationToken>${next.replace('&', '&amp;')}</NextContinuationToken>`}`));
    };
    expect(await all()).toEqual(['blocks/first', 'blocks/a+/=&', 'blocks/b']);
    expect(asked).toHaveLength(3);
  });

  test.each<[string, string]>([
    ['is a page for people', '<html>welcome to the proxy</html>'],
    ['is cut off', page('<IsTruncated>true</IsTruncated>')],
    ['goes round in circles', page('<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>')],
  ])('that %s is none, so that nothing is taken for missing', async (_what, body) => {
    answer = say(body);
    expect(await reasonOf(all())).toBe('bucket does not list what it has');
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  test('that has no end in bytes is not read to it', async () => {
    answer = (_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', write);
      };
      write();
    };
    expect(await reasonOf(all())).toBe('bucket\'s answer is too long: more than 8388608 bytes');
  });
});

test('an object of another size than the one that is known is none', async () => {
  answer = say('0123456789', { headers: { 'content-length': '10' } });
  expect(await bucket.get('x', 11)).toBeNull();
  answer = say('01', { status: 206, headers: { 'content-range': 'bytes 0-1/10', 'content-length': '2' } });
  expect(await bucket.get('x', 11, { start: 0, length: 2 })).toBeNull();
  const part = await bucket.get('x', 10, { start: 0, length: 2 });
  expect(Buffer.concat(await part!.toArray()).toString()).toBe('01');
  answer = say('0123456789', { headers: { 'content-length': '10' } });
  expect(await reasonOf(bucket.get('x', 10, { start: 0, length: 2 }))).toBe('bucket does not answer ranges');
});

test('an object whose bytes stop coming is not waited for longer than was set', async () => {
  answer = (_request, response) => void response.writeHead(200, { 'content-length': '10' }).write('01234');
  const body = await bucket.get('x', 10);
  const seen: string[] = [];
  await expect((async () => {
    for await (const chunk of body!) seen.push(String(chunk));
  })()).rejects.toThrow('Body Timeout');
  expect(seen.join('')).toBe('01234');
});

test('a copy that fails after it was begun well is no copy', async () => {
  answer = say('<Error><Code>InternalError</Code><Message>try again</Message></Error>');
  expect(await reasonOf(bucket.copy('a', 'b'))).toBe('bucket answered InternalError: try again');
  answer = say('<Error><Code>NoSuchKey</Code></Error>', { status: 404 });
  expect(await bucket.copy('a', 'b')).toBe(false);
});

test('a missing bucket is not a missing object', async () => {
  answer = say('<Error><Code>NoSuchBucket</Code></Error>', { status: 404 });
  expect(await reasonOf(bucket.get('x', 10))).toBe('bucket answered 404 NoSuchBucket');
  expect(await reasonOf(bucket.copy('a', 'b'))).toBe('bucket answered 404 NoSuchBucket');
  answer = say('<Error><Code>NoSuchKey</Code></Error>', { status: 404 });
  expect(await bucket.get('x', 10)).toBeNull();
});

test.each<[number, number]>([[500, 3], [503, 3], [429, 3], [403, 1], [301, 1], [400, 1]])('status %d is asked %d times, and counted once', async (status, times) => {
  answer = say('', { status });
  expect(await reasonOf(bucket.remove('x'))).toBe(`bucket answered ${status}`);
  expect([asked.length, failures]).toEqual([times, 1]);
  expect(log.map((line) => (JSON.parse(line) as { msg: string; reason: string })).map(({ msg, reason }) => [msg, reason])).toEqual([['blob storage failed', `bucket answered ${status}`]]);
  expect(log.join('')).not.toMatch(/somebody|a secret|Signature/);
});
