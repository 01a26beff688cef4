/**
 * Server-sent events at /events: the JSON of /subscribe for EventSource and for anything that reads lines over HTTP.
 * The id of an event is our seq; a browser that comes back names the last one (Last-Event-ID) and misses nothing.
 * Every consumer is told a retry time of its own, so that thousands don't come back in the same second; a comment line
 * every 15 s keeps proxies from hanging up, with the id it has come to, so a quiet filter does not fall out of the window.
 * Place in the flow: hop 8 for browsers. Source: the HTML standard, "Server-sent events".
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Context } from '@dunlin/service/http/app';
import { clientAddress } from '@dunlin/service/http/client-address';
import type { PlainRouter } from '@dunlin/service/http/router';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { AnswerSlots } from './answer-slots.ts';
import type { JsonEvent } from './entry.ts';
import type { Feed } from './feed.ts';
import type { FilterBudget } from './filter-budget.ts';
import { readJsonFilter } from './jetstream-options.ts';
import type { TimedLog } from './page.ts';
import { cursorMs, futureCursor, placeOfSeq, placeOfTime, readSeq, readTimeCursor, type Place } from './place.ts';
import type { CutReason, Sink } from './sink.ts';

/** The path. */
export const eventsPath = '/events';

/** A comment at least so often, in ms. */
export const keepAliveMs = 15_000;

/** A browser waits between these two before it comes back, in ms. */
export const retryMs = { min: 1_000, max: 5_000 } as const;

/** Parts. */
export interface EventSourceParts {
  readonly router: PlainRouter;
  readonly log: TimedLog;
  readonly clock: Clock;
  readonly feed: Feed<JsonEvent>;
  readonly budget: FilterBudget;
  readonly slots: AnswerSlots;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Mounts the endpoint. */
export function serveEvents(parts: EventSourceParts): void {
  const { router, feed, budget, slots, clock, random } = parts;
  router.get(eventsPath, async (context) => {
    const filter = readJsonFilter(new URLSearchParams(context.querystring));
    budget.check(filter);
    const place = await readPlace(context, parts);
    const { res } = context;
    // Who went away while its place was looked up is not counted: nothing would tell of its end.
    if (res.destroyed) return;
    const free = slots.take(clientAddress(context.req));
    res.once('close', free);
    res.on('error', () => undefined);
    context.respond = false;
    context.status = 200;
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no', connection: 'close' });
    if (context.method === 'HEAD') return void res.end();
    res.write(`retry: ${Math.floor(retryMs.min + random() * (retryMs.max - retryMs.min))}\n\n`);
    if (place.isOutdated) res.write('event: info\ndata: {"name":"OutdatedCursor","message":"Requested cursor exceeded limit. Possibly missing events"}\n\n');
    const sink = new ResponseSink(res, clientAddress(context.req));
    const consumer = feed.attach(sink, { filter, afterSeq: place.afterSeq });
    const keepAlive = clock.every(keepAliveMs, () => {
      if (sink.isIdle()) res.write(`id: ${feed.positionOf(consumer)}\n: keep-alive\n\n`);
    }, { unref: true });
    sink.onClose(() => keepAlive.cancel());
  });
}

/** By Last-Event-ID, else by `since` (our seq), else by `cursor` (µs), else now. */
async function readPlace(context: Context, { log, clock }: EventSourceParts): Promise<Place> {
  const query = new URLSearchParams(context.querystring);
  const lastEventId = context.get('last-event-id');
  const [name, seqText] = lastEventId === '' ? ['since', query.get('since')] : ['Last-Event-ID', lastEventId];
  const seq = readSeq(name, seqText);
  const timeUs = readTimeCursor(query.get('cursor'));
  if (seq === null && timeUs !== null) return await placeOfTime(cursorMs(timeUs), log, clock);
  if (name === 'since' && seq !== null && timeUs !== null) throw invalidRequest('since and cursor cannot both be given');
  const place = placeOfSeq(seq, log);
  if (place === null) throw futureCursor(name);
  return place;
}

/** An HTTP answer that goes on for as long as it may. */
class ResponseSink implements Sink {
  readonly ip: string;
  readonly #response: ServerResponse;
  #wasUsed = false;

  constructor(response: ServerResponse, ip: string) {
    this.#response = response;
    this.ip = ip;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  get deliveredBytes(): number {
    const { socket } = this.#response;
    return socket === null ? 0 : socket.bytesWritten - socket.writableLength;
  }

  /** Tells whether it is open and nothing was sent since it was asked last. */
  isIdle(): boolean {
    const isIdle = !this.#wasUsed && this.bufferedBytes === 0 && !this.#response.writableEnded;
    this.#wasUsed = false;
    return isIdle;
  }

  send(bytes: Buffer): boolean {
    this.#wasUsed = true;
    return !this.#response.destroyed && this.#response.write(bytes);
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  onClose(listener: () => void): void {
    if (this.#response.destroyed) listener();
    else this.#response.once('close', listener);
  }

  /** A client that takes nothing is not told, as it would not hear it. */
  cut(reason: CutReason): void {
    if (reason === 'stalled') this.#response.destroy();
    else this.#response.end(reason === 'window' ? 'event: info\ndata: {"name":"ConsumerTooSlow"}\n\n' : '');
  }
}
