/**
 * The page's connection to the gateway: opens it, says who it is, enters the room and tracks the subject, comes back when it breaks,
 * and recovers from the last frame it has seen.
 * Not for what frames mean: the state in state.ts does that.
 * Source: docs/gateway.md, lexicons/app.dunlin.live.subscribe.json and app.dunlin.live.send.json.
 */
import type { Frame } from './wire.ts';

/** What people see of the connection. */
export type ConnectionState = 'connecting' | 'live' | 'waiting' | 'stopped';

/** What a connection needs. */
export interface GatewayOptions {
  /** Gives a fresh token, or null to read without a name. */
  readonly token: () => Promise<string | null>;
  readonly subject: string | null;
  readonly room: string | null;
  readonly onFrame: (frame: Frame) => void;
  readonly onState: (state: ConnectionState, detail?: string) => void;
}

const path = '/xrpc/app.dunlin.live.subscribe';
const maxWaitMs = 15_000;

/** A connection that keeps itself alive until it is closed. */
export class GatewayConnection {
  readonly #o: GatewayOptions;
  #socket: WebSocket | null = null;
  #lease: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #position: { epoch: string; seq: number } | null = null;
  #isClosed = false;
  #mayReturn = true;
  #minWaitMs = 0;

  constructor(o: GatewayOptions) {
    this.#o = o;
    void this.#open();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#lease);
    this.#socket?.close(1000);
  }

  async #open(): Promise<void> {
    this.#o.onState('connecting');
    let token: string | null;
    try {
      token = await this.#o.token();
    } catch (error) {
      return this.#later(error instanceof Error ? error.message : String(error));
    }
    if (this.#isClosed) return;
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#say({ $type: '#auth', ...(token === null ? {} : { token }) });
      if (this.#o.subject !== null) this.#say({ $type: '#track', id: 1, subjects: [this.#o.subject] });
      if (this.#o.room !== null) this.#say({ $type: '#join', id: 2, room: this.#o.room, ...(this.#position === null ? {} : { recover: this.#position }) });
    });
    socket.addEventListener('message', (event) => this.#hear(JSON.parse(String(event.data)) as Frame));
    socket.addEventListener('close', () => {
      clearInterval(this.#lease);
      if (this.#socket === socket) this.#later();
    });
  }

  #hear(frame: Frame): void {
    if (frame.$type === '#hello') {
      this.#failures = 0;
      this.#lease = setInterval(() => this.#say({ $type: '#lease' }), frame.pingSeconds * 1_000);
      this.#o.onState('live');
    }
    if (frame.$type === '#bye') {
      this.#mayReturn = frame.reconnect;
      this.#minWaitMs = frame.afterMs ?? 0;
      if (!frame.reconnect) this.#o.onState('stopped', frame.reason);
    }
    // A snapshot that recovered is followed by the frames missed; only those move the position.
    if (frame.$type === '#snapshot' && !frame.recovered) this.#position = { epoch: frame.epoch, seq: frame.seq };
    if ('seq' in frame && frame.$type !== '#snapshot') this.#position = { epoch: frame.epoch, seq: frame.seq };
    this.#o.onFrame(frame);
  }

  #later(detail?: string): void {
    this.#socket = null;
    if (this.#isClosed || !this.#mayReturn) return;
    const ceiling = Math.min(maxWaitMs, 250 * 2 ** this.#failures++);
    this.#o.onState('waiting', detail);
    this.#retry = setTimeout(() => void this.#open(), this.#minWaitMs + Math.random() * ceiling);
    this.#minWaitMs = 0;
  }

  #say(command: Record<string, unknown>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
  }
}
