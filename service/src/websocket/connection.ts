/**
 * One WebSocket to a client. `ws` reads what comes in and speaks the closing handshake; what goes out is written
 * to the socket as complete frames, so that the same bytes can go to a thousand sockets.
 * Whole frames only, in one turn, and no compression: so ours and those of `ws` (pong, close) never mix.
 * Not for choosing what is sent: that is the outbox, or a session of a room. Source: RFC 6455; bounds are ours.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import { wrapFrame, wrapText } from './frames.ts';

export { frameHeader, wrapFrame } from './frames.ts';

/** Bounds of one connection. */
export interface ConnectionLimits {
  /** Bytes that may wait for a slow client when something more is sent; beyond, it is closed with 1013. */
  readonly maxBufferedBytes: number;
  /** Messages and pings a client may send in a second, twice that in a burst; beyond, it is closed with 1008. */
  readonly maxMessagesPerSecond: number;
}

/** Bytes that may wait in the socket while a pong is still sent. */
const maxPongBufferedBytes = 65_536;

/** Liveness rounds without a sign of life before a connection is cut; a round is the server's pingMs. */
const maxSilentBeats = 3;

/** A connection that is or was open. Listeners are kept in order; those for messages and drains end with the connection. */
export class WebSocketConnection {
  /** The client's address as X-Forwarded-For from a trusted proxy tells it. */
  readonly ip: string;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  readonly #elapsedMs: () => number;
  readonly #messageListeners: ((data: string | Buffer) => void)[] = [];
  readonly #drainListeners: (() => void)[] = [];
  readonly #closeListeners: ((code: number) => void)[] = [];
  #closeCode: number | null = null;
  #allowance: number;
  #allowanceAtMs: number;
  #hasHeard = true;
  #silentBeats = 0;
  #sentAtBeat = 0;

  /** Takes over an upgraded socket; the server makes these. */
  constructor(webSocket: WebSocket, socket: Socket, ip: string, limits: ConnectionLimits, elapsedMs: () => number) {
    this.ip = ip;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#limits = limits;
    this.#elapsedMs = elapsedMs;
    this.#allowance = limits.maxMessagesPerSecond * 2;
    this.#allowanceAtMs = elapsedMs();
    webSocket.on('error', () => undefined);
    webSocket.on('close', (code) => this.#onClosed(code));
    webSocket.on('pong', () => void (this.#hasHeard = true));
    webSocket.on('ping', (data: Buffer) => {
      if (this.#takeAllowance() && this.bufferedBytes < maxPongBufferedBytes) webSocket.pong(data);
    });
    webSocket.on('message', (data: Buffer, isBinary) => {
      if (!this.#takeAllowance()) return;
      const message = isBinary ? data : data.toString('utf8');
      for (const listener of this.#messageListeners) listener(message);
    });
    socket.on('drain', () => {
      if (this.isOpen) for (const listener of this.#drainListeners) listener();
    });
  }

  /** True until either side begins to close. */
  get isOpen(): boolean {
    return this.#closeCode === null && this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  /** Bytes given to the socket that the client's side has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** Bytes that have left this process since the connection began; grows while a client reads at all. */
  get deliveredBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /** The sub-protocol both sides agreed on; '' for none. */
  get protocol(): string {
    return this.#webSocket.protocol;
  }

  /** Sends a text message. False: the client is slow, wait for a drain. */
  sendText(text: string): boolean {
    return this.sendFrames(wrapText(text));
  }

  /** Sends a binary message. False: the client is slow, wait for a drain. */
  sendBinary(payload: Uint8Array): boolean {
    return this.sendFrames(wrapFrame(payload));
  }

  /**
   * Sends complete server frames as they are; the buffer must not change until it is sent.
   * False: the client is slow (wait for a drain) or gone.
   */
  sendFrames(frames: Uint8Array): boolean {
    if (!this.isOpen) return false;
    if (this.#socket.writableLength > this.#limits.maxBufferedBytes) {
      this.close(closeCodes.tryAgainLater, 'too slow: come back from your point');
      return false;
    }
    return this.#socket.write(frames);
  }

  /** Hears text as string and binary as Buffer. Without a listener messages are read and forgotten. */
  onMessage(listener: (data: string | Buffer) => void): void {
    this.#messageListeners.push(listener);
  }

  /** Told each time the socket can take more after a send gave false. */
  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener);
  }

  /** Told once with the close code when the connection is gone; at once when it already is. */
  onClose(listener: (code: number) => void): void {
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) listener(this.#closeCode ?? closeCodes.abnormal);
    else this.#closeListeners.push(listener);
  }

  /** Begins the closing handshake behind what was sent; after the server's closeTimeoutMs the socket is cut. */
  close(code: number, reason = ''): void {
    if (this.#closeCode !== null) return;
    this.#closeCode = code;
    // A reason has room for 123 bytes; ours are ASCII.
    this.#webSocket.close(code, reason.slice(0, 123));
  }

  /** Cuts the socket without a word. */
  terminate(): void {
    this.#webSocket.terminate();
  }

  /**
   * One liveness round, called by the server: pings the client and cuts one that is silent for three rounds.
   * A client that is slowly taking a backlog is alive without saying anything.
   */
  beat(): void {
    const isMoving = this.bufferedBytes > 0 && this.deliveredBytes > this.#sentAtBeat;
    this.#silentBeats = this.#hasHeard || isMoving ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats >= maxSilentBeats) return this.terminate();
    // Also after an answer to the last ping: proxies commonly hang up after a minute without a byte.
    if (this.isOpen && this.bufferedBytes === 0) this.#webSocket.ping();
    this.#hasHeard = false;
    this.#sentAtBeat = this.deliveredBytes;
  }

  #takeAllowance(): boolean {
    this.#hasHeard = true;
    const nowMs = this.#elapsedMs();
    const perSecond = this.#limits.maxMessagesPerSecond;
    this.#allowance = Math.min(perSecond * 2, this.#allowance + ((nowMs - this.#allowanceAtMs) * perSecond) / 1_000) - 1;
    this.#allowanceAtMs = nowMs;
    if (this.#allowance >= 0) return this.isOpen;
    this.close(closeCodes.policyViolation, 'too many messages');
    return false;
  }

  #onClosed(code: number): void {
    this.#closeCode ??= code;
    this.#messageListeners.length = 0;
    this.#drainListeners.length = 0;
    for (const listener of this.#closeListeners.splice(0)) listener(code);
  }
}
