/**
 * One frame for many clients: written as JSON once, framed for WebSocket once, however many sockets it goes to.
 * Durable frames (messages, replies) must all arrive or the connection ends; slot frames (counts, presence) are newest-wins by slot.
 * Source: ours, shapes in lexicons/app.dunlin.live.subscribe.json.
 */
import { wrapFrame } from '@dunlin/service/websocket/connection';

/** JSON of a frame; `$type` is the short name within app.dunlin.live.subscribe. */
export type FrameBody = { readonly $type: `#${string}` } & Readonly<Record<string, unknown>>;

/** A frame ready to send. */
export class Frame {
  readonly text: string;
  /** Frames of the same slot replace each other while a client is slow; null: durable. */
  readonly slot: string | null;
  #wire: Buffer | null = null;

  constructor(body: FrameBody, slot: string | null = null) {
    this.text = JSON.stringify(body);
    this.slot = slot;
  }

  /** The complete server-to-client WebSocket frame. Shared: do not write into it. */
  get wire(): Buffer {
    this.#wire ??= wrapFrame(Buffer.from(this.text), 'text');
    return this.#wire;
  }
}
