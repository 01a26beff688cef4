/**
 * How many calls of one account are passed on at once: a few people whose bodies never end must not take every socket to an app view. What
 * is more waits in line, since clients ask for dozens of things when they start, and people have several; only what is far too many is refused.
 * Not for limits over time (`service/http/rate-limit.ts`). Source: ours.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '@dunlin/protocol/base/clock';
import { Line } from '@dunlin/service/lifecycle/line';
import { XrpcError } from '@dunlin/service/xrpc/errors';

/** Most calls of one account that are passed on at once. */
export const maxUnderWay = 32;

/** Most that wait for a place. */
export const maxInLine = 128;

/** Longest wait for a place, in ms. */
const maxWaitMs = 30_000;

/** Counts the calls of each account that are not answered yet. */
export class CallsUnderWay {
  readonly #clock: Clock;
  readonly #lines = new Map<number, Line>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when a call of an account has a place, which it leaves when its answer is sent or cut off. @throws XrpcError 429 RateLimitExceeded; 400 when its caller went away */
  async enter(accountId: number, answer: ServerResponse): Promise<void> {
    if (answer.closed) throw wentAway();
    const line = this.#lines.get(accountId) ?? new Line(maxUnderWay);
    if (line.waiting >= maxInLine) throw tooMany();
    this.#lines.set(accountId, line);
    const gone = new AbortController();
    const giveUp = (): void => gone.abort(wentAway());
    answer.once('close', giveUp);
    const late = this.#clock.after(maxWaitMs, () => gone.abort(tooMany()), { unref: true });
    try {
      await line.enter(gone.signal);
    } finally {
      late.cancel();
      answer.off('close', giveUp);
    }
    const leave = (): void => {
      line.leave();
      if (line.taken === 0) this.#lines.delete(accountId);
    };
    // It may have closed when the place was given and nothing of ours had run yet.
    if (answer.closed) {
      leave();
      throw wentAway();
    }
    answer.once('close', leave);
  }
}

function tooMany(): XrpcError {
  return new XrpcError(429, 'RateLimitExceeded', `too many calls at once: max=${maxUnderWay}`, { 'retry-after': '1' });
}

function wentAway(): XrpcError {
  return new XrpcError(400, 'InvalidRequest', 'the caller went away');
}
