/**
 * A sink that keeps what it is given, can be blocked and drained, and reads its bytes the way a client would.
 * Not a test itself.
 */
import type { CutReason, Sink } from '@dunlin/relay/streams/sink';

/** What a client of a WebSocket sees. */
export interface SeenFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Reads server-to-client frames. */
export function readFrames(bytes: Buffer): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes.readUInt8(at);
    const short = bytes.readUInt8(at + 1);
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    frames.push({ opcode: first & 0x0f, payload: bytes.subarray(at + headerBytes, at + headerBytes + length) });
    at += headerBytes + length;
  }
  return frames;
}

/** The sink. */
export class FakeSink implements Sink {
  readonly ip = '127.0.0.1';
  readonly chunks: Buffer[] = [];
  readonly lastSeqs: number[] = [];
  cutFor: CutReason | null = null;
  isBlocked = false;
  deliveredBytes = 0;
  bufferedBytes = 0;
  #drained: (() => void)[] = [];
  #closed: (() => void)[] = [];

  send(bytes: Buffer, lastSeq: number): boolean {
    this.chunks.push(bytes);
    this.lastSeqs.push(lastSeq);
    if (this.isBlocked) this.bufferedBytes += bytes.length;
    else this.deliveredBytes += bytes.length;
    return !this.isBlocked;
  }

  /** Lets some bytes out without a drain. */
  trickle(bytes: number): void {
    this.deliveredBytes += bytes;
    this.bufferedBytes -= bytes;
  }

  drain(): void {
    this.isBlocked = false;
    this.deliveredBytes += this.bufferedBytes;
    this.bufferedBytes = 0;
    for (const listener of this.#drained) listener();
  }

  onDrain(listener: () => void): void {
    this.#drained.push(listener);
  }

  onClose(listener: () => void): void {
    this.#closed.push(listener);
  }

  close(): void {
    for (const listener of this.#closed.splice(0)) listener();
  }

  cut(reason: CutReason): void {
    this.cutFor = reason;
  }

  get frames(): SeenFrame[] {
    return readFrames(Buffer.concat(this.chunks));
  }

  /** The JSON of its text frames. */
  get json(): unknown[] {
    return this.frames.map(({ payload }) => JSON.parse(payload.toString('utf8')) as unknown);
  }
}
