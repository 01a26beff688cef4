/**
 * Serving consumers: what the rest of the relay knows of it, and the form in which this very process does it.
 * Not for serving them in other processes (processes.ts); which of the two it is the operator says.
 * Place in the flow: hop 8. Source: ours, see docs/decisions/0018.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { Outbox } from '@dunlin/service/firehose/outbox';
import type { PlainRouter } from '@dunlin/service/http/router';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import type { WebSocketRoutes } from '@dunlin/service/websocket/server';
import type { EventLog } from '@dunlin/service/firehose/event-log';
import type { TimedLog } from '../streams/page.ts';
import { serveStreams } from '../streams/serve.ts';
import type { Streams } from '../streams/serve.ts';
import type { ListedConsumer } from './messages.ts';

/** Room for ten thousand DIDs in a URL, as Jetstream's clients send them. */
export const maxHeaderBytes = 524_288;

/** Where consumers come in: on the listener of the API. */
export interface Entrance {
  readonly websocket: WebSocketRoutes;
  readonly router: PlainRouter;
}

/** Consumers and who serves them. */
export interface Fanout {
  /** Begins to serve who comes in. */
  mount(entrance: Entrance): void;
  /** Consumers connected now. */
  readonly count: number;
  consumers(): Promise<readonly ListedConsumer[]>;
  /** To be called when the log changed events in place (a takedown); when it resolves no memory holds what they were. */
  forget(): Promise<void>;
  /** Sends all consumers away; may be called more than once. */
  close(): Promise<void>;
}

/** What it works with. */
export interface LocalFanoutParts {
  readonly log: TimedLog & EventLog;
  readonly ringBytes: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Serves consumers in this process. */
export function localFanout({ log, ringBytes, metrics, logger, clock }: LocalFanoutParts): Fanout {
  const outbox = new Outbox(log, { metrics, logger, clock, ringBytes });
  let streams: Streams | null = null;
  const consumers = (): ListedConsumer[] => [...outbox.consumers(), ...(streams?.consumers() ?? [])];
  return {
    mount({ websocket, router }) {
      streams = serveStreams({ websocket, router, log, outbox, metrics, logger, clock });
    },
    get count() {
      return consumers().length;
    },
    consumers: async () => consumers(),
    forget: async () => {
      outbox.forget();
      streams?.forget();
    },
    close: async () => {
      streams?.close();
      streams = null;
      outbox.close();
    },
  };
}
