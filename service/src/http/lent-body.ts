/**
 * The body of an answer in pieces whose memory is used again: piped into an answer, a piece is filled anew as soon as the
 * connection has taken what was in it, so that an answer of any length takes two pieces of memory. Whoever else reads the
 * stream gets pieces of their own. Left to the collector, megabytes outside the heap bring one full collection after another.
 * Not for bodies that are somebody else's stream. Place: between a handler and Koa, which pipes it. Source: ours, docs/decisions/0029.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { releaseBytes } from '@dunlin/protocol/base/bytes';
import { AnswerClass } from './node-http.ts';

/** Makes the pieces one by one, each in the room that `room` gives, or in its own when it is longer. */
export type PieceMaker = (room: () => Buffer) => Iterator<Buffer, void, undefined>;

/** A body that lends its pieces. */
export class LentBody extends Readable {
  readonly #make: PieceMaker;
  readonly #pieceBytes: number;
  #own: Iterator<Buffer, void, undefined> | null = null;

  /** `pieceBytes` is the room of a piece. What `make` throws destroys the stream, and cuts the answer. */
  constructor(make: PieceMaker, pieceBytes: number) {
    super({ highWaterMark: 1 });
    this.#make = make;
    this.#pieceBytes = pieceBytes;
  }

  override _read(): void {
    try {
      this.#own ??= this.#make(() => Buffer.allocUnsafeSlow(this.#pieceBytes));
      this.push(this.#own.next().value ?? null);
    } catch (fault) {
      this.destroy(fault as Error);
    }
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    if (!(destination instanceof AnswerClass) || this.#own !== null) return super.pipe(destination, options);
    void this.#lendTo(destination).then(() => {
      if (options?.end !== false) this.once('end', () => destination.end());
      this.#own = [][Symbol.iterator]();
      this.resume();
    }, (fault: unknown) => void this.destroy(fault as Error));
    return destination;
  }

  /** Resolves when everything is on its way, or nobody is there to take it. */
  async #lendTo(response: ServerResponse): Promise<void> {
    const rooms = [Buffer.allocUnsafeSlow(this.#pieceBytes), Buffer.allocUnsafeSlow(this.#pieceBytes)];
    let turn = 0;
    let before = Promise.resolve();
    const pieces = this.#make(() => rooms[turn++ % rooms.length]!);
    // What the pieces are made from may serve another as soon as this body is given up.
    while (!this.destroyed && !response.destroyed) {
      const next = pieces.next();
      if (next.done === true) {
        await before;
        // A write that failed may be under way still.
        if (!response.destroyed) for (const room of rooms) releaseBytes(room);
        return;
      }
      const taken = write(response, next.value);
      // The other room is free when the piece before is gone; this one fills the connection meanwhile.
      await before;
      before = taken;
    }
  }
}

/** Resolves when the connection needs the bytes no more, in a turn of their own: others are served in between. */
function write(response: ServerResponse, piece: Buffer): Promise<void> {
  return new Promise((resolve) => void response.write(piece, () => void setImmediate(resolve)));
}
