/**
 * What one flush of a feed has for whom: the new events, judged once, as one delivery a channel.
 * Not for sending: the feed hands deliveries out bit by bit. Nothing here is kept beyond the flush.
 * Place in the flow: inside a feed. Source: ours.
 */
import type { Channel, ChannelTable } from './channel.ts';
import type { Encoding, Unit } from './encoding.ts';
import type { FeedConsumer } from './feed-consumer.ts';
import type { Page } from './page.ts';
import { fits } from './run.ts';

/** Events for the live consumers of one channel. */
export interface Delivery<U> {
  readonly channel: Channel<FeedConsumer>;
  readonly units: U[];
  /** Those who have not been served yet. */
  readonly consumers: FeedConsumer[];
  /** The same bytes for all, once the first is served. */
  bytes: Buffer | null;
}

/** A flush under way. */
export interface Flush<U> {
  readonly lastSeq: number;
  readonly startedMs: number;
  readonly deliveries: Delivery<U>[];
  /** True once the encoding has made all it needs. */
  isReady: boolean;
}

/** Finds out who wants what of the pages; consumers with something to come are due from now on and stand at `fromSeq`. */
export function collectDeliveries<U extends Unit>(pages: readonly Page[], encoding: Encoding<U>, table: ChannelTable<FeedConsumer>, fromSeq: number): Delivery<U>[] {
  const byChannel = new Map<Channel<FeedConsumer>, Delivery<U>>();
  for (const page of pages) {
    for (const entry of page.entries) {
      for (const unit of encoding.units(entry)) {
        for (const channel of table.wanting(unit)) {
          const known = byChannel.get(channel);
          if ((known === undefined && channel.live.size === 0) || !fits(channel.filter, unit, encoding)) continue;
          if (known === undefined) byChannel.set(channel, { channel, units: [unit], consumers: takeLive(channel, fromSeq), bytes: null });
          else known.units.push(unit);
        }
      }
    }
  }
  return [...byChannel.values()];
}

/** Gives every unit of the deliveries once. */
export function unitsOf<U>(deliveries: readonly Delivery<U>[]): U[] {
  const units = new Set<U>();
  for (const delivery of deliveries) for (const unit of delivery.units) units.add(unit);
  return [...units];
}

function takeLive(channel: Channel<FeedConsumer>, fromSeq: number): FeedConsumer[] {
  const consumers = [...channel.live];
  channel.live.clear();
  for (const consumer of consumers) {
    consumer.state = 'due';
    consumer.seq = fromSeq;
  }
  return consumers;
}
