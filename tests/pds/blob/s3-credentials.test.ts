/** Keys for a bucket: where each comes from, how long it is used, and what happens when nobody gives one. */
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock, systemClock } from '@dunlin/protocol/base/clock';
import { silentLogger } from '@dunlin/service/log/logger';
import { createRawExchange } from '@dunlin/service/http/raw-exchange';
import { BlobStorageError } from '../../../pds/src/blob/blob-files.ts';
import { renewBeforeMs, S3Credentials, type S3Key, type S3KeySource } from '../../../pds/src/blob/s3-credentials.ts';
import { S3Requests } from '../../../pds/src/blob/s3-request.ts';
import { temporaryFolder } from '../../harness/temporary.ts';
import { eventually } from '../../harness/wait.ts';

const exchange = createRawExchange({ allowPrivate: true, maxBytes: Number.MAX_SAFE_INTEGER });
const clock = new ManualClock();
const hourMs = 3_600_000;
const asked: { what: string; headers: IncomingMessage['headers']; body: string }[] = [];
let answer: (what: string) => { status?: number; body: string } | null;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const what = `${request.method} ${request.url}`;
  asked.push({ what, headers: request.headers, body });
  const said = answer(what);
  if (said !== null) response.writeHead(said.status ?? 200).end(said.body);
});
let url: string;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await exchange.close();
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
  await folder.remove();
});
beforeEach(() => void (asked.length = 0));

let made = 0;
const json = (lifeMs: number): string => JSON.stringify({ Code: 'Success', AccessKeyId: `AK${++made}`, SecretAccessKey: 'hush', Token: `T${made}`, Expiration: new Date(clock.nowMs() + lifeMs).toISOString() });
const keys = (source: S3KeySource): S3Credentials => new S3Credentials({ source, exchange, clock });
const container = (authorization: Extract<S3KeySource, { kind: 'container' }>['authorization'] = null): S3KeySource => ({ kind: 'container', url: `${url}/v2/credentials/x?y=1`, authorization });
const reasonOf = (work: Promise<S3Key>): Promise<unknown> => work.then(() => null, (fault: unknown) => (fault instanceof BlobStorageError ? fault.reason : fault));

describe('a key comes', () => {
  test('from a container\'s address, with what is sent there from a file that is read each time', async () => {
    answer = () => ({ body: json(hourMs) });
    const file = join(folder.path, 'authorization');
    await writeFile(file, 'first\n');
    const credentials = keys(container({ file }));
    expect(await credentials.key()).toMatchObject({ accessKeyId: `AK${made}`, secretAccessKey: 'hush', sessionToken: `T${made}` });
    await writeFile(file, 'second\n');
    clock.advance(hourMs);
    await credentials.key();
    await keys(container({ text: 'third' })).key();
    await keys(container()).key();
    expect(asked.map(({ what, headers }) => [what, headers.authorization])).toEqual(['first', 'second', 'third', undefined].map((text) => ['GET /v2/credentials/x?y=1', text]));
  });

  test('from an instance, by a token of its own and the name of its role', async () => {
    answer = (what) => ({ body: what === 'PUT /latest/api/token' ? 'machine' : what.endsWith('/security-credentials/') ? 'the-role\n' : json(hourMs) });
    expect((await keys({ kind: 'instance', endpoint: `${url}/` }).key()).accessKeyId).toBe(`AK${made}`);
    expect(asked.map(({ what }) => what)).toEqual(['PUT /latest/api/token', 'GET /latest/meta-data/iam/security-credentials/', 'GET /latest/meta-data/iam/security-credentials/the-role']);
    expect(asked.slice(1).map(({ headers }) => headers['x-aws-ec2-metadata-token'])).toEqual(['machine', 'machine']);
  });

  test('for a web identity, whose token is in no address', async () => {
    const tokenFile = join(folder.path, 'token');
    await writeFile(tokenFile, 'a.web.token\n');
    answer = () => ({ body: `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKW</AccessKeyId><SecretAccessKey>a/b+c</SecretAccessKey><SessionToken>tok==</SessionToken><Expiration>${new Date(clock.nowMs() + hourMs).toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>` });
    const key = await keys({ kind: 'webIdentity', roleArn: 'arn:aws:iam::1:role/pds', tokenFile, stsUrl: `${url}/` }).key();
    expect(key).toMatchObject({ accessKeyId: 'AKW', secretAccessKey: 'a/b+c', sessionToken: 'tok==' });
    expect(asked[0]?.what).toBe('POST /');
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: 'arn:aws:iam::1:role/pds', RoleSessionName: 'dunlin-pds', WebIdentityToken: 'a.web.token' });
  });
});

