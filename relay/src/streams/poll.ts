/**
 * Long-poll at /poll: `?since=SEQ&wait=SECONDS&limit=N` gives the events after a seq at once, or waits for the first.
 * For those who can do nothing but ask: the answer's `cursor` is the next `since`, whether it brought events or not.
 * Not a stream: each answer is one JSON object. Place in the flow: hop 8 for scripts and spreadsheets.
 * Source: ours; the events are those of /subscribe, with the same filters.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Context } from '@dunlin/service/http/app';
import { clientAddress } from '@dunlin/service/http/client-address';
import type { PlainRouter } from '@dunlin/service/http/router';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { AnswerSlots } from './answer-slots.ts';
import type { JsonEvent } from './entry.ts';
import type { Feed } from './feed.ts';
import type { FeedConsumer } from './feed-consumer.ts';
import type { FilterBudget } from './filter-budget.ts';
import type { Filter } from './filter.ts';
import { readJsonFilter } from './jetstream-options.ts';
import type { TimedLog } from './page.ts';
import { futureCursor, placeOfSeq, readSeq, type Place } from './place.ts';
import type { CutReason, Sink } from './sink.ts';

/** The path. */
export const pollPath = '/poll';

/** Seconds an answer may wait, by default and at most. */
export const waitSeconds = { default: 25, max: 60 } as const;

/** Events in an answer, by default and at most; the events of one commit stay together, so the last may go beyond. */
export const eventLimit = { default: 100, max: 1_000 } as const;

/** Longest search through the log for one answer that does not want to wait, in ms. */
const searchMs = 10_000;

/** Parts. */
export interface PollParts {
  readonly router: PlainRouter;
  readonly log: TimedLog;
  readonly clock: Clock;
  readonly feed: Feed<JsonEvent>;
  readonly budget: FilterBudget;
  readonly slots: AnswerSlots;
}

interface Batch {
  readonly events: Buffer;
  readonly cursor: number;
}

/** Mounts the endpoint. */
export function servePoll(parts: PollParts): void {
  const { router, log, budget, slots } = parts;
  router.get(pollPath, async (context) => {
    const query = new URLSearchParams(context.querystring);
    const filter = readJsonFilter(query);
    const wait = readWhole('wait', query.get('wait'), { min: 0, ...waitSeconds });
    const limit = readWhole('limit', query.get('limit'), { min: 1, ...eventLimit });
    const place = placeOfSeq(readSeq('since', query.get('since')), log);
    if (place === null) throw futureCursor('since');
    budget.check(filter);
    context.set('cache-control', 'no-store');
    context.type = 'application/json; charset=utf-8';
    if (context.method === 'HEAD') {
      context.status = 200;
      return;
    }
    const free = slots.take(clientAddress(context.req));
    try {
      const batch = await new Poll(context, parts).run(place, filter, limit, wait);
      const outdated = place.isOutdated ? ',"outdated":true' : '';
      context.body = Buffer.concat([Buffer.from(`{"cursor":${batch.cursor}${outdated},"events":[`), batch.events, Buffer.from(']}')]);
    } finally {
      free();
    }
  });
}

/** One question: it joins the feed, takes one run and leaves. */
class Poll implements Sink {
  readonly ip: string;
  readonly deliveredBytes = 0;
  readonly bufferedBytes = 0;
  readonly #context: Context;
  readonly #parts: PollParts;
  #wantsToWait = true;
  #settle: ((batch: Batch | XrpcError) => void) | null = null;

  constructor(context: Context, parts: PollParts) {
    this.#context = context;
    this.#parts = parts;
    this.ip = clientAddress(context.req);
  }

  async run(place: Place, filter: Filter, limit: number, wait: number): Promise<Batch> {
    const { feed, clock } = this.#parts;
    this.#wantsToWait = wait > 0;
    let consumer: FeedConsumer | null = null;
    const answer = new Promise<Batch | XrpcError>((resolve) => void (this.#settle = resolve));
    consumer = feed.attach(this, { filter, afterSeq: place.afterSeq, limit });
    const nothing = (): void => this.#settle?.({ events: Buffer.alloc(0), cursor: consumer === null ? place.afterSeq : feed.positionOf(consumer) });
    const timer = clock.after(wait > 0 ? wait * 1_000 : searchMs, nothing);
    this.#context.res.once('close', nothing);
    const result = await answer;
    timer.cancel();
    feed.detach(consumer);
    if (result instanceof XrpcError) throw result;
    return result;
  }

  send(events: Buffer, cursor: number): boolean {
    this.#settle?.({ events, cursor });
    // One run is all it takes; it is on its way out.
    return false;
  }

  /** The end of what is there: who does not want to wait goes without events. */
  onLive(seq: number): void {
    if (!this.#wantsToWait) this.#settle?.({ events: Buffer.alloc(0), cursor: seq });
  }

  onDrain(): void {
    // Nothing is written before the answer.
  }

  onClose(): void {
    // The question itself sees to that.
  }

  cut(reason: CutReason): void {
    if (reason === 'window') this.#settle?.(invalidRequest('since fell out of the replay window while it was served', 'OutdatedCursor'));
    else this.#settle?.(new XrpcError(503, 'ServiceUnavailable', 'server is going away', { 'retry-after': '5' }));
  }
}

function readWhole(name: string, text: string | null, { min, max, default: fallback }: { min: number; max: number; default: number }): number {
  if (text === null || text === '') return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalidRequest(`${name} must be a whole number from ${min} to ${max}`);
  return value;
}
