/**
 * Requests to an S3 bucket: addressed, signed (AWS Signature 4), bounded in time, tried again when it may help.
 * A request whose body is a stream gets a fresh stream for each try. Nothing is said of keys and secrets in faults.
 * Not for what the requests mean (`s3-bucket.ts`). Source: the S3 REST API of AWS; aws4fetch signs, `service/http` carries.
 */
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { RawAnswer, RawExchange } from '@dunlin/service/http/raw-exchange';
import type { Logger } from '@dunlin/service/log/logger';
import { BlobStorageError } from './blob-files.ts';
import type { S3Credentials } from './s3-credentials.ts';
import { errorOf } from './s3-xml.ts';

/** Tries of one request, the first included. */
export const maxTries = 3;

/** Wait before the second try, in ms; it doubles with each further one, and a part of it is left to chance. */
const backOffMs = 250;

/** Largest answer that is read as text, in bytes: a page of a listing. */
const maxTextBytes = 8 * 1024 * 1024;

/** SHA-256 of nothing. */
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Where a bucket is. */
export interface S3Place {
  readonly bucket: string;
  readonly region: string;
  /** Null for AWS itself. */
  readonly endpoint: string | null;
  /** True puts the bucket's name into the path instead of the host name. */
  readonly isPathStyle: boolean;
  /** Longest time of a request that stores something, in ms. */
  readonly uploadTimeoutMs: number;
  /** Longest wait for the head of any other answer, in ms. */
  readonly requestTimeoutMs: number;
}

/** One request, as often as it is tried. */
export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Null asks the bucket itself. */
  readonly key: string | null;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent, with its SHA-256 in hex. */
  readonly body?: { readonly open: () => Readable; readonly length: number; readonly sha256: string };
}

/** The head of an answer, and its body as a stream. */
export type S3Answer = RawAnswer;

/** An answer that was read. */
export interface S3Text {
  readonly answer: S3Answer;
  readonly text: string;
}

/** Sends requests to one bucket. */
export class S3Requests {
  readonly #place: S3Place;
  readonly #credentials: S3Credentials;
  readonly #base: URL;
  readonly #exchange: RawExchange;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onFailure: () => void;
  /** Signing keys that were worked out, for aws4fetch. */
  readonly #keys = new Map<string, ArrayBuffer>();

  /** The clock must be right: a bucket refuses requests that are a quarter of an hour off. `onFailure` is told of each request that failed after all its tries. */
  constructor(o: { place: S3Place; credentials: S3Credentials; exchange: RawExchange; clock: Clock; log: Logger; onFailure: () => void }) {
    this.#place = o.place;
    this.#credentials = o.credentials;
    this.#base = baseUrl(o.place);
    this.#exchange = o.exchange;
    this.#clock = o.clock;
    this.#log = o.log;
    this.#onFailure = o.onFailure;
  }

  /** Sends a request and gives the answer with its text. @throws BlobStorageError */
  async text(request: S3Request): Promise<S3Text> {
    const found = await this.textIfPresent(request);
    if (found === null) throw new BlobStorageError('bucket does not know what it was asked for', { isRefusal: true });
    return found;
  }

