/**
 * Raw frames from one service over one WebSocket at a time, reconnecting for as long as it is open. The only door of
 * this package to `ws`.
 * Not for: reading the frames (see decode.ts), remembering the cursor (the owner is asked for it before each dial).
 * Place in the flow: the first thing behind the network, for the relay's host pool and for `FirehoseConsumer`.
 * Rules: a paused subscription neither reads nor dials; a connection shorter than `healthyAfterMs` counts as a failed
 * attempt even when the server accepted it, so accept-and-hang-up widens the wait like a refusal does.
 * Source: AT Protocol specification, "Event Stream"; RFC 6455.
 */
import type { LookupFunction } from 'node:net';
import { WebSocket } from 'ws';
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { systemClock } from '@dunlin/protocol/base/clock';
import { maxFrameBytes } from '@dunlin/protocol/base/limits';
import { Backoff } from './backoff.ts';
import { Liveness } from './liveness.ts';
import { Queue } from './queue.ts';
import { literalAddress, subscribeReposPath, subscriptionUrl } from './service-url.ts';
import { errorFrame, faultOfError, faultOfResponse, readBeginning } from './subscription-fault.ts';
import type { SubscriptionFault } from './subscription-fault.ts';

/** idle: not started. waiting: between attempts, or paused before one. closed: for good. */
export type SubscriptionState = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

/** What a `Subscription` needs; only the first three have no default. */
export interface SubscriptionOptions {
  /** wss://host, https://host, ws:// or http:// (with port), or a bare host meaning wss. */
  service: string;
  /** Asked before each dial; the seq after which the stream goes on, null for "from now on". */
  cursor: () => number | null | Promise<number | null>;
  /** Gets each binary message, never while paused. Must not throw. The buffer may be a view of a larger one. */
  onFrame: (bytes: Buffer) => void;
  /** XRPC path; subscribeRepos by default. */
  path?: string;
  /** More query parameters, asked before each dial. */
  params?: () => Record<string, string>;
  onState?: (state: SubscriptionState) => void;
  /** Hears each fault once; the next attempt is made in any case. May call `close`. */
  onError?: (fault: SubscriptionFault) => void;
  clock?: Clock;
  /** Waits between attempts: full jitter below min × 2^n, at most max (1 s, 60 s). */
  backoff?: { minMs: number; maxMs: number; random?: () => number };
  /** How long a connection must live to count as a success (10 s). */
  healthyAfterMs?: number;
  /** After this much silence a ping is sent, after as much again the connection is cut (30 s). */
  idleMs?: number;
  maxFrameBytes?: number;
  /** From dialling to an open WebSocket (15 s). */
  handshakeTimeoutMs?: number;
  /** Resolves names in place of DNS, so that an address can be judged and pinned; asked for literal addresses too. */
  lookup?: LookupFunction;
  headers?: Record<string, string>;
  /** Aborting closes the subscription. */
  signal?: AbortSignal;
}

const closeTimeoutMs = 1_000;

