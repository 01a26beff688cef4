/**
 * One consumer of a feed: where it stands, what it waits for, and whether it takes anything.
 * A consumer is a sink and a position; nothing is queued for it. Only its feed (feed.ts) moves it.
 * States: live (has everything up to the feed's last flush), due (a flush has something for it), queued (behind, waits for
 * its turn), reading (waits for a page), blocked (waits for its socket), ahead (waits for the feed to come to it), gone.
 * Source: ours.
 */
import type { Channel } from './channel.ts';
import type { PageEnd } from './page-reader.ts';
import type { Sink } from './sink.ts';

/** What a consumer is doing. */
export type ConsumerState = 'live' | 'due' | 'queued' | 'reading' | 'blocked' | 'ahead' | 'gone';

/** A sink at a position. */
export class FeedConsumer {
  readonly sink: Sink;
  readonly connectedAtMs: number;
  /** Most units of one run; a consumer with such a limit is always served a run of its own. */
  readonly limit: number | null;
  channel: Channel<FeedConsumer>;
  state: ConsumerState = 'queued';
  /** Everything up to here was handed over or is not wanted. While live, the feed's own position says it. */
  seq: number;
  /** Where the page read last ended, for the next read to go on from. */
  end: PageEnd | null = null;
  sentEvents = 0;
  sentBytes = 0;
  #deliveredBytes = 0;
  #deliveredAtMs = 0;

  constructor(sink: Sink, channel: Channel<FeedConsumer>, seq: number, limit: number | null, connectedAtMs: number) {
    this.sink = sink;
    this.channel = channel;
    this.seq = seq;
    this.limit = limit;
    this.connectedAtMs = connectedAtMs;
  }

  /** Notes that the sink takes no more for now. */
  block(nowMs: number): void {
    this.state = 'blocked';
    this.#deliveredBytes = this.sink.deliveredBytes;
    this.#deliveredAtMs = nowMs;
  }

  /** Tells whether the sink, being blocked, has let nothing out for so long. */
  isStalled(nowMs: number, stallMs: number): boolean {
    if (this.state !== 'blocked') return false;
    const { deliveredBytes } = this.sink;
    if (deliveredBytes > this.#deliveredBytes) {
      this.#deliveredBytes = deliveredBytes;
      this.#deliveredAtMs = nowMs;
    }
    return nowMs - this.#deliveredAtMs >= stallMs;
  }
}