describe('a passing key', () => {
  test('is asked for once by many, and anew five minutes before its end', async () => {
    answer = () => ({ body: json(hourMs) });
    const credentials = keys(container());
    const first = (await credentials.key()).accessKeyId;
    await Promise.all([credentials.key(), credentials.key()]);
    clock.advance(hourMs - renewBeforeMs - 1);
    expect((await credentials.key()).accessKeyId).toBe(first);
    clock.advance(1);
    await Promise.all([credentials.key(), credentials.key()]);
    await eventually('another is there', async () => (await credentials.key()).accessKeyId !== first);
    expect(asked).toHaveLength(2);
  });

  test('that still holds is not waited for while another is asked for', async () => {
    answer = () => ({ body: json(hourMs) });
    const credentials = keys(container());
    const first = await credentials.key();
    answer = () => null;
    clock.advance(hourMs - renewBeforeMs);
    const isAsked = eventually('another is asked for', () => asked.length === 2);
    expect(await Promise.race([credentials.key(), isAsked])).toBe(first);
    await isAsked;
  });

  test('goes on to its end when none follows, and not beyond', async () => {
    answer = () => ({ body: json(hourMs) });
    const credentials = keys(container());
    const first = await credentials.key();
    answer = () => ({ status: 500, body: 'no' });
    clock.advance(hourMs - renewBeforeMs);
    expect(await credentials.key()).toBe(first);
    expect(await credentials.key()).toBe(first);
    await eventually('another is asked for', () => asked.length === 2);
    clock.advance(renewBeforeMs - 1);
    expect(await credentials.key()).toBe(first);
    clock.advance(1);
    expect(await reasonOf(credentials.key())).toBe('no key for the bucket from container: answered 500');
  });

  test.each<[string, string, string]>([
    ['is no JSON', '<html>secret</html>', 'answer is no JSON'], ['is null', 'null', 'answer names no key'], ['names no end', '{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c"}', 'answer names no key'],
    ['is too long', 'x'.repeat(65_537), 'answer is longer than 65536 bytes'],
  ])('is none when the answer %s', async (_what, body, reason) => {
    answer = () => ({ body });
    expect(await reasonOf(keys(container()).key())).toBe(`no key for the bucket from container: ${reason}`);
  });

  test('that the bucket calls over is asked for anew, and the request tried again with it; its token is signed', async () => {
    answer = (what) => {
      if (what.startsWith('GET /v2/')) return { body: json(hourMs) };
      return asked.at(-1)?.headers['x-amz-security-token'] === `T${made}` && asked.length > 3 ? { body: 'here' } : { status: 400, body: '<Error><Code>ExpiredToken</Code><Message>it is over</Message></Error>' };
    };
    const place = { bucket: 'blobs', region: 'auto', endpoint: url, isPathStyle: true, uploadTimeoutMs: 5_000, requestTimeoutMs: 5_000 };
    const bucket = new S3Requests({ place, credentials: new S3Credentials({ source: container(), exchange, clock: systemClock }), exchange, clock: systemClock, log: silentLogger, onFailure: () => undefined });
    clock.advance(systemClock.nowMs() - clock.nowMs());
    expect((await bucket.text({ method: 'GET', key: 'a' })).text).toBe('here');
    const [before, after] = asked.filter(({ what }) => what === 'GET /blobs/a');
    expect(before?.headers['x-amz-security-token']).not.toBe(after?.headers['x-amz-security-token']);
    expect(after?.headers.authorization).toMatch(new RegExp(`Credential=AK${made}/.*SignedHeaders=[^,]*x-amz-security-token`));
  });
});
