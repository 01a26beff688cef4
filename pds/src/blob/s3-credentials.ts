/**
 * What requests to a bucket are signed with: a key that was set, or a passing one of the machine's role, asked for where AWS hands it out
 * (ECS and EKS containers, EC2 instances, a web identity such as that of a Kubernetes account) and again before it runs out.
 * Those addresses are fixed, or the operator's: no stranger names them. Answers are bounded in time and bytes; nothing of them is logged.
 * Source: AWS documentation of IMDSv2, container credentials and AssumeRoleWithWebIdentity; names of variables as in AWS's own tools.
 */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { RawExchange, RawRequest } from '@dunlin/service/http/raw-exchange';
import { BlobStorageError } from './blob-files.ts';
import { first } from './s3-xml.ts';

/** A key, with the token that goes along with a passing one. */
export interface S3Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

/** Where a key comes from. */
export type S3KeySource =
  | { readonly kind: 'key'; readonly key: S3Key }
  /** `authorization` is a text, or the file it is in; null for none. */
  | { readonly kind: 'container'; readonly url: string; readonly authorization: { readonly text: string } | { readonly file: string } | null }
  | { readonly kind: 'instance'; readonly endpoint: string }
  | { readonly kind: 'webIdentity'; readonly roleArn: string; readonly tokenFile: string; readonly stsUrl: string };

/** How long before its end a passing key is asked for anew, in ms. */
export const renewBeforeMs = 5 * 60_000;

/** Longest wait for an answer, in ms. */
export const keyTimeoutMs = 5_000;

/** Largest answer, in bytes. */
const maxAnswerBytes = 65_536;

/** How soon after a failure it is tried again while the present key still holds, in ms. */
const retryMs = 30_000;

interface PassingKey extends S3Key {
  readonly endsAtMs: number;
}

/** Gives keys. */
export class S3Credentials {
  readonly #source: S3KeySource;
  readonly #exchange: RawExchange;
  readonly #clock: Clock;
  #present: PassingKey | null = null;
  #renewAtMs = 0;
  #asking: Promise<S3Key> | null = null;

  constructor(o: { source: S3KeySource; exchange: RawExchange; clock: Clock }) {
    this.#source = o.source;
    this.#exchange = o.exchange;
    this.#clock = o.clock;
  }

  /** Gives the key of now; one that still holds, while another is asked for. @throws BlobStorageError when there is none */
  async key(): Promise<S3Key> {
    if (this.#source.kind === 'key') return this.#source.key;
    const [present, nowMs] = [this.#present, this.#clock.nowMs()];
    if (present !== null && nowMs < this.#renewAtMs) return present;
    this.#asking ??= this.#renew().finally(() => (this.#asking = null));
    if (present === null || nowMs >= present.endsAtMs) return this.#asking;
    // Whoever asks when the present key holds no more hears of it.
    this.#asking.catch(() => undefined);
    return present;
  }

  /** Forgets a passing key that the bucket calls over; false when there is nothing to ask for anew. */
  forget({ accessKeyId }: S3Key): boolean {
    if (this.#source.kind === 'key') return false;
    if (this.#present?.accessKeyId === accessKeyId) this.#present = null;
    return true;
  }

  async #renew(): Promise<S3Key> {
    try {
      const key = await this.#ask(AbortSignal.timeout(keyTimeoutMs));
      this.#present = key;
      const nowMs = this.#clock.nowMs();
      this.#renewAtMs = Math.max(key.endsAtMs - renewBeforeMs, Math.min(nowMs + retryMs, key.endsAtMs));
      return key;
    } catch (fault) {
      const nowMs = this.#clock.nowMs();
      if (this.#present !== null && nowMs < this.#present.endsAtMs) {
        this.#renewAtMs = Math.min(nowMs + retryMs, this.#present.endsAtMs);
        return this.#present;
      }
      throw new BlobStorageError(`no key for the bucket from ${this.#source.kind}: ${reasonOf(fault)}`, { isRefusal: false, cause: fault });
    }
  }

  async #ask(signal: AbortSignal): Promise<PassingKey> {
    const source = this.#source;
    switch (source.kind) {
      case 'key':
        throw new Error('a key that was set is not asked for');
      case 'container': {
        const { authorization } = source;
        const text = authorization === null ? null : 'text' in authorization ? authorization.text : (await readFile(authorization.file, 'utf8')).trim();
        return keyOfJson(await this.#read(source.url, { method: 'GET', headers: text === null ? {} : { authorization: text } }, signal));
      }
      case 'instance': {
        const base = `${source.endpoint.replace(/\/+$/, '')}/latest`;
        const token = await this.#read(`${base}/api/token`, { method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '300', 'content-length': '0' } }, signal);
        const asked = { method: 'GET', headers: { 'x-aws-ec2-metadata-token': token.trim() } } as const;
        const [role = ''] = (await this.#read(`${base}/meta-data/iam/security-credentials/`, asked, signal)).trim().split('\n');
        if (role === '') throw new Error('the instance has no role');
        return keyOfJson(await this.#read(`${base}/meta-data/iam/security-credentials/${encodeURIComponent(role)}`, asked, signal));
      }
      case 'webIdentity': {
        // In the body, not the address: the token is a password.
        const form = new URLSearchParams({
          Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: source.roleArn, RoleSessionName: 'dunlin-pds',
          WebIdentityToken: (await readFile(source.tokenFile, 'utf8')).trim(),
        }).toString();
        const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(form)) };
        return keyOfXml(await this.#read(source.stsUrl, { method: 'POST', headers, body: form }, signal));
      }
    }
  }

  async #read(address: string, { body, ...request }: Pick<RawRequest, 'method' | 'headers'> & { body?: string }, signal: AbortSignal): Promise<string> {
    const { origin, pathname, search } = new URL(address);
    const answer = await this.#exchange({ ...request, origin, path: pathname + search, body: body === undefined ? null : Readable.from([Buffer.from(body)]), signal });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxAnswerBytes) throw new Error(`answer is longer than ${maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
    if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
    return Buffer.concat(chunks).toString('utf8');
  }
}

function keyOfJson(text: string): PassingKey {
  let said: Readonly<Record<string, unknown>>;
  try {
    said = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // The parser's own words would quote what was sent.
    throw new Error('answer is no JSON');
  }
  return keyOf(said?.['AccessKeyId'], said?.['SecretAccessKey'], said?.['Token'], said?.['Expiration']);
}

function keyOfXml(xml: string): PassingKey {
  return keyOf(first(xml, 'AccessKeyId'), first(xml, 'SecretAccessKey'), first(xml, 'SessionToken'), first(xml, 'Expiration'));
}

function keyOf(accessKeyId: unknown, secretAccessKey: unknown, sessionToken: unknown, expiration: unknown): PassingKey {
  const endsAtMs = typeof expiration === 'string' ? Date.parse(expiration) : Number.NaN;
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!isText(accessKeyId) || !isText(secretAccessKey) || !isText(sessionToken) || Number.isNaN(endsAtMs)) throw new Error('answer names no key');
  return { accessKeyId, secretAccessKey, sessionToken, endsAtMs };
}

function reasonOf(fault: unknown): string {
  const { message, code } = fault as NodeJS.ErrnoException;
  return message || code || 'unknown';
}
