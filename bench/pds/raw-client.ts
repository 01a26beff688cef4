/**
 * An HTTP client that is as cheap as can be, so that the server and not the client is the bound: bytes are written to sockets
 * and counted when they come; of an answer only status and length are read. The same for whichever server is asked.
 * Not for anything but benches: no redirects, no compression, one call at a time on a socket. Place: beneath pair.ts. Source: ours.
 */
import { connect, type Socket } from 'node:net';

const readBytes = 262_144;
const headEnd = '\r\n\r\n';
const lastChunk = '0\r\n\r\n';

/** One call: status of its answer, bytes of its body, and the body when it was asked for. */
export interface RawAnswer {
  status: number;
  bodyBytes: number;
  body: string | null;
}

interface Call {
  request: string;
  wantsBody: boolean;
  isRepeated: boolean;
  resolve: (answer: RawAnswer) => void;
  reject: (error: Error) => void;
}

/** Sockets to one server; each takes one call at a time, further ones wait. */
export class RawClient {
  readonly #host: string;
  readonly #port: number;
  readonly #idle: Lane[] = [];
  readonly #lanes: Lane[] = [];
  readonly #waiting: Call[] = [];

  constructor(url: string, sockets: number) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
    for (let index = 0; index < sockets; index++) {
      const lane = new Lane(() => connect({ host: this.#host, port: this.#port, noDelay: true, onread: { buffer: lane.buffer, callback: (length) => lane.take(length) } }), () => this.#next(lane));
      this.#lanes.push(lane);
      this.#idle.push(lane);
    }
  }

  /** Asks a path. */
  get(path: string, o: { wantsBody?: boolean } = {}): Promise<RawAnswer> {
    return this.#call(`GET ${path} HTTP/1.1\r\nhost: ${this.#host}:${this.#port}\r\n\r\n`, o.wantsBody ?? false);
  }

  /** Sends JSON to a path. */
  post(path: string, json: string, o: { token?: string; wantsBody?: boolean } = {}): Promise<RawAnswer> {
    const credentials = o.token === undefined ? '' : `authorization: Bearer ${o.token}\r\n`;
    const head = `POST ${path} HTTP/1.1\r\nhost: ${this.#host}:${this.#port}\r\ncontent-type: application/json\r\n${credentials}content-length: ${Buffer.byteLength(json)}${headEnd}`;
    return this.#call(head + json, o.wantsBody ?? false);
  }

  /** Closes every socket. */
  close(): void {
    for (const lane of this.#lanes) lane.close();
  }

  #call(request: string, wantsBody: boolean): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const call = { request, wantsBody, isRepeated: false, resolve, reject };
      const lane = this.#idle.pop();
      if (lane) lane.send(call);
      else this.#waiting.push(call);
    });
  }

  #next(lane: Lane): void {
    const call = this.#waiting.shift();
    if (call) lane.send(call);
    else this.#idle.push(lane);
  }
}

/** One socket with the call that is under way on it. */
class Lane {
  readonly buffer = Buffer.allocUnsafeSlow(readBytes);
  readonly #connect: () => Socket;
  readonly #onIdle: () => void;
  #socket: Socket | null = null;
  #call: Call | null = null;
  #head = '';
  #status = 0;
  /** −1 while the head is not whole; Infinity when the body comes in chunks. */
  #expectedBytes = -1;
  #bodyBytes = 0;
  #tail = '';
  #parts: string[] = [];

  constructor(connectNow: () => Socket, onIdle: () => void) {
    this.#connect = connectNow;
    this.#onIdle = onIdle;
  }

  send(call: Call): void {
    this.#call = call;
    this.#head = '';
    this.#expectedBytes = -1;
    this.#bodyBytes = 0;
    this.#tail = '';
    this.#parts = [];
    this.#open().write(call.request);
  }

  close(): void {
    this.#socket?.destroy();
  }

  take(length: number): boolean {
    let start = 0;
    if (this.#expectedBytes === -1) {
      start = this.#readHead(length);
      if (start === -1) return true;
    }
    const call = this.#call!;
    this.#bodyBytes += length - start;
    if (call.wantsBody) this.#parts.push(this.buffer.toString('latin1', start, length));
    if (this.#expectedBytes === Infinity) this.#tail = (this.#tail + this.buffer.toString('latin1', Math.max(start, length - lastChunk.length), length)).slice(-lastChunk.length);
    if (this.#bodyBytes < this.#expectedBytes && this.#tail !== lastChunk) return true;
    this.#call = null;
    call.resolve({ status: this.#status, bodyBytes: this.#bodyBytes, body: call.wantsBody ? this.#body() : null });
    this.#onIdle();
    return true;
  }

  /** Gives where the body begins in what was just read, or −1 when the head is not whole yet. */
  #readHead(length: number): number {
    const before = this.#head.length;
    this.#head += this.buffer.toString('latin1', 0, Math.min(length, 16_384));
    const end = this.#head.indexOf(headEnd);
    if (end === -1) return -1;
    this.#status = Number(this.#head.slice(9, 12));
    const declared = /\r\ncontent-length: (\d+)/i.exec(this.#head.slice(0, end));
    this.#expectedBytes = declared ? Number(declared[1]) : Infinity;
    return end + headEnd.length - before;
  }

  #body(): string {
    let text = this.#parts.join('');
    if (this.#expectedBytes === Infinity) text = withoutChunks(text);
    return Buffer.from(text, 'latin1').toString('utf8');
  }

  #open(): Socket {
    if (this.#socket !== null && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = this.#connect();
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      const call = this.#call;
      if (call === null) return;
      // A server may close a socket that was idle in the very moment it is used again.
      if (call.isRepeated || this.#head !== '') call.reject(new Error('connection was closed before the answer was whole'));
      else this.send({ ...call, isRepeated: true });
    });
    return socket;
  }
}

function withoutChunks(text: string): string {
  const parts: string[] = [];
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!(length > 0)) return parts.join('');
    parts.push(text.slice(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
}
