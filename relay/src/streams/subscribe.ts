/**
 * JSON over a WebSocket at /subscribe, as Jetstream speaks it: filters in the query or in options_update messages, a cursor in µs,
 * requireHello, zstd. A Jetstream client works with it unchanged, whatever dictionary it carries.
 * Not for reading options (jetstream-options.ts) nor for sending (feed.ts). Bad options before the upgrade are HTTP 400,
 * later a close: 1007 for what is not JSON of the right shape, 1008 for a filter that is invalid, 1009 for a message over 10 MB.
 * Place in the flow: hop 8 for JSON. Source: Jetstream's README; close codes as its server sends them.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import type { Logger } from '@dunlin/service/log/logger';
import type { WebSocketConnection } from '@dunlin/service/websocket/connection';
import type { WebSocketRequest, WebSocketRoutes } from '@dunlin/service/websocket/server';
import type { JsonEvent } from './entry.ts';
import type { Feed } from './feed.ts';
import type { FeedConsumer } from './feed-consumer.ts';
import type { StreamMetrics } from './feed-metrics.ts';
import type { FilterBudget } from './filter-budget.ts';
import type { Filter } from './filter.ts';
import { readClientMessage, readJetstreamOptions, type Compression, type JetstreamOptions } from './jetstream-options.ts';
import type { TimedLog } from './page.ts';
import { cursorMs, placeOfSeq, placeOfTime } from './place.ts';
import { webSocketSink } from './sink.ts';

/** The path, as in Jetstream. */
export const subscribePath = '/subscribe';

/** Largest message of a client, in bytes. Jetstream: 10 MB. */
export const maxClientMessageBytes = 10_000_000;

/** Bytes of messages a client may send at once; they come back at a tenth of that a second. */
const messageAllowanceBytes = 2 * maxClientMessageBytes;

/** Parts. */
export interface SubscribeParts {
  readonly websocket: WebSocketRoutes;
  readonly log: TimedLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly feeds: Readonly<Record<Compression, Feed<JsonEvent>>>;
  readonly budget: FilterBudget;
  readonly metrics: StreamMetrics;
  readonly dictionaryId: number;
  readonly onAssertionFailure: (failure: AssertionFailure) => void;
}

/** Mounts the endpoint. */
export function serveSubscribe(parts: SubscribeParts): void {
  const optionsOf = new WeakMap<WebSocketRequest, JetstreamOptions>();
  parts.websocket.route(subscribePath, (connection, request) => {
    const options = optionsOf.get(request);
    if (options !== undefined) new Subscriber(connection, options, parts).start();
  }, {
    maxPayloadBytes: maxClientMessageBytes,
    before: (request) => {
      const options = readJetstreamOptions(request.url, request.headers, parts.dictionaryId);
      parts.budget.check(options.filter);
      optionsOf.set(request, options);
    },
  });
}

/** One client: its filter may change, its place and compression do not. */
class Subscriber {
  readonly #connection: WebSocketConnection;
  readonly #parts: SubscribeParts;
  readonly #options: JetstreamOptions;
  #filter: Filter;
  #isWaitingForHello: boolean;
  /** Where it begins, once that is known. */
  #afterSeq: number | null = null;
  #consumer: FeedConsumer | null = null;
  /** Ends the count of a filter that waits to be used. */
  #release: () => void;
  #allowanceBytes = messageAllowanceBytes;
  #allowanceAtMs: number;

  constructor(connection: WebSocketConnection, options: JetstreamOptions, parts: SubscribeParts) {
    this.#connection = connection;
    this.#options = options;
    this.#parts = parts;
    this.#filter = options.filter;
    this.#isWaitingForHello = options.requireHello;
    this.#allowanceAtMs = parts.clock.elapsedMs();
    this.#release = parts.budget.hold(options.filter);
  }

  start(): void {
    this.#connection.onClose(() => this.#release());
    this.#connection.onMessage((data) => {
      if (this.#takeAllowance(data.length) && typeof data === 'string') this.#onText(data);
    });
    this.#place().then((afterSeq) => {
      this.#afterSeq = afterSeq;
      this.#attach();
    }).catch((error: unknown) => {
      this.#parts.logger.error({ err: error }, 'finding the place of a cursor failed');
      this.#connection.close(closeCodes.internalError, 'internal error');
      if (error instanceof AssertionFailure) this.#parts.onAssertionFailure(error);
    });
  }

  /** Jetstream's rules: no cursor and one to come are live, one too old is the oldest there is. */
  async #place(): Promise<number> {
    const { log, clock } = this.#parts;
    const { cursorUs } = this.#options;
    const place = cursorUs === null ? placeOfSeq(null, log) : await placeOfTime(cursorMs(cursorUs), log, clock);
    return place?.afterSeq ?? log.headSeq();
  }

  #attach(): void {
    if (this.#afterSeq === null || this.#isWaitingForHello || this.#consumer !== null || !this.#connection.isOpen) return;
    const feed = this.#parts.feeds[this.#options.compression];
    this.#release();
    this.#consumer = feed.attach(webSocketSink(this.#connection), { filter: this.#filter, afterSeq: this.#afterSeq });
  }

  #onText(text: string): void {
    const { metrics, budget, feeds } = this.#parts;
    const message = readClientMessage(text);
    if (message.kind === 'other') return;
    if (message.kind !== 'options') {
      metrics.optionsUpdates.inc({ result: message.kind });
      return this.#connection.close(message.kind === 'notJson' ? closeCodes.invalidPayload : closeCodes.policyViolation, asciiOnly(message.reason));
    }
    if (!budget.hasRoomFor(message.filter)) {
      metrics.optionsUpdates.inc({ result: 'noRoom' });
      return this.#connection.close(closeCodes.tryAgainLater, 'too many filters here: come back later');
    }
    metrics.optionsUpdates.inc({ result: 'applied' });
    this.#filter = message.filter;
    this.#isWaitingForHello = false;
    if (this.#consumer === null) {
      this.#release();
      this.#release = budget.hold(message.filter);
      this.#attach();
    } else {
      feeds[this.#options.compression].setFilter(this.#consumer, message.filter);
    }
  }

  #takeAllowance(bytes: number): boolean {
    const nowMs = this.#parts.clock.elapsedMs();
    const regainedBytes = ((nowMs - this.#allowanceAtMs) * messageAllowanceBytes) / 10_000;
    this.#allowanceBytes = Math.min(messageAllowanceBytes, this.#allowanceBytes + regainedBytes) - bytes;
    this.#allowanceAtMs = nowMs;
    if (this.#allowanceBytes >= 0) return this.#connection.isOpen;
    this.#connection.close(closeCodes.policyViolation, 'too many messages');
    return false;
  }
}

/** A close reason is at most 123 bytes: of ASCII those are 123 characters. */
function asciiOnly(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
