/**
 * com.atproto.sync.subscribeRepos with filters of ours: `collections`, `dids`, `kinds` (each repeatable) and `since` (a date).
 * A frame that passes is the very frame everyone else gets, so it is still verifiable; a commit passes whole when any of its
 * operations does. Without any of the four this is the plain stream, fed by the outbox.
 * Place in the flow: hop 8. Source: lexicon com.atproto.sync.subscribeRepos for the rest; the filters are ours, see docs/wire.md.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import { encodeErrorFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import type { Outbox } from '@dunlin/service/firehose/outbox';
import { subscribe, subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import type { EventLog } from '@dunlin/service/firehose/event-log';
import type { Logger } from '@dunlin/service/log/logger';
import type { WebSocketConnection } from '@dunlin/service/websocket/connection';
import { wrapFrame } from '@dunlin/service/websocket/frames';
import type { WebSocketRequest, WebSocketRoutes } from '@dunlin/service/websocket/server';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Entry } from './entry.ts';
import type { Feed } from './feed.ts';
import type { FilterBudget } from './filter-budget.ts';
import { makeFilter, wantAll, type Filter } from './filter.ts';
import { orInvalidRequest } from './jetstream-options.ts';
import type { TimedLog } from './page.ts';
import { placeOfSeq, placeOfTime, readDate, readSeq, type Place } from './place.ts';
import { webSocketSink, type CutReason } from './sink.ts';

/** Parts. */
export interface FilteredFramesParts {
  readonly websocket: WebSocketRoutes;
  readonly log: TimedLog & EventLog;
  readonly outbox: Outbox;
  readonly feed: Feed<Entry>;
  readonly budget: FilterBudget;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onAssertionFailure: (failure: AssertionFailure) => void;
}

interface Wish {
  readonly filter: Filter;
  readonly cursor: number | null;
  readonly sinceMs: number | null;
}

/** Mounts the endpoint, plain and filtered. */
export function serveFilteredFrames(parts: FilteredFramesParts): void {
  const wishes = new WeakMap<WebSocketRequest, Wish>();
  parts.websocket.route(subscribeReposPath, (connection, request) => {
    const wish = wishes.get(request);
    if (wish !== undefined) void begin(connection, wish, parts);
  }, {
    before: (request) => {
      const wish = readWish(request.url.searchParams);
      parts.budget.check(wish.filter);
      wishes.set(request, wish);
    },
  });
}

function readWish(query: URLSearchParams): Wish {
  const cursor = readSeq('Invalid com.atproto.sync.subscribeRepos params: cursor', query.get('cursor'));
  const sinceMs = readDate('since', query.get('since'));
  if (cursor !== null && sinceMs !== null) throw invalidRequest('since and cursor cannot both be given');
  const lists = { collections: query.getAll('collections'), dids: query.getAll('dids'), kinds: query.getAll('kinds') };
  return { filter: orInvalidRequest(() => makeFilter(lists)), cursor, sinceMs };
}

async function begin(connection: WebSocketConnection, { filter, cursor, sinceMs }: Wish, parts: FilteredFramesParts): Promise<void> {
  const isPlain = filter.key === wantAll.key;
  if (isPlain && sinceMs === null) return subscribe(connection, cursor, parts);
  try {
    const place = sinceMs === null ? placeOfSeq(cursor, parts.log) : await placeOfTime(sinceMs, parts.log, parts.clock);
    if (place === null) return refuseFuture(connection);
    attach(connection, place, isPlain ? null : filter, parts);
  } catch (error) {
    parts.logger.error({ err: error }, 'finding the place of a cursor failed');
    connection.close(closeCodes.internalError, 'internal error');
    if (error instanceof AssertionFailure) parts.onAssertionFailure(error);
  }
}

function attach(connection: WebSocketConnection, { afterSeq, isOutdated }: Place, filter: Filter | null, { outbox, feed }: FilteredFramesParts): void {
  if (isOutdated) connection.sendFrames(wrapFrame(encodeFrame('#info', { name: 'OutdatedCursor', message: 'Requested cursor exceeded limit. Possibly missing events' })));
  if (filter === null) outbox.attach(connection, afterSeq);
  else feed.attach(webSocketSink(connection, lastWord), { filter, afterSeq });
}

function refuseFuture(connection: WebSocketConnection): void {
  connection.sendFrames(wrapFrame(encodeErrorFrame('FutureCursor', 'Cursor in the future.')));
  connection.close(closeCodes.policyViolation, 'FutureCursor');
}

function lastWord(reason: CutReason): Buffer | null {
  if (reason === 'stalled') return wrapFrame(encodeErrorFrame('ConsumerTooSlow', 'you took no events for too long'));
  return reason === 'window' ? wrapFrame(encodeErrorFrame('ConsumerTooSlow', 'your position fell out of the replay window')) : null;
}
