/**
 * What the doctor looks at in a stream: that a WebSocket opens through whatever stands between, that frames come at once and not when a
 * buffer is full, and that a connection on which nothing happens stays open.
 * Not for what the stream says. Source: ours; atproto.com/specs/event-stream, RFC 6455.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { watchWebSocket } from '@dunlin/service/websocket/watch';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';

const timeoutMs = 10_000;
/** Longer than this from the request to the first frame means that somebody holds frames back, or is very far away. */
const slowMs = 2_000;
/** Seqs never come so far: every server answers this cursor with an error frame, at once. */
const cursorBeyondAll = Number.MAX_SAFE_INTEGER;
const firehosePath = '/xrpc/com.atproto.sync.subscribeRepos';
const unbuffered = 'let the proxy not buffer (proxy_buffering off, flush_interval -1)';

/** What is looked at. */
export interface StreamOptions {
  readonly clock: Clock;
  /** How long a silent connection is watched, in ms; 0 for not at all. */
  readonly patienceMs: number;
}

/** Looks at a firehose: com.atproto.sync.subscribeRepos of a PDS or a relay. */
export async function* checkFirehose(url: string, { clock, patienceMs }: StreamOptions): AsyncGenerator<Finding, void, undefined> {
  const first = await checkWebSocket(url, clock);
  yield first;
  if (first.state !== 'fail' && patienceMs > 0) yield await checkRest(new URL(firehosePath, url), { clock, patienceMs });
}

/** Looks whether the answer to a cursor beyond all seqs comes, and how soon. */
export async function checkWebSocket(url: string, clock: Clock): Promise<Finding> {
  const check = 'websocket';
  const advice = 'let the proxy pass Upgrade and Connection on, without buffering (see deploy/): relays read events this way alone';
  const { ended, first } = await watchWebSocket(new URL(`${firehosePath}?cursor=${cursorBeyondAll}`, url), { clock, forMs: timeoutMs, untilMessage: true });
  if (first === null) return fail(check, `subscribeRepos ${ended ?? `opens, and nothing comes within ${timeoutMs / 1000} s`}`, advice);
  const ms = Math.round(first.afterMs);
  if (!isFutureCursor(first.bytes)) return warn(check, 'subscribeRepos opens and takes a cursor from the future', 'is this a server of the AT Protocol?');
  return ms > slowMs ? warn(check, `subscribeRepos opens, and its first frame takes ${ms} ms`, unbuffered) : ok(check, `subscribeRepos opens, first frame after ${ms} ms`);
}

function isFutureCursor(frame: Buffer): boolean {
  try {
    const event = decodeEvent(frame);
    return event.kind === 'error' && event.error === 'FutureCursor';
  } catch {
    return false;
  }
}

/** Looks whether a connection stays open while little or nothing happens on it, and counts the server's pings. */
export async function checkRest(url: URL, { clock, patienceMs }: StreamOptions): Promise<Finding> {
  const check = 'websocket at rest';
  const { ended, pings, ms } = await watchWebSocket(url, { clock, forMs: patienceMs });
  const seconds = Math.round(ms / 1000);
  return ended === null ? ok(check, `open for ${seconds} s, ${pings} pings came`)
    : fail(check, `${ended} after ${seconds} s`, 'let the proxy wait longer than a minute for bytes (proxy_read_timeout 1h); the servers ping every 30 s');
}

/** Looks whether server-sent events come at once; the address must answer with something straight away. */
export async function checkServerSentEvents(url: URL, { fetch, clock }: { fetch: typeof globalThis.fetch; clock: Clock }): Promise<Finding> {
  const check = 'server-sent events';
  const began = clock.elapsedMs();
  try {
    const answer = await fetch(url, { headers: { accept: 'text/event-stream' }, signal: AbortSignal.timeout(timeoutMs) });
    if (answer.headers.get('content-type')?.startsWith('text/event-stream') !== true || answer.body === null) {
      await answer.body?.cancel();
      return fail(check, `answers ${answer.status} ${answer.headers.get('content-type') ?? 'without a type'}`, 'let the proxy pass every path on to the server');
    }
    const reader = answer.body.getReader();
    await reader.read();
    await reader.cancel();
    const ms = Math.round(clock.elapsedMs() - began);
    return ms > slowMs ? warn(check, `the first takes ${ms} ms`, unbuffered) : ok(check, `the first comes after ${ms} ms`);
  } catch (fault) {
    const isSilent = fault instanceof Error && fault.name === 'TimeoutError';
    return fail(check, isSilent ? `nothing comes within ${timeoutMs / 1000} s` : reasonOf(fault), unbuffered);
  }
}
