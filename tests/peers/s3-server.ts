/**
 * An S3 server on loopback for tests: `s3rver` from npm keeps the objects, and before it stands a gate of ours that checks what s3rver
 * does not: every request's Signature 4, computed anew from the bytes on the wire, and the hash of its body. The gate can also make trouble.
 * Not for more than tests hold in memory. Source: ours; AWS documentation of Signature 4.
 */
import { createHash, createHmac } from 'node:crypto';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { temporaryFolder } from '../harness/temporary.ts';

interface S3rver {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}
const S3rverServer = createRequire(import.meta.url)('s3rver') as new (options: object) => S3rver;

/** The one key that is known; s3rver chose its name. */
export const s3Key = { accessKeyId: 'S3RVER', secretAccessKey: 'a secret that must be nowhere' };

/** What the gate does to a request: refuse it with a status, be silent, do it and be silent, or pass on half of the answer. */
export type Trouble = number | 'silence' | 'swallow' | 'cut' | null;

export interface S3Server {
  /** Endpoint, with a path-style bucket `blobs`. */
  readonly url: string;
  /** `METHOD /path?query` of each request that came, in order. */
  readonly asked: string[];
  /** Asked for each request. */
  trouble: (asked: string) => Trouble;
  /** Keys in the bucket, in order. */
  keys(): Promise<string[]>;
  /** Removes an object behind everybody's back. */
  remove(key: string): Promise<void>;
  /** Puts an object behind everybody's back. */
  put(key: string, bytes: Buffer): Promise<void>;
  /** Stops answering at all, and answers again on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The settings of a PDS whose blobs are to lie there. */
export function s3Settings({ url }: S3Server, more: Record<string, string> = {}): Record<string, string> {
  return {
    PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_ENDPOINT: url, PDS_BLOBSTORE_S3_FORCE_PATH_STYLE: 'true', PDS_BLOBSTORE_S3_REGION: 'eu-central-1',
    PDS_BLOBSTORE_S3_ACCESS_KEY_ID: s3Key.accessKeyId, PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: s3Key.secretAccessKey, ...more,
  };
}

/** Starts one with an empty bucket `blobs`. */
export async function startS3(): Promise<S3Server> {
  const folder = await temporaryFolder();
  const store = new S3rverServer({ address: '127.0.0.1', port: 0, silent: true, directory: folder.path, configureBuckets: [{ name: 'blobs' }] });
  const { port: storePort } = await store.run();
  const asked: string[] = [];
  let server: Server;
  let port = 0;
  const s3: S3Server = {
    get url() { return `http://127.0.0.1:${port}`; },
    asked,
    trouble: () => null,
    async keys() {
      const xml = await direct(storePort, 'GET', '/blobs?list-type=2&max-keys=1000');
      return [...xml.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? '');
    },
    remove: async (key) => void (await direct(storePort, 'DELETE', `/blobs/${key}`)),
    put: async (key, bytes) => void (await direct(storePort, 'PUT', `/blobs/${key}`, bytes)),
    async start() {
      server = createServer((request, response) => void answer(s3, storePort, request, response));
      await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
      ({ port } = server.address() as AddressInfo);
    },
    stop: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    }),
    async close() {
      await s3.stop();
      await store.close();
      await folder.remove();
    },
  };
  await s3.start();
  return s3;
}

async function answer(s3: S3Server, storePort: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const what = `${request.method} ${request.url}`;
  s3.asked.push(what);
  const trouble = s3.trouble(what);
  if (trouble === 'silence') return;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return;
  }
  const body = Buffer.concat(chunks);
  const refusal = typeof trouble === 'number' ? { status: trouble, code: trouble < 500 ? 'AccessDenied' : 'SlowDown' } : refusalOf(request, body);
  if (refusal !== null) {
    response.writeHead(refusal.status, { 'content-type': 'application/xml' });
    return void response.end(request.method === 'HEAD' ? '' : `<?xml version="1.0"?><Error><Code>${refusal.code}</Code><Message>no, because</Message></Error>`);
  }
  const passed = httpRequest({ port: storePort, host: '127.0.0.1', method: request.method, path: request.url, headers: request.headers }, (back) => {
    if (trouble === 'swallow') return void back.resume();
    response.writeHead(back.statusCode ?? 500, back.headers);
    if (trouble !== 'cut') return void back.pipe(response);
    back.once('data', (chunk: Buffer) => {
      back.destroy();
      response.write(chunk.subarray(0, chunk.length / 2), () => response.destroy());
    });
  });
  passed.on('error', () => response.destroy());
  passed.end(body);
}

/** Gives why a request is not to be believed, or null. */
function refusalOf({ method = '', url = '', headers }: IncomingMessage, body: Buffer): { status: number; code: string } | null {
  const [, credential = '', signedHeaders = '', signature = ''] = /Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)/.exec(headers.authorization ?? '') ?? [];
  const [accessKeyId, date = '', region = '', service = ''] = credential.split('/');
  if (accessKeyId !== s3Key.accessKeyId) return { status: 403, code: accessKeyId ? 'InvalidAccessKeyId' : 'AccessDenied' };
  const payload = String(headers['x-amz-content-sha256']);
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== sha256(body)) return { status: 400, code: 'XAmzContentSHA256Mismatch' };
  const canonical = [method, canonicalPath(url), canonicalQuery(url), ...canonicalHeaders(headers, signedHeaders), '', signedHeaders, payload].join('\n');
  const scope = [date, region, service, 'aws4_request'].join('/');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(Buffer.from(canonical))].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<Buffer | string>((last, part) => createHmac('sha256', last).update(part).digest(), `AWS4${s3Key.secretAccessKey}`);
  return createHmac('sha256', key).update(toSign).digest('hex') === signature ? null : { status: 403, code: 'SignatureDoesNotMatch' };
}

const encode = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const canonicalPath = (url: string): string => (url.split('?')[0] ?? '').split('/').map((part) => encode(decodeURIComponent(part))).join('/');
const canonicalQuery = (url: string): string =>
  (url.split('?')[1] ?? '').split('&').filter((pair) => pair !== '')
    .map((pair) => pair.split('=').map((part) => encode(decodeURIComponent(part)))).map(([name = '', value = '']) => `${name}=${value}`).sort().join('&');
const canonicalHeaders = (headers: IncomingHttpHeaders, signed: string): string[] => signed.split(';').map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Asks the store itself, which lets nobody in but whoever names the key. */
function direct(port: number, method: string, path: string, body?: Buffer): Promise<Buffer> {
  const authorization = `AWS4-HMAC-SHA256 Credential=${s3Key.accessKeyId}/20260101/x/s3/aws4_request, SignedHeaders=host, Signature=0`;
  const headers = { authorization, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-date': new Date().toISOString().replace(/[:-]|\.\d{3}/g, ''), ...(body && { 'content-length': body.length }) };
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ port, host: '127.0.0.1', method, path, headers }, (back) => {
      const chunks: Buffer[] = [];
      back.on('data', (chunk: Buffer) => void chunks.push(chunk));
      back.on('end', () => resolve(Buffer.concat(chunks)));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
