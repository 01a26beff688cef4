/** One WebSocket at a time to a server with good and bad manners, on real sockets. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once, EventEmitter } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Subscription } from '../../firehose-consumer/src/subscription.ts';
import type { SubscriptionOptions } from '../../firehose-consumer/src/subscription.ts';
import type { SubscriptionFault } from '../../firehose-consumer/src/subscription-fault.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';

/** A subscription that writes down everything it tells, and lets a test wait for it. */
class Listener extends EventEmitter {
  readonly frames: Buffer[] = [];
  readonly faults: SubscriptionFault[] = [];
  readonly states: string[] = [];
  readonly subscription: Subscription;

  constructor(service: string, options: Partial<SubscriptionOptions> = {}) {
    super();
    this.subscription = new Subscription({
      service,
      cursor: () => null,
      backoff: { minMs: 1, maxMs: 2 },
      ...options,
      onFrame: (bytes) => {
        this.frames.push(Buffer.from(bytes));
        options.onFrame?.(bytes);
        this.emit('change');
      },
      onError: (fault) => {
        this.faults.push(fault);
        options.onError?.(fault);
        this.emit('change');
      },
      onState: (state) => {
        this.states.push(state);
        this.emit('change');
      },
    });
    listeners.push(this);
  }

  start(): this {
    this.subscription.start();
    return this;
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this, 'change');
  }

  async fault(): Promise<SubscriptionFault> {
    await this.until(() => this.faults.length > 0);
    return this.faults[0] as SubscriptionFault;
  }
}

let server: FakeFirehose;
const listeners: Listener[] = [];
const bytes = (...values: number[]): Buffer => Buffer.from(values);

beforeEach(async () => {
  server = await FakeFirehose.start();
});
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.subscription.close()));
  await server.close();
});

describe('a connection', () => {
  test('hands on each binary message and asks for path, cursor and parameters', async () => {
    const listener = new Listener(server.url.replace('ws:', 'http:'), { cursor: async () => 41, params: () => ({ dids: 'did:web:a.test' }), headers: { 'X-Test': 'yes' } }).start();
    const connection = await server.connection(1);
    connection.send(bytes(0xa2, 1));
    connection.send(bytes(0xa2, 2));
    await listener.until(() => listener.frames.length === 2);
    expect(listener.frames.map((frame) => frame[1])).toEqual([1, 2]);
    expect(connection.url.pathname).toBe('/xrpc/com.atproto.sync.subscribeRepos');
    expect(connection.url.searchParams.get('dids')).toBe('did:web:a.test');
    expect(connection.cursor).toBe(41);
    expect(connection.headers['x-test']).toBe('yes');
    expect(connection.headers['user-agent']).toBe('dunlin-firehose-consumer');
    expect(connection.headers['sec-websocket-extensions']).toBeUndefined();
    expect(listener.states).toEqual(['connecting', 'open']);
  });

  test('sends no cursor parameter when there is none, and cursor=0 when it is 0', async () => {
    let cursor: number | null = null;
    const listener = new Listener(server.url, { cursor: () => cursor }).start();
    expect((await server.connection(1)).url.search).toBe('');
    cursor = 0;
    (await server.connection(1)).terminate();
    expect((await server.connection(2)).url.search).toBe('?cursor=0');
    await listener.until(() => listener.subscription.state === 'open');
  });

  test('reports an error frame with its name and then the close with its code', async () => {
    const listener = new Listener(server.url).start();
    const connection = await server.connection(1);
    connection.send(encodeErrorFrame('FutureCursor', 'Cursor in the future.'));
    connection.close(1008, 'FutureCursor');
    await listener.until(() => listener.faults.length === 2);
    expect(listener.frames).toEqual([]);
    expect(listener.faults).toEqual([
      { kind: 'error-frame', error: 'FutureCursor', message: 'Cursor in the future.' },
      { kind: 'close', code: 1008, reason: 'FutureCursor', frames: 0 },
    ]);
  });

  test('leaves bytes that are no frame to the owner', async () => {
    const listener = new Listener(server.url).start();
    const connection = await server.connection(1);
    const garbage = [bytes(0xa1, 0xff), bytes(0xa1), Buffer.alloc(0), bytes(1, 2, 3)];
    for (const each of garbage) connection.send(each);
    await listener.until(() => listener.frames.length === garbage.length);
    expect(listener.frames).toEqual(garbage);
    expect(listener.faults).toEqual([]);
  });

  test('reports a text message and stays', async () => {
    const listener = new Listener(server.url).start();
    const connection = await server.connection(1);
    connection.sendText('hello');
    connection.send(bytes(0xa2));
    await listener.until(() => listener.frames.length === 1);
    expect(listener.faults).toEqual([{ kind: 'text-frame', bytes: 5 }]);
  });

  test('takes a frame of the size limit and ends at one byte more', async () => {
    const listener = new Listener(server.url, { maxFrameBytes: 1_000 }).start();
    const connection = await server.connection(1);
    connection.send(Buffer.alloc(1_000, 0xa2));
    connection.send(Buffer.alloc(1_001, 0xa2));
    expect(await listener.fault()).toEqual({ kind: 'frame-too-big', maxBytes: 1_000 });
    expect(listener.frames.map((frame) => frame.length)).toEqual([1_000]);
    expect(await connection.closed).toBe(1009);
  });

  test('ends at bytes that are no WebSocket', async () => {
    const listener = new Listener(server.url).start();
    (await server.connection(1)).sendRaw(bytes(0xff, 0xff, 0xff, 0xff));
    expect(await listener.fault()).toMatchObject({ kind: 'protocol' });
    await server.connection(2);
  });

  test('reports how many frames a connection brought before it was cut', async () => {
    const listener = new Listener(server.url).start();
    const connection = await server.connection(1);
    connection.send(bytes(0xa2));
    await listener.until(() => listener.frames.length === 1);
    connection.terminate();
    expect(await listener.fault()).toEqual({ kind: 'close', code: 1006, reason: '', frames: 1 });
  });
});

