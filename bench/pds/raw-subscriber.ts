/**
 * A subscriber to the firehose that is as cheap as can be, as raw-client.ts is for calls: of what comes only the heads of the
 * WebSocket frames are read, and one is waited for at a time. The same for whichever server is listened to.
 * Not for anything but benches: it looks into no frame. Place: beneath the pds-* benches. Source: RFC 6455; ours.
 */
import { connect, type Socket } from 'node:net';

const readBytes = 262_144;
const headEnd = '\r\n\r\n';
const opcodeMask = 0x0f, binary = 2, close = 8, ping = 9;

/** A connection on which frames come, from the head of the log on. */
export class RawSubscriber {
  readonly #socket: Socket;
  readonly #buffer = Buffer.allocUnsafeSlow(readBytes);
  #rest: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #onOpen: (() => void) | null = null;
  #onFrame: ((atMs: number) => void) | null = null;
  #onFault: ((fault: Error) => void) | null = null;

  private constructor(url: string) {
    const { hostname, port } = new URL(url);
    const request = `GET /xrpc/com.atproto.sync.subscribeRepos HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.alloc(16, 7).toString('base64')}${headEnd}`;
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread: { buffer: this.#buffer, callback: (length) => this.#take(length) } }, () => void this.#socket.write(request));
    this.#socket.on('error', (fault) => this.#onFault?.(fault));
    this.#socket.on('close', () => this.#onFault?.(new Error('the subscription was closed')));
  }

  /** Connects, and resolves when frames can come. */
  static async open(url: string): Promise<RawSubscriber> {
    const subscriber = new RawSubscriber(url);
    await new Promise<void>((resolve, reject) => {
      subscriber.#onOpen = resolve;
      subscriber.#onFault = reject;
    });
    return subscriber;
  }

  /** Resolves when the next frame is here whole, with the moment. To be called before that can be. */
  next(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#onFrame = resolve;
      this.#onFault = reject;
    });
  }

  /** Closes the connection. */
  end(): void {
    this.#onFault = null;
    this.#socket.destroy();
  }

  #take(length: number): boolean {
    const came = this.#buffer.subarray(0, length);
    let bytes: Buffer = this.#rest.length === 0 ? came : Buffer.concat([this.#rest, came]);
    if (!this.#isOpen) {
      const end = bytes.indexOf(headEnd);
      if (end !== -1) {
        bytes = bytes.subarray(end + headEnd.length);
        this.#isOpen = true;
        this.#onOpen?.();
      }
    }
    if (this.#isOpen) bytes = this.#frames(bytes);
    this.#rest = Buffer.from(bytes);
    return true;
  }

  /** Passes by the frames that are whole and gives what is behind them. */
  #frames(bytes: Buffer): Buffer {
    let start = 0;
    while (start + 2 <= bytes.length) {
      const short = bytes[start + 1]!;
      const headBytes = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (start + headBytes > bytes.length) break;
      const length = short === 127 ? Number(bytes.readBigUInt64BE(start + 2)) : short === 126 ? bytes.readUInt16BE(start + 2) : short;
      const end = start + headBytes + length;
      if (end > bytes.length) break;
      const opcode = bytes[start]! & opcodeMask;
      if (opcode === binary) this.#onFrame?.(performance.now());
      else if (opcode === close) this.#onFault?.(new Error('the subscription was closed'));
      // A pong without contents: whoever pings wants to know that somebody is there.
      else if (opcode === ping) this.#socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
      start = end;
    }
    return bytes.subarray(start);
  }
}
