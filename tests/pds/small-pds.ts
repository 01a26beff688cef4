/**
 * A PDS with its own PLC directory in this process, on free ports and temporary data, and the ways tests speak to it:
 * the real `@atproto/api` agent, plain calls whose answers are looked at byte for byte, and a subscriber of its events.
 * Not for: tests of a whole network (harness/network.ts).
 * Source: ours.
 */
import { AtpAgent } from '@atproto/api';
import type { Clock } from '@dunlin/protocol/base/clock';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import type { ErrorFrame, StreamEvent, UnknownFrame } from '@dunlin/protocol/stream/event';
import { createLogger } from '@dunlin/service/log/logger';
import { WebSocket } from 'ws';
import { startPds, type RunningPds } from '../../pds/src/pds.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import type { PdsParts } from '../../pds/src/wiring/stage.ts';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed JSON where the answer is JSON, else null. */
  json: Record<string, unknown>;
  bytes: Buffer;
}

export interface CallOptions {
  params?: Record<string, string | number | string[]>;
  /** JSON, or bytes sent as they are. */
  body?: object | Buffer | string;
  token?: string;
  headers?: Record<string, string>;
  method?: string;
}

export interface Person {
  agent: AtpAgent;
  did: string;
  token: string;
  refreshToken: string;
}

export interface SmallPds {
  pds: RunningPds;
  plc: RunningPlc;
  url: string;
  dataDirectory: string;
  /** GET without a body, POST with one, unless told. */
  call(nsid: string, options?: CallOptions): Promise<Answer>;
  newPerson(name: string): Promise<Person>;
  admin: Record<string, string>;
  /** Lines of the log that someone must act on; a test that expects some takes them out, else `close` throws. */
  errors: string[];
  /** Closes the server and starts it again on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts one; handles are under `.test`. */
export async function startSmallPds(o: { clock?: Clock; environment?: Record<string, string>; resolveTxt?: (name: string) => Promise<string[][]>; fetch?: typeof globalThis.fetch; moving?: Pick<PdsParts, 'movePace' | 'moveTurnMs'> } = {}): Promise<SmallPds> {
  const folder = await temporaryFolder();
  const errors: string[] = [];
  const log = createLogger('pds', { level: 'error', destination: { write: (line) => void errors.push(line) } });
  const parts = { log, ...(o.clock && { clock: o.clock }), ...(o.resolveTxt && { resolveTxt: o.resolveTxt }) };
  const outward = { ...parts, ...o.moving, ...(o.fetch && { fetch: o.fetch }) };
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, parts);
  const start = (): Promise<RunningPds> => startPds(readPdsConfig({
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_DEV_MODE: 'true',
    PDS_SERVICE_HANDLE_DOMAINS: '.test,.example', PDS_ADMIN_PASSWORD: 'operator', ...o.environment,
  }), outward);
  let pds = await start();
  const small: SmallPds = {
    plc,
    dataDirectory: folder.path,
    errors,
    get pds() { return pds; },
    get url() { return pds.url; },
    admin: { authorization: `Basic ${Buffer.from('admin:operator').toString('base64')}` },
    call: (nsid, options = {}) => call(pds.url, nsid, options),
    newPerson: (name) => newPerson(pds.url, name),
    async restart() {
      await pds.close();
      pds = await start();
    },
    async close() {
      await pds.close();
      await plc.close();
      await folder.remove();
      if (errors.length > 0) throw new Error(`the log asks someone to act:\n${errors.join('')}`);
    },
  };
  return small;
}

/** Makes one call and gives the whole answer. */
export async function call(url: string, nsid: string, { params = {}, body, token, headers = {}, method }: CallOptions = {}): Promise<Answer> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) for (const each of [value].flat()) query.append(name, String(each));
  const isRaw = Buffer.isBuffer(body) || typeof body === 'string';
  const response = await fetch(`${url}/xrpc/${nsid}${query.size > 0 ? `?${query}` : ''}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true && bytes.length > 0;
  return { status: response.status, headers: response.headers, json: isJson ? (JSON.parse(bytes.toString()) as Answer['json']) : {}, bytes };
}

async function newPerson(url: string, name: string): Promise<Person> {
  const agent = new AtpAgent({ service: url });
  const { data } = await agent.createAccount({ handle: `${name}.test`, email: `${name}@people.org`, password: `${name} password` });
  return { agent, did: data.did, token: data.accessJwt, refreshToken: data.refreshJwt };
}

export type Seen = StreamEvent | ErrorFrame | UnknownFrame;

/** A subscriber that keeps everything it sees. */
export class Subscriber {
  readonly seen: Seen[] = [];
  readonly frames: Buffer[] = [];
  readonly #socket: WebSocket;
  closed: { code: number; reason: string } | null = null;

  constructor(url: string, cursor?: number) {
    const query = cursor === undefined ? '' : `?cursor=${cursor}`;
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos${query}`);
    this.#socket.on('message', (data: Buffer) => {
      this.frames.push(data);
      this.seen.push(decodeEvent(data));
    });
    this.#socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
    this.#socket.on('error', () => undefined);
  }

  async opened(): Promise<this> {
    await eventually('the subscriber is connected', () => this.#socket.readyState !== WebSocket.CONNECTING);
    return this;
  }

  /** Waits until there are so many events and gives them. */
  async take(count: number): Promise<Seen[]> {
    await eventually(`${count} events are seen`, () => this.seen.length >= count);
    return this.seen.slice(0, count);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** A post, for writing. */
export const post = (text: string): Record<string, unknown> => ({ $type: 'app.bsky.feed.post', text, createdAt: '2026-11-24T00:00:00.000Z' });