describe('a handshake', () => {
  test('answered in plain HTTP gives the status and the XRPC error', async () => {
    server.refusal = { status: 400, body: JSON.stringify({ error: 'InvalidRequest', message: 'Error: cursor' }) };
    const fault = await new Listener(server.url).start().fault();
    expect(fault).toEqual({ kind: 'http', status: 400, error: 'InvalidRequest', message: 'Error: cursor', retryAfterSeconds: null });
  });

  test('answered with Retry-After waits at least that long', async () => {
    server.refusal = { status: 429, headers: { 'Retry-After': '7' }, body: 'slow down' };
    const clock = new ManualClock();
    const listener = new Listener(server.url, { clock }).start();
    expect(await listener.fault()).toEqual({ kind: 'http', status: 429, error: null, message: null, retryAfterSeconds: 7 });
    server.refusal = null;
    clock.advance(6_999);
    expect(listener.subscription.state).toBe('waiting');
    clock.advance(1);
    await server.connection(1);
  });

  test('that a closed port refuses is tried again', async () => {
    const url = server.url;
    await server.close();
    const listener = new Listener(url).start();
    await listener.until(() => listener.faults.length === 3);
    expect(listener.faults[2]).toMatchObject({ kind: 'connect', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('that never ends is cut at its deadline', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const clock = new ManualClock();
    const listener = new Listener(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}`, { clock, handshakeTimeoutMs: 500 }).start();
    const [socket] = await once(silent, 'connection');
    clock.advance(500);
    expect(await listener.fault()).toEqual({ kind: 'connect', message: 'handshake took too long: 500 ms' });
    socket.destroy();
    await listener.subscription.close();
    silent.close();
  });

  test('asks the lookup hook for names and for literal addresses, and heeds its refusal', async () => {
    const asked: string[] = [];
    const listener = new Listener(`ws://relay.test:${server.port}`, {
      lookup: (host, options, answer) => {
        asked.push(host);
        if (options.all) answer(null, [{ address: '127.0.0.1', family: 4 }]);
        else answer(null, '127.0.0.1', 4);
      },
    }).start();
    await server.connection(1);
    const refused = new Listener(server.url, { lookup: (host, _options, answer) => answer(new Error(`not a public address: ${host}`), '', 0) }).start();
    expect(await refused.fault()).toEqual({ kind: 'connect', message: 'not a public address: 127.0.0.1' });
    expect(asked).toEqual(['relay.test']);
    expect(server.connections).toHaveLength(1);
    await listener.subscription.close();
  });

  test('is not begun when the cursor cannot be had', async () => {
    let isBroken = true;
    const listener = new Listener(server.url, { cursor: () => (isBroken ? Promise.reject(new Error('disk gone')) : 5) }).start();
    expect(await listener.fault()).toEqual({ kind: 'cursor', message: 'Error: disk gone' });
    isBroken = false;
    expect((await server.connection(1)).cursor).toBe(5);
  });
});

describe('reconnecting', () => {
  test('asks for the cursor anew before every attempt', async () => {
    const listener: Listener = new Listener(server.url, { cursor: () => listener.frames.at(-1)?.[1] ?? null }).start();
    for (let count = 1; count <= 4; count++) {
      const connection = await server.connection(count);
      expect(connection.cursor).toBe(count === 1 ? null : count - 1);
      connection.send(bytes(0xa2, count));
      await listener.until(() => listener.frames.length === count);
      connection.terminate();
    }
  });

  test('waits longer each time a server accepts and hangs up, until one connection lives long enough', async () => {
    server.behaviour = (connection) => connection.close(1000);
    const clock = new ManualClock();
    const listener = new Listener(server.url, { clock, backoff: { minMs: 100, maxMs: 1_000, random: () => 0.999 }, healthyAfterMs: 5_000 }).start();
    const hangUp = async (count: number): Promise<void> => listener.until(() => listener.faults.length === count && listener.subscription.state === 'waiting');
    for (const [index, waitMs] of [99, 199, 399, 799, 999, 999].entries()) {
      await hangUp(index + 1);
      clock.advance(waitMs - 1);
      expect(listener.subscription.state).toBe('waiting');
      if (index === 5) server.behaviour = () => undefined;
      clock.advance(1);
    }
    await listener.until(() => listener.subscription.state === 'open');
    clock.advance(5_000);
    (await server.connection(7)).terminate();
    await hangUp(7);
    clock.advance(99);
    await server.connection(8);
  });

  test('stops when it is closed while waiting, and tells nothing more', async () => {
    const clock = new ManualClock();
    const listener = new Listener(server.url, { clock }).start();
    (await server.connection(1)).terminate();
    await listener.until(() => listener.subscription.state === 'waiting');
    await listener.subscription.close();
    clock.advance(100_000);
    expect(listener.subscription.state).toBe('closed');
    expect(server.connections).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });
});

describe('silence', () => {
  test('is asked about with a ping, and a pong is an answer', async () => {
    const clock = new ManualClock();
    const listener = new Listener(server.url, { clock, idleMs: 1_000 }).start();
    const connection = await server.connection(1);
    await listener.until(() => listener.subscription.state === 'open');
    for (let round = 0; round < 3; round++) {
      clock.advance(2_000);
      await once(connection.socket, 'ping');
      connection.send(bytes(0xa2));
      await listener.until(() => listener.frames.length === round + 1);
    }
    expect(listener.faults).toEqual([]);
  });

  test('without an answer to the ping cuts the connection', async () => {
    const deaf = await FakeFirehose.start({ autoPong: false });
    const clock = new ManualClock();
    const listener = new Listener(deaf.url, { clock, idleMs: 1_000 }).start();
    await listener.until(() => listener.subscription.state === 'open');
    clock.advance(2_999);
    expect(listener.subscription.state).toBe('open');
    clock.advance(1);
    expect(await listener.fault()).toEqual({ kind: 'silence', silentMs: 2_000 });
    await listener.subscription.close();
    await deaf.close();
  });
});

describe('pausing', () => {
  test('hands nothing on while paused and everything in order afterwards', async () => {
    const listener: Listener = new Listener(server.url, { onFrame: (frame) => frame[1] === 3 && listener.subscription.pause() }).start();
    const connection = await server.connection(1);
    for (let index = 1; index <= 200; index++) connection.send(bytes(0xa2, index));
    await listener.until(() => listener.frames.length === 3);
    connection.socket.ping();
    await new Promise((resolve) => setImmediate(resolve));
    expect(listener.frames).toHaveLength(3);
    listener.subscription.resume();
    await listener.until(() => listener.frames.length === 200);
    expect(listener.frames.map((frame) => frame[1])).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('makes the server wait once the machine’s buffers are full', async () => {
    const listener: Listener = new Listener(server.url, { onFrame: () => listener.subscription.pause() }).start();
    const connection = await server.connection(1);
    const frame = Buffer.alloc(100_000, 0xa2);
    for (let index = 0; index < 300; index++) connection.send(frame);
    await listener.until(() => listener.frames.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(connection.socket.bufferedAmount).toBeGreaterThan(10_000_000);
    expect(listener.frames).toHaveLength(1);
    const done = listener.until(() => listener.frames.length === 300);
    listener.on('change', () => queueMicrotask(() => listener.subscription.resume()));
    listener.subscription.resume();
    await done;
  });

  test('may happen again in the middle of what was held back', async () => {
    const listener: Listener = new Listener(server.url, { onFrame: () => listener.subscription.pause() }).start();
    const connection = await server.connection(1);
    for (let index = 1; index <= 5; index++) connection.send(bytes(0xa2, index));
    for (let count = 1; count <= 5; count++) {
      await listener.until(() => listener.frames.length === count);
      listener.subscription.resume();
    }
    expect(listener.frames.map((frame) => frame[1])).toEqual([1, 2, 3, 4, 5]);
  });

  test('and resuming again from within a frame hands each on once', async () => {
    const listener: Listener = new Listener(server.url, {
      onFrame: (frame) => {
        listener.subscription.pause();
        if ((frame[1] as number) % 3 !== 0) listener.subscription.resume();
      },
    }).start();
    const connection = await server.connection(1);
    for (let index = 1; index <= 30; index++) connection.send(bytes(0xa2, index));
    for (let count = 3; count <= 30; count += 3) {
      await listener.until(() => listener.frames.length === count);
      listener.subscription.resume();
    }
    expect(listener.frames.map((frame) => frame[1])).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  test('puts off the next attempt until it is over', async () => {
    const listener = new Listener(server.url).start();
    await listener.until(() => listener.subscription.state === 'open');
    listener.subscription.pause();
    (await server.connection(1)).terminate();
    await listener.until(() => listener.faults.length === 1);
    await listener.until(() => listener.subscription.state === 'waiting');
    expect(server.connections).toHaveLength(1);
    listener.subscription.resume();
    await server.connection(2);
  });
});

describe('closing', () => {
  test('says goodbye with 1000 and resolves when the socket is gone', async () => {
    const listener = new Listener(server.url).start();
    const connection = await server.connection(1);
    await listener.until(() => listener.subscription.state === 'open');
    await Promise.all([listener.subscription.close(), listener.subscription.close()]);
    expect(await connection.closed).toBe(1000);
    expect(listener.states.at(-1)).toBe('closed');
    expect(listener.faults).toEqual([]);
  });

  test('works before the start, while connecting, while paused and from a signal', async () => {
    await new Listener(server.url).subscription.close();
    await new Listener(server.url).start().subscription.close();
    const paused = new Listener(server.url).start();
    await paused.until(() => paused.subscription.state === 'open');
    paused.subscription.pause();
    await paused.subscription.close();
    const stop = new AbortController();
    const stopped = new Listener(server.url, { signal: stop.signal }).start();
    await stopped.until(() => stopped.subscription.state === 'open');
    stop.abort();
    await stopped.until(() => stopped.subscription.state === 'closed');
    expect(new Listener(server.url, { signal: stop.signal }).start().subscription.state).toBe('closed');
  });

  test('refuses a second start and a service that is no address', () => {
    const listener = new Listener(server.url).start();
    expect(() => listener.subscription.start()).toThrow('subscription started twice');
    expect(() => new Listener('ftp://relay.test')).toThrow(expect.objectContaining({ code: 'InvalidOption' }));
  });
});
