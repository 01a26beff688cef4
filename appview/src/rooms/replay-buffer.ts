/**
 * The last durable frames of a room, so that a client that was away gets exactly what it missed, or is told that it cannot.
 * All or nothing: never a stream with a hole. A position is good only within the epoch, which is new with every buffer.
 * Bounded by frames and by bytes. Not for history: that is in the index.
 * Source: ours, see docs/gateway.md (after Centrifugo's epoch and offset).
 */
import { toBase64Url } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { Frame } from './frame.ts';

/** The last frame a client has seen. */
export interface RoomPosition {
  readonly epoch: string;
  readonly seq: number;
}

/** Most frames held. */
export const maxHeldFrames = 256;

/** Most bytes held. */
export const maxHeldBytes = 512 * 1024;

/** Frames of one room, numbered from 1. */
export class ReplayBuffer {
  readonly epoch: string = toBase64Url(randomBytes(9));
  readonly #frames: Frame[] = [];
  #bytes = 0;
  #seq = 0;

  /** Number of the newest frame; 0 when there was none. */
  get seq(): number {
    return this.#seq;
  }

  /** Numbers a frame and holds it; `make` gets the number it will carry. */
  push(make: (seq: number) => Frame): Frame {
    const frame = make(this.#seq + 1);
    this.#seq += 1;
    this.#frames.push(frame);
    this.#bytes += frame.wire.length;
    while (this.#frames.length > maxHeldFrames || (this.#bytes > maxHeldBytes && this.#frames.length > 1)) {
      this.#bytes -= this.#frames.shift()?.wire.length ?? 0;
    }
    return frame;
  }

  /** Gives every frame after the position, perhaps none; null when the epoch is another or a frame is no longer held. */
  since(position: RoomPosition): readonly Frame[] | null {
    if (position.epoch !== this.epoch || position.seq > this.#seq) return null;
    const missed = this.#seq - position.seq;
    if (missed > this.#frames.length) return null;
    return missed === 0 ? [] : this.#frames.slice(-missed);
  }
}