/** Keeps one WebSocket to a service open and hands its messages on; see the header for the rules. */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #state: SubscriptionState = 'idle';
  #socket: WebSocket | null = null;
  #retry: Timer | null = null;
  #isPaused = false;
  #isDue = false;
  readonly #held = new Queue<Buffer>();
  #isHandingOn = false;
  #closing: Promise<void> | null = null;

  /** @throws FirehoseError InvalidOption when `service` is no usable address */
  constructor(options: SubscriptionOptions) {
    subscriptionUrl(options.service, options.path ?? subscribeReposPath);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new Backoff(options.backoff ?? { minMs: 1_000, maxMs: 60_000 });
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Dials for the first time. */
  start(): void {
    assert(this.#state === 'idle', `subscription started twice: state=${this.#state}`);
    if (this.#options.signal?.aborted) return void this.close();
    this.#options.signal?.addEventListener('abort', () => void this.close(), { once: true });
    this.#attempt();
  }

  /** Stops reading the socket: what the machine's buffers hold stays there and the server feels it. */
  pause(): void {
    this.#isPaused = true;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.pause();
  }

  /** Hands on what came before the pause took hold, then reads on, or dials when that is due. */
  resume(): void {
    this.#isPaused = false;
    if (this.#isHandingOn) return;
    this.#handOnHeld();
    if (this.#isPaused || this.#state === 'closed') return;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.resume();
    if (this.#isDue) this.#attempt();
  }

  /** May find itself paused, resumed or closed by each frame it hands on. */
  #handOnHeld(): void {
    this.#isHandingOn = true;
    try {
      while (this.#held.size > 0 && !this.#isPaused && this.#state !== 'closed') this.#options.onFrame(this.#held.shift() as Buffer);
    } finally {
      this.#isHandingOn = false;
    }
  }

  /** Ends the subscription; resolves when the socket is gone, at most a second later. Frames no longer arrive. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#retry?.cancel();
    this.#held.clear();
    this.#setState('closed');
    const socket = this.#socket;
    if (!socket) return;
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const timer = this.#clock.after(closeTimeoutMs, () => socket.terminate());
    if (socket.readyState === WebSocket.OPEN) {
      socket.close(1000);
      socket.resume();
    } else {
      socket.terminate();
    }
    await gone;
    timer.cancel();
  }

  #setState(state: SubscriptionState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#options.onState?.(state);
  }

  #report(fault: SubscriptionFault): void {
    if (this.#state !== 'closed') this.#options.onError?.(fault);
  }

  /** One attempt from asking for the cursor to a socket that has ended, or none while paused. */
  #attempt(): void {
    this.#isDue = this.#isPaused;
    if (this.#isPaused) return this.#setState('waiting');
    this.#setState('connecting');
    void this.#prepare().then(
      (url) => (this.#state === 'closed' ? undefined : this.#dial(url)),
      (error: unknown) => this.#retryAfter({ kind: 'cursor', message: String(error) }),
    );
  }

  async #prepare(): Promise<URL> {
    const { service, path, params, cursor } = this.#options;
    const at = await cursor();
    const query = { ...params?.(), ...(at === null ? {} : { cursor: String(at) }) };
    return subscriptionUrl(service, path ?? subscribeReposPath, query);
  }

  #retryAfter(fault: SubscriptionFault, leastMs = 0): void {
    this.#report(fault);
    if (this.#state === 'closed') return;
    this.#setState('waiting');
    this.#retry = this.#clock.after(Math.max(this.#backoff.nextMs(), leastMs), () => this.#attempt());
  }

  #dial(url: URL): void {
    const address = literalAddress(url);
    const lookup = this.#options.lookup;
    if (address === null || !lookup) return this.#open(url);
    lookup(address, {}, (error) => {
      if (this.#state === 'closed') return;
      if (error) this.#retryAfter({ kind: 'connect', message: error.message });
      else this.#open(url);
    });
  }

  #open(url: URL): void {
    const options = this.#options;
    const maxPayload = options.maxFrameBytes ?? maxFrameBytes;
    const socket = new WebSocket(url, {
      maxPayload,
      perMessageDeflate: false,
      headers: { 'User-Agent': 'dunlin-firehose-consumer', ...options.headers },
      ...(options.lookup ? { lookup: options.lookup } : {}),
    });
    this.#socket = socket;
    const life = new Liveness({
      clock: this.#clock,
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? 15_000,
      idleMs: options.idleMs ?? 30_000,
      isPaused: () => this.#isPaused,
      ping: () => socket.ping(),
      cut: () => socket.terminate(),
    });
    socket.on('open', () => {
      life.opened();
      if (this.#isPaused) socket.pause();
      this.#setState('open');
    });
    socket.on('message', (data, isBinary) => this.#received(life, data as Buffer, isBinary));
    socket.on('ping', () => life.heard());
    socket.on('pong', () => life.heard());
    socket.on('error', (error) => void (life.fault ??= faultOfError(error, life.isOpened, maxPayload)));
    socket.on('unexpected-response', (_request, response) => {
      void readBeginning(response).then((body) => {
        life.fault ??= faultOfResponse(response.statusCode ?? 0, response.headers['retry-after'], body);
        socket.terminate();
      });
    });
    socket.on('close', (code, reason) => this.#ended(life, code, reason.toString()));
  }

  #received(life: Liveness, data: Buffer, isBinary: boolean): void {
    if (this.#state === 'closed') return;
    life.heard();
    if (!isBinary) return this.#report({ kind: 'text-frame', bytes: data.length });
    const fault = errorFrame(data);
    if (fault) return this.#report(fault);
    life.frames += 1;
    if (this.#isPaused) this.#held.push(data);
    else this.#options.onFrame(data);
  }

  #ended(life: Liveness, code: number, reason: string): void {
    life.stop();
    this.#socket = null;
    if (this.#state === 'closed') return;
    if (life.livedMs() >= (this.#options.healthyAfterMs ?? 10_000)) this.#backoff.reset();
    const fault = life.fault ?? { kind: 'close', code, reason, frames: 0 };
    const leastMs = fault.kind === 'http' ? Math.min((fault.retryAfterSeconds ?? 0) * 1_000, 3_600_000) : 0;
    this.#retryAfter(fault.kind === 'close' ? { ...fault, frames: life.frames } : fault, leastMs);
  }
}
