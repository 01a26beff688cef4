/**
 * Compresses the text of events with zstd, each once for all who asked, off the main thread.
 * One zstd context for all events: every write to the stream ends a frame of its own. zstdCompressSync makes a context each time:
 * 1.7 times the processor time, all of it on the main thread (bench/relay-json.ts). Frames come out in the order of the writes.
 * Place in the flow: the encoding of the compressed JSON feeds. Source: RFC 8878; node:zlib.
 */
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';
import { wrapFrame } from '@dunlin/service/websocket/frames';
import type { Encoding } from './encoding.ts';
import { joinBuffers } from './encoding.ts';
import type { JsonEvent } from './entry.ts';
import { eventText, textFrame, textOffset } from './event-text.ts';

/** Room for what one write gives, in bytes: a text is at most six times a record of 1 MB. */
const maxOutputBytes = 16_777_216;

/** JSON compressed, a binary WebSocket frame an event. */
export class CompressedEncoding implements Encoding<JsonEvent> {
  readonly #number: number;
  readonly #dictionary: Buffer | null;
  readonly #underWay = new Map<JsonEvent, Promise<void>>();
  #stream: ZstdCompress | null = null;

  /** `number` is where events keep the result: each compressor has its own, from 0 on. */
  constructor(number: number, dictionary: Buffer | null) {
    this.#number = number;
    this.#dictionary = dictionary;
  }

  units(entry: { readonly events: readonly JsonEvent[] }): readonly JsonEvent[] {
    return entry.events;
  }

  /** Size of the text, not of what it is compressed to: a bound for the reader does not depend on luck. */
  size(event: JsonEvent): number {
    const frame = textFrame(event);
    return frame.length - textOffset(frame);
  }

  prepare(events: readonly JsonEvent[]): Promise<void> | null {
    const missing = events.filter((event) => event.compressed[this.#number] === undefined);
    if (missing.length === 0) return null;
    return Promise.all(missing.map((event) => this.#underWay.get(event) ?? this.#compress(event))).then(() => undefined);
  }

  join(events: readonly JsonEvent[]): Buffer {
    return joinBuffers(events.map((event) => event.compressed[this.#number] ?? Buffer.alloc(0)));
  }

  /** Ends the context; a later prepare makes a new one. */
  close(): void {
    this.#stream?.destroy();
    this.#stream = null;
  }

  #compress(event: JsonEvent): Promise<void> {
    const stream = (this.#stream ??= this.#open());
    const done = new Promise<void>((resolve, reject) => {
      stream.write(eventText(event), (error) => {
        const compressed: unknown = stream.read();
        this.#underWay.delete(event);
        if (error || !Buffer.isBuffer(compressed)) return reject(error ?? new Error('zstd gave nothing'));
        const frame = wrapFrame(compressed);
        event.compressed[this.#number] = frame;
        event.entry.memory.add(frame.length);
        resolve();
      });
    });
    this.#underWay.set(event, done);
    return done;
  }

  #open(): ZstdCompress {
    const dictionary = this.#dictionary === null ? {} : { dictionary: this.#dictionary };
    // An option of every stream, which the types of zlib do not name.
    const room = { readableHighWaterMark: maxOutputBytes };
    const stream = createZstdCompress({ flush: constants.ZSTD_e_end, ...dictionary, ...room });
    // Whoever waits is told by its own write; the next one gets a new context.
    stream.on('error', () => {
      if (this.#stream === stream) this.#stream = null;
    });
    return stream;
  }
}
