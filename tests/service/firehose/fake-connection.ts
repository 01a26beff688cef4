/** A consumer's connection without a socket: takes frames, says "wait" when its buffer is full, and remembers what it read. */
import type { OutboxConnection } from '@dunlin/service/firehose/outbox';

/** Splits complete server frames into their payloads. */
export function splitFrames(bytes: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const short = bytes[offset + 1] ?? 0;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(offset + 2) : Number(bytes.readBigUInt64BE(offset + 2));
    const start = offset + (short < 126 ? 2 : short === 126 ? 4 : 10);
    payloads.push(bytes.subarray(start, start + length));
    offset = start + length;
  }
  return payloads;
}

export class FakeConnection implements OutboxConnection {
  readonly ip = '192.0.2.1';
  isOpen = true;
  bufferedBytes = 0;
  deliveredBytes = 0;
  closeCode: number | null = null;
  readonly received: Buffer[] = [];
  readonly #roomBytes: number;
  readonly #waiting: Buffer[] = [];
  readonly #drains: (() => void)[] = [];
  readonly #closes: ((code: number) => void)[] = [];
  #mustDrain = false;

  /** `roomBytes` is what fits before a send says "wait"; 0 says it every time. */
  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  sendFrames(frames: Uint8Array): boolean {
    if (!this.isOpen) return false;
    // Held as it is, not copied: so does a socket.
    this.#waiting.push(Buffer.from(frames.buffer, frames.byteOffset, frames.length));
    this.bufferedBytes += frames.length;
    this.#mustDrain ||= this.bufferedBytes > this.#roomBytes;
    return !this.#mustDrain;
  }

  /** The client reads everything that was sent. */
  read(): void {
    for (const frames of this.#waiting.splice(0)) this.received.push(...splitFrames(Buffer.from(frames)));
    this.deliveredBytes += this.bufferedBytes;
    this.bufferedBytes = 0;
    if (!this.#mustDrain || !this.isOpen) return;
    this.#mustDrain = false;
    this.drain();
  }

  /** Tells of a drain, also when nobody waits for one, as a socket may on which others write too. */
  drain(): void {
    for (const drain of this.#drains) drain();
  }

  onDrain(listener: () => void): void {
    this.#drains.push(listener);
  }

  onClose(listener: (code: number) => void): void {
    this.#closes.push(listener);
  }

  close(code: number): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.closeCode = code;
    for (const listener of this.#closes) listener(code);
  }
}
