/**
 * How long a client may take to send a body. All bodies have the same time, unless a route lets one take longer because it is large and its
 * sender is known: then it must come at a least pace, and has a longer time in all. Who is too slow gets 408 and is cut off.
 * Time in which we do not read is ours, not the client's. Not for heads of requests, for which Node has its own time.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Clock } from '@dunlin/protocol/base/clock';
import { Pace, type PaceRule } from './pace.ts';

/** Bounds of bodies that may take long. */
export interface LongBodyRule extends PaceRule {
  /** Longest time for the whole request, in ms. */
  readonly maxMs: number;
}

/** 8 KiB a second, within minutes, and six hours in all. */
export const longBodies: LongBodyRule = { leastBytes: 491_520, windowMs: 60_000, maxMs: 21_600_000 };

/** How often bodies are looked at, in ms. */
const lookEveryMs = 1_000;

interface OpenBody {
  readonly request: IncomingMessage;
  readonly beganMs: number;
  long: { readonly pace: Pace; lookedMs: number; bytes: number } | null;
}

const watched = new WeakMap<IncomingMessage, () => void>();

/** Lets a body take longer than others, where the server has a rule for that; what was read before counts as quick. */
export function allowLongBody(request: IncomingMessage): void {
  watched.get(request)?.();
}

/** Watches the bodies of a server until it closes. */
export function watchBodies(server: Server, o: { clock: Clock; requestTimeoutMs: number; rule: LongBodyRule; lookEveryMs?: number }): void {
  const open = new Set<OpenBody>();
  // Before the app, which may let a body take longer at once.
  server.prependListener('request', (request) => {
    if (!hasBody(request)) return;
    const body: OpenBody = { request, beganMs: o.clock.elapsedMs(), long: null };
    open.add(body);
    watched.set(request, () => {
      body.long ??= { pace: new Pace(o.rule), lookedMs: o.clock.elapsedMs(), bytes: request.socket.bytesRead };
    });
  });
  const look = (): void => {
    const nowMs = o.clock.elapsedMs();
    for (const body of open) {
      const { request } = body;
      if (request.complete || request.destroyed || request.socket.destroyed) open.delete(body);
      // The listener answers 408, and where that was done already it cuts the socket: so the body stays here until then.
      else if (isTooSlow(body, nowMs, o)) server.emit('clientError', Object.assign(new Error('body came too slowly'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), request.socket);
    }
  };
  const timer = o.clock.every(o.lookEveryMs ?? lookEveryMs, look, { unref: true });
  server.once('close', () => timer.cancel());
}

function isTooSlow({ request, beganMs, long }: OpenBody, nowMs: number, { requestTimeoutMs, rule }: { requestTimeoutMs: number; rule: LongBodyRule }): boolean {
  if (long === null) return nowMs - beganMs > requestTimeoutMs;
  if (nowMs - beganMs > rule.maxMs) return true;
  const { bytesRead } = request.socket;
  const isOurs = request.readableLength > 0 || request.socket.isPaused();
  const step = { waitedMs: isOurs ? 0 : nowMs - long.lookedMs, bytes: bytesRead - long.bytes };
  long.lookedMs = nowMs;
  long.bytes = bytesRead;
  return !long.pace.took(step);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
