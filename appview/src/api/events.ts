/**
 * app.dunlin.live.events: live counts as server-sent events, for clients without WebSocket. The same #counts frames, one event each.
 * Not for rooms (subscribe.ts). A client that reads too slowly is cut, and its browser comes back by itself.
 * Source: ours, see lexicons/app.dunlin.live.events.json; wire format of the HTML standard, "Server-sent events".
 */
import { Readable } from 'node:stream';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { limitKey } from '@dunlin/service/http/client-address';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { LiveCounts } from '../reactions/live-counts.ts';
import { TrackedSubjects } from '../reactions/tracked-subjects.ts';
import type { Frame } from '../rooms/frame.ts';
import { Outbound, type Sink } from '../rooms/outbound.ts';

/** How often a comment line keeps the connection alive, in ms. */
const keepAliveMs = 20_000;

/** How long a browser waits before it comes back, in ms. */
const retryMs = 2_000;

/** Most subjects of one stream. */
const maxSubjects = 1_000;

/** One stream to one client. */
class CountStream extends Readable implements Sink {
  readonly #outbound: Outbound;
  readonly #subjects: TrackedSubjects;
  readonly #keepAlive: Timer;
  readonly #onEnd: (stream: CountStream) => void;

  constructor(counts: LiveCounts, clock: Clock, address: string, onEnd: (stream: CountStream) => void) {
    super({ highWaterMark: 65_536 });
    this.#onEnd = onEnd;
    this.#outbound = new Outbound(this, () => this.close());
    this.#subjects = new TrackedSubjects(counts, { max: maxSubjects, address }, (frame) => this.#outbound.send(frame));
    this.#keepAlive = clock.every(keepAliveMs, () => this.#write(': still here\n\n'), { unref: true });
    this.#write(`retry: ${retryMs}\n\n`);
  }

  /** Tracks the subjects; their present counts go out first. */
  begin(subjects: readonly string[]): void {
    const outcome = this.#subjects.add(subjects);
    if ('error' in outcome) {
      this.destroy();
      throw outcome.error === 'InvalidSubject' ? invalidRequest(outcome.message, outcome.error) : new XrpcError(503, 'ServiceUnavailable', outcome.message);
    }
    for (const frame of outcome.frames) this.#outbound.send(frame);
  }

  get bufferedBytes(): number {
    return this.readableLength;
  }

  send(frame: Frame): void {
    this.#write(`event: counts\ndata: ${frame.text}\n\n`);
  }

  close(): void {
    this.destroy();
  }

  override _read(): void {
    queueMicrotask(() => {
      if (!this.destroyed) this.#outbound.drained((frame) => frame);
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#keepAlive.cancel();
    this.#subjects.clear();
    this.#onEnd(this);
    done(error);
  }

  #write(text: string): void {
    if (!this.destroyed && !this.readableEnded) this.push(Buffer.from(text));
  }
}

/** The route, and a way to end every open stream. */
export interface EventStreams {
  readonly route: XrpcRoute;
  /** Streams open now. */
  readonly size: number;
  close(): void;
}

/** Makes the route. */
export function eventStreams(o: { readonly counts: LiveCounts; readonly clock: Clock; readonly maxStreams: number }): EventStreams {
  const open = new Set<CountStream>();
  const limiter = new RateLimiter({ points: 60, windowMs: 60_000, clock: o.clock });
  return {
    route: route<{ readonly subjects: readonly string[] }>('app.dunlin.live.events', {
      rateLimit: { limiter, key: ({ ip }) => limitKey(ip) },
      handler({ params, signal, ip }) {
        if (open.size >= o.maxStreams) throw new XrpcError(503, 'ServiceUnavailable', 'too many streams are open', { 'retry-after': '10' });
        const stream = new CountStream(o.counts, o.clock, limitKey(ip), (ended) => void open.delete(ended));
        stream.begin(params.subjects);
        open.add(stream);
        signal.addEventListener('abort', () => void stream.destroy(), { once: true });
        return { body: stream, encoding: 'text/event-stream', headers: { 'cache-control': 'no-store', 'x-accel-buffering': 'no' } };
      },
    }),
    get size() {
      return open.size;
    },
    close() {
      for (const stream of open) {
        stream.push(null);
        stream.destroy();
      }
    },
  };
}
