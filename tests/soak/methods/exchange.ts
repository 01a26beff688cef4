/**
 * One HTTP exchange with everything under control: any method, any head, bodies whole, in pieces or cut off.
 * Not for: what is said in it (near-misses.ts) or whether the answer is right (verdict.ts). Source: RFC 9110, 9112.
 */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { jsonToLex } from '@atproto/lexicon';
import type { Made } from './made.ts';

/** What goes out. */
export interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** How the body comes: in pieces with pauses, or cut off before its declared end; default whole. */
  readonly manner?: 'slow' | 'cut' | undefined;
}

/** What comes back; null when the server hung up without an answer. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const deadlineMs = 30_000;
const pieces = 4;
const pauseMs = 15;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

/** Closes the connections that are kept. */
export function hangUp(): void {
  agent.destroy();
}

/** Puts a made call into an exchange. */
export function questionOf(nsid: string, type: string, made: Made): Question {
  const { params = {}, body, encoding, headers = {} } = made;
  const isRaw = Buffer.isBuffer(body);
  return {
    method: type === 'query' ? 'GET' : 'POST',
    path: `/xrpc/${nsid}${queryOf(params)}`,
    headers: { ...headers, ...(body !== undefined && { 'content-type': encoding ?? 'application/json' }) },
    body: body === undefined ? null : isRaw ? body : Buffer.from(JSON.stringify(body)),
  };
}

/** Gives the query string; a list repeats its key, anything that is no text is written as JSON. */
export function queryOf(params: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, typeof each === 'string' ? each : JSON.stringify(each) ?? '');
  }
  return query.size > 0 ? `?${query.toString()}` : '';
}

/** Asks and waits for the whole answer. @throws when none is complete in 30 s, or the connection breaks in the middle of one */
export function ask(url: string, { method, path, headers, body, manner }: Question): Promise<Reply | null> {
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { 'content-length': String(body.length + (manner === 'cut' ? 10 : 0)) };
    let isAnswered = false;
    const signal = AbortSignal.timeout(deadlineMs);
    const outgoing = request(`${url}${path}`, { method, headers: { ...length, ...headers }, agent: manner === undefined ? agent : false, signal });
    outgoing.once('response', (incoming) => {
      isAnswered = true;
      const { statusCode: status = 0, headers: heads } = incoming;
      if (heads['content-type']?.startsWith('text/event-stream')) {
        // It has no end.
        incoming.destroy();
        return resolve({ status, headers: heads, body: Buffer.alloc(0) });
      }
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => void chunks.push(chunk));
      incoming.once('end', () => resolve({ status, headers: heads, body: Buffer.concat(chunks) }));
      incoming.once('error', reject);
    });
    outgoing.once('error', (fault) => {
      if (signal.aborted) reject(new Error(`no answer within ${deadlineMs} ms`, { cause: fault }));
      // A server may hang up on a head or a body it does not want; its answer can be lost on the way.
      else if (!isAnswered) resolve(null);
    });
    if (body === null || manner === undefined) outgoing.end(body ?? undefined);
    else if (manner === 'cut') outgoing.write(body, () => setTimeout(() => outgoing.destroy(), pauseMs));
    else void dribble(body, (piece) => void outgoing.write(piece)).then(() => outgoing.end());
  });
}

async function dribble(body: Buffer, write: (piece: Buffer) => void): Promise<void> {
  const size = Math.ceil(body.length / pieces);
  for (let at = 0; at < body.length; at += size) {
    write(body.subarray(at, at + size));
    await wait(pauseMs);
  }
}

/** Reads JSON into the form in which lexicons are checked. @throws when it is no JSON */
export function lexOf(body: Buffer): unknown {
  return jsonToLex(JSON.parse(body.toString()));
}
