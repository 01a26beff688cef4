/**
 * Opens a WebSocket as a client and watches it for a while: whether it opens, what comes first and when, pings, why it ends.
 * Not for reading streams: that is firehose-consumer's. Place: the doctor, which looks at servers from outside.
 * Source: RFC 6455.
 */
import { WebSocket } from 'ws';
import type { Clock } from '@dunlin/protocol/base/clock';

/** How to watch. */
export interface WatchOptions {
  readonly clock: Clock;
  /** How long, in ms. */
  readonly forMs: number;
  /** True ends the watch with the first message. */
  readonly untilMessage?: boolean;
}

/** What was seen. */
export interface Watched {
  /** Why it ended before the time was over: a status instead of opening, a close code, a fault; null when it did not. */
  readonly ended: string | null;
  /** The first message, and how long after the request it came, in ms; null when there was none. */
  readonly first: { readonly bytes: Buffer; readonly afterMs: number } | null;
  readonly pings: number;
  readonly ms: number;
}

/** Watches and hangs up. Never rejects. */
export function watchWebSocket(url: URL, { clock, forMs, untilMessage = false }: WatchOptions): Promise<Watched> {
  const began = clock.elapsedMs();
  const socket = new WebSocket(url.href.replace(/^http/, 'ws'), { perMessageDeflate: false });
  let first: Watched['first'] = null;
  let pings = 0;
  return new Promise((resolve) => {
    const settle = (ended: string | null): void => {
      timer.cancel();
      // What goes wrong with it from here on is nobody's.
      socket.removeAllListeners().on('error', () => undefined).terminate();
      resolve({ ended, first, pings, ms: clock.elapsedMs() - began });
    };
    const timer = clock.after(forMs, () => settle(null));
    socket.on('ping', () => void pings++);
    socket.on('message', (data) => {
      first ??= { bytes: data as Buffer, afterMs: clock.elapsedMs() - began };
      if (untilMessage) settle(null);
    });
    socket.on('unexpected-response', (_request, { statusCode }) => settle(`answers ${statusCode} instead of opening`));
    socket.on('error', (fault) => settle(fault.message === '' ? String((fault as { code?: unknown }).code) : fault.message));
    socket.on('close', (code) => settle(`closed with ${code}`));
  });
}
