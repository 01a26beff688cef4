/**
 * The places in which archives are made: four at once, one an account, each read at the pace of exports. Who has read for a minute keeps
 * nobody waiting any more: up to twelve such archives stand beside the four, and of more the slowest gives way to who comes.
 * Not here: what is in an archive (`archive.ts`); the places of the repositories in them (`repo/export.ts`), which have rules like these.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */
import { Readable } from 'node:stream';
import type { Clock } from '@dunlin/protocol/base/clock';
import { atPace } from '@dunlin/service/http/pace';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { exportPace, longAfterMs } from '../repo/export.ts';

/** Most archives that are made at once, but for long ones; one of them an account. */
export const maxArchivesAtOnce = 4;

/** Most archives beside them that have been read for long. */
export const maxLongArchives = 12;

/** An archive that somebody reads. */
class Reading {
  readonly #clock: Clock;
  readonly #begunMs: number;
  #bytes = 0;
  /** Time its reader took, but for the piece it has now. */
  #takenMs = 0;
  #givenMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#begunMs = clock.elapsedMs();
  }

  get isLong(): boolean {
    return this.#clock.elapsedMs() - this.#begunMs >= longAfterMs;
  }

  /** How fast it is read; time in which we had nothing for its reader is not the reader's. */
  get bytesPerMs(): number {
    const sinceGivenMs = this.#givenMs === null ? 0 : this.#clock.elapsedMs() - this.#givenMs;
    return this.#bytes / Math.max(1, this.#takenMs + sinceGivenMs);
  }

  async *counted(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of pieces) {
      this.#givenMs = this.#clock.elapsedMs();
      yield piece;
      this.#takenMs += this.#clock.elapsedMs() - this.#givenMs;
      this.#givenMs = null;
      this.#bytes += piece.length;
    }
  }
}

/** Gives archives places. */
export class ArchivePlaces {
  readonly #clock: Clock;
  readonly #readings = new Map<number, { readonly reading: Reading; readonly stream: Readable }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives the pieces of an account's archive as a stream, which holds a place until it closes. @throws XrpcError 503 NotEnoughResources when there is none */
  lend(accountId: number, pieces: AsyncIterable<Uint8Array>): Readable {
    if (this.#readings.has(accountId)) throw busy('an archive of this account is being made already');
    this.#makeRoom();
    const reading = new Reading(this.#clock);
    const stream = Readable.from(reading.counted(atPace(pieces, { rule: exportPace, clock: this.#clock })), { objectMode: false, highWaterMark: 1 });
    this.#readings.set(accountId, { reading, stream });
    stream.once('close', () => {
      if (this.#readings.get(accountId)?.stream === stream) this.#readings.delete(accountId);
    });
    return stream;
  }

  #makeRoom(): void {
    const long = [...this.#readings].filter(([, { reading }]) => reading.isLong).sort(([, a], [, b]) => a.reading.bytesPerMs - b.reading.bytesPerMs);
    if (this.#readings.size - long.length >= maxArchivesAtOnce) throw busy('too many archives are being made, try again later');
    const [slowest] = long;
    if (slowest === undefined || this.#readings.size < maxArchivesAtOnce + maxLongArchives) return;
    // Its place is free now, though what it waits for may take a moment to end.
    this.#readings.delete(slowest[0]);
    slowest[1].stream.destroy();
  }
}

function busy(message: string): XrpcError {
  return new XrpcError(503, 'NotEnoughResources', message);
}
