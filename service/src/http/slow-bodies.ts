/**
 * How long a client may take to send a body. All bodies have the same time, unless a route lets one take longer because it is large and its
 * sender is known: then it must come at a least pace, and has a longer time in all. Who is too slow gets 408 and is cut off.
 * Time in which we do not read is ours, not the client's. Not for heads of requests, for which Node has its own time.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
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
  /** When it was first seen to be incomplete. */
  readonly beganMs: number;
  readonly pace: Pace;
  lookedMs: number;
  bytes: number;
}

const long = new WeakSet<IncomingMessage>();

/** Lets a body take longer than others, where the server has a rule for that. */
export function allowLongBody(request: IncomingMessage): void {
  long.add(request);
}

/** Watches the bodies of a server. Nothing is done for a request but where its body is under way when it is looked. */
export class BodyWatch {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #requestTimeoutMs: number;
  readonly #rule: LongBodyRule;
  readonly #answers: ReadonlySet<ServerResponse>;
  /** Answers that are complete while their bodies are not. */
  readonly #lingering = new Set<ServerResponse>();
  readonly #bodies = new WeakMap<IncomingMessage, OpenBody>();

  /** Watches until the server closes; `answers` are those that are not complete yet. */
  constructor(o: { server: Server; clock: Clock; requestTimeoutMs: number; rule: LongBodyRule; answers: ReadonlySet<ServerResponse> }) {
    this.#server = o.server;
    this.#clock = o.clock;
    this.#requestTimeoutMs = o.requestTimeoutMs;
    this.#rule = o.rule;
    this.#answers = o.answers;
    const timer = o.clock.every(lookEveryMs, () => this.#look(), { unref: true });
    o.server.once('close', () => timer.cancel());
  }

  /** Must be told of each answer that is complete. */
  answered(response: ServerResponse): void {
    if (isOpen(response.req)) this.#lingering.add(response);
  }

  #look(): void {
    const nowMs = this.#clock.elapsedMs();
    for (const { req } of this.#answers) if (isOpen(req)) this.#judge(req, nowMs);
    for (const response of this.#lingering) {
      if (isOpen(response.req)) this.#judge(response.req, nowMs);
      else this.#lingering.delete(response);
    }
  }

  /** The listener answers 408, and where that was done already, at the next look, it cuts the socket. */
  #judge(request: IncomingMessage, nowMs: number): void {
    const known = this.#bodies.get(request);
    if (known === undefined) {
      this.#bodies.set(request, { beganMs: nowMs, pace: new Pace(this.#rule), lookedMs: nowMs, bytes: request.socket.bytesRead });
    } else if (long.has(request) ? !this.#keepsPace(known, request, nowMs) : nowMs - known.beganMs > this.#requestTimeoutMs) {
      this.#server.emit('clientError', Object.assign(new Error('body came too slowly'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), request.socket);
    }
  }

  #keepsPace(body: OpenBody, request: IncomingMessage, nowMs: number): boolean {
    if (nowMs - body.beganMs > this.#rule.maxMs) return false;
    const { bytesRead } = request.socket;
    const isOurs = request.readableLength > 0 || request.socket.isPaused();
    const step = { waitedMs: isOurs ? 0 : nowMs - body.lookedMs, bytes: bytesRead - body.bytes };
    body.lookedMs = nowMs;
    body.bytes = bytesRead;
    return body.pace.took(step);
  }
}

function isOpen(request: IncomingMessage): boolean {
  return !request.complete && !request.destroyed && !request.socket.destroyed;
}