  /** The same; null when there is no such object. */
  async textIfPresent(request: S3Request): Promise<S3Text | null> {
    return this.#repeat(request, async (signal) => {
      const answer = await this.#send(request, signal);
      return answer && { answer, text: await textOf(answer.body) };
    });
  }

  /** Sends a request and gives the answer when its head is there, null when there is no such object, or no such part of it. The body must be read or destroyed. @throws BlobStorageError */
  async streamIfPresent(request: S3Request): Promise<S3Answer | null> {
    return this.#repeat(request, (signal) => this.#send(request, signal));
  }

  async #repeat<T>(request: S3Request, once: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeoutMs = request.body === undefined ? this.#place.requestTimeoutMs : this.#place.uploadTimeoutMs;
    for (let tries = 1; ; tries++) {
      const abort = new AbortController();
      const timer = this.#clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)), { unref: true });
      try {
        return await once(abort.signal);
      } catch (fault) {
        const failure = fault instanceof BlobStorageError ? fault : new BlobStorageError(`bucket cannot be reached: ${reasonOf(fault)}`, { isRefusal: false, cause: fault });
        if (failure.isRefusal || tries === maxTries) {
          this.#onFailure();
          this.#log.warn({ method: request.method, tries, reason: failure.reason }, 'blob storage failed');
          throw failure;
        }
      } finally {
        timer.cancel();
      }
      await this.#clock.sleep(backOffMs * 2 ** (tries - 1) * (0.5 + Math.random()));
    }
  }

  async #send({ method, key, query = {}, headers = {}, body }: S3Request, signal: AbortSignal): Promise<S3Answer | null> {
    const { region } = this.#place;
    const signingKey = await this.#credentials.key();
    const { accessKeyId, secretAccessKey, sessionToken } = signingKey;
    // One a day and key, of which those before are of no use.
    if (this.#keys.size > 2) this.#keys.clear();
    const url = new URL(this.#base);
    if (key !== null) url.pathname = `${url.pathname}/${encodeKey(key)}`.replace(/^\/\//, '/');
    url.search = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
    const signer = new AwsV4Signer({
      method, url: url.href, accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }), region, service: 's3', cache: this.#keys,
      headers: { ...headers, 'x-amz-content-sha256': body?.sha256 ?? emptySha256 },
      datetime: new Date(this.#clock.nowMs()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    });
    const signed: Record<string, string> = Object.fromEntries((await signer.sign()).headers);
    if (body !== undefined || method === 'PUT' || method === 'POST') signed['content-length'] = String(body?.length ?? 0);
    const stream = body === undefined || body.length === 0 ? null : body.open();
    try {
      const answer = await this.#exchange({ origin: url.origin, path: url.pathname + url.search, method, headers: signed, body: stream, signal });
      return answer.status < 300 ? answer : await judge(answer, () => this.#credentials.forget(signingKey));
    } catch (fault) {
      // Not all of it may have been read, and nobody else has its file open.
      stream?.destroy();
      throw fault;
    }
  }
}

/** Gives null for an answer that says there is no such object; `forget` gives up a passing key that is over, if it was one. @throws BlobStorageError for every other that is none we hoped for */
async function judge({ status, body }: S3Answer, forget: () => boolean): Promise<null> {
  const { code, message } = errorOf(await textOf(body));
  if ((status === 404 && (code === '' || code === 'NoSuchKey')) || status === 416) return null;
  const isPassing = status >= 500 || status === 429 || code === 'RequestTimeout' || code === 'SlowDown' || (code === 'ExpiredToken' && forget());
  throw new BlobStorageError(`bucket answered ${status}${code && ` ${code}`}${message && `: ${message}`}`, { isRefusal: !isPassing });
}

/** Gives the address of a bucket; an endpoint that is an address has no names below it. */
export function baseUrl({ endpoint, region, bucket, isPathStyle }: Pick<S3Place, 'endpoint' | 'region' | 'bucket' | 'isPathStyle'>): URL {
  const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  const path = url.pathname.replace(/\/+$/, '');
  if (isPathStyle || isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) url.pathname = `${path}/${encode(bucket)}`;
  else url.host = `${bucket}.${url.host}`;
  return url;
}

/** Gives a key as it stands in an address or in a copy's source. */
export function encodeKey(key: string): string {
  return key.split('/').map(encode).join('/');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxTextBytes) throw new BlobStorageError(`bucket's answer is too long: more than ${maxTextBytes} bytes`, { isRefusal: true });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A fault of a connection to several addresses has no message of its own. */
function reasonOf(fault: unknown): string {
  const { message, code } = fault as NodeJS.ErrnoException;
  return message || code || String(fault);
}
