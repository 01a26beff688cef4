/** Tests of the outbox: by a model (random appends, readers, cursors), and of each reason to cut a consumer. */
import { afterEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { decodeFrame } from '@dunlin/protocol/stream/frame';
import { Outbox, type OutboxOptions } from '@dunlin/service/firehose/outbox';
import { subscribe } from '@dunlin/service/firehose/subscribe';
import { segmentBytes } from '@dunlin/service/firehose/ring';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';
import { wrapFrame } from '@dunlin/service/websocket/frames';
import { FakeConnection } from './fake-connection.ts';
import { MemoryLog, payloadOf, seqOf } from './memory-log.ts';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).toReversed().forEach((close) => close()));

function open(log: MemoryLog, o: Partial<OutboxOptions> = {}): { outbox: Outbox; clock: ManualClock; metrics: Metrics } {
  const clock = new ManualClock();
  const metrics = createMetrics('test');
  const outbox = new Outbox(log, { metrics, logger: silentLogger, clock, ...o });
  closers.push(() => metrics.close(), () => outbox.close());
  return { outbox, clock, metrics };
}

/** Lets every turn that is due happen. */
async function settle(rounds = 3): Promise<void> {
  for (let round = 0; round < rounds; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** Reads and lets turns happen until a reader gets nothing new. */
async function readAll(connection: FakeConnection): Promise<number[]> {
  for (let seen = -1; seen !== connection.received.length || connection.bufferedBytes > 0;) {
    seen = connection.received.length;
    connection.read();
    await settle();
  }
  return connection.received.map(seqOf);
}

test('what was read is given back to the log when the socket has sent it, or when nobody wants it any more', async () => {
  const log = new MemoryLog();
  log.append([1, 2, 3], 100);
  [log.isSlow, log.isReusing] = [true, true];
  const { outbox } = open(log, { readBytes: 250 });
  const connection = new FakeConnection(0);
  outbox.attach(connection, 0);
  await settle(1);
  outbox.forget();
  await settle();
  expect([log.reads, log.lent, connection.bufferedBytes]).toEqual([2, 1, 204]);
  expect(await readAll(connection)).toEqual([1, 2, 3]);
  expect([log.reads, log.lent]).toEqual([3, 0]);
});

test('what was being read when something was taken down is not sent, but read anew', async () => {
  const log = new MemoryLog();
  log.append([1, 2, 3]);
  log.isSlow = true;
  const { outbox } = open(log);
  const connection = new FakeConnection(100_000);
  outbox.attach(connection, 0);
  await settle(1);
  expect(log.reads).toBe(1);
  log.entries[1] = { seq: 2, frame: wrapFrame(payloadOf(7)) };
  outbox.forget();
  expect(await readAll(connection)).toEqual([1, 7, 3]);
  expect(log.reads).toBe(2);
});

test('while nobody listens no frame is held; whoever comes then reads the log, and the ring from there on', async () => {
  const log = new MemoryLog();
  const { outbox, metrics } = open(log);
  log.append([1]);
  log.append([2, 3]);
  expect(await metrics.text()).toMatch(/^test_outbox_ring_bytes 0$/m);
  const connection = new FakeConnection(100_000);
  outbox.attach(connection, 1);
  expect(await readAll(connection)).toEqual([2, 3]);
  expect(log.reads).toBe(1);
  log.append([4]);
  expect(await readAll(connection)).toEqual([2, 3, 4]);
  expect(log.reads).toBe(1);
  expect(await metrics.text()).toMatch(new RegExp(`^test_outbox_ring_bytes ${segmentBytes}$`, 'm'));
});

describe('a model of readers', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), gaps: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }), bytes: fc.constantFrom(0, 10, 130, 2_000, 70_000) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), who: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const), roomBytes: fc.constantFrom(0, 500, 100_000), back: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('turn' as const), ms: fc.constantFrom(0, 1, 10) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'forget' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), who: fc.nat(5) }) },
  );

  test.each([['at once', false, false], ['after a while', true, false], ['out of buffers it uses again', true, true]])('shows every event behind its cursor to each, once and in order, when the log answers %s', async (_name, isSlow, isReusing) => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const log = new MemoryLog(100);
      log.isSlow = isSlow;
      log.isReusing = isReusing;
      const { outbox, clock } = open(log, { ringBytes: segmentBytes * 2, readBytes: 5_000 });
      const readers: { connection: FakeConnection; cursor: number }[] = [];
      for (const each of steps) {
        if (each.kind === 'append') log.append(each.gaps.map(((seq) => (gap) => (seq += gap))(log.headSeq())), each.bytes);
        else if (each.kind === 'join' && readers.length < 6) {
          const cursor = Math.max(100, log.headSeq() - each.back);
          const connection = new FakeConnection(each.roomBytes);
          readers.push({ connection, cursor });
          outbox.attach(connection, cursor);
        } else if (each.kind === 'read') readers[each.who]?.connection.read();
        else if (each.kind === 'leave') readers[each.who]?.connection.close(1000);
        else if (each.kind === 'forget') outbox.forget();
        else if (each.kind === 'drain') readers[each.who]?.connection.drain();
        else if (each.kind === 'turn') {
          clock.advance(each.ms);
          await settle(1);
        }
      }
      clock.advance(10);
      await settle();
      for (const { connection, cursor } of readers) {
        const wanted = log.entries.map(({ seq }) => seq).filter((seq) => seq > cursor);
        const seen = connection.isOpen ? await readAll(connection) : connection.received.map(seqOf);
        expect(seen).toEqual(connection.isOpen ? wanted : wanted.slice(0, seen.length));
      }
      outbox.close();
    }), { numRuns: 300 });
  });
});

describe('a live consumer', () => {
  test('gets an event at once when nothing else goes on', async () => {
    const log = new MemoryLog();
    const { outbox } = open(log);
    const connection = new FakeConnection(1_000_000);
    outbox.attach(connection, 0);
    await settle();
    log.append([1]);
    await settle(1);
    connection.read();
    expect(connection.received.map(seqOf)).toEqual([1]);
    expect(log.reads).toBe(0);
  });

  test('shares its bytes with every other: one buffer for all', async () => {
    const log = new MemoryLog();
    const { outbox } = open(log);
    const buffers: ArrayBufferLike[] = [];
    for (let index = 0; index < 3; index++) {
      const connection = new FakeConnection(1_000_000);
      connection.sendFrames = (frames) => {
        buffers.push(frames.buffer);
        return true;
      };
      outbox.attach(connection, 0);
    }
    await settle();
    log.append([1, 2, 3]);
    await settle();
    expect(buffers).toHaveLength(3);
    expect(new Set(buffers).size).toBe(1);
  });

  test('is listed with its position', async () => {
    const log = new MemoryLog();
    const { outbox, clock, metrics } = open(log);
    const connection = new FakeConnection(0);
    outbox.attach(connection, 0);
    await settle();
    log.append([1, 5]);
    await settle();
    expect(outbox.consumers()).toEqual([{ ip: '192.0.2.1', cursor: 5, connectedAtMs: clock.nowMs(), sentEvents: 2, sentBytes: 6, bufferedBytes: 6 }]);
    const text = await metrics.text();
    expect(text).toContain('test_outbox_events_sent_total 2');
    expect(text).toContain('test_outbox_consumers 1');
    connection.close(1000);
    expect(outbox.consumers()).toEqual([]);
  });
});

describe('many consumers', () => {
  test('are served over several turns when sending takes long, each in its turn, other work in between', async () => {
    // Time passes with every look at the clock, as if each round of sends took five ms.
    class BusyClock extends ManualClock {
      override elapsedMs(): number {
        this.advance(5);
        return super.elapsedMs();
      }
    }
    const log = new MemoryLog();
    const { outbox } = open(log, { clock: new BusyClock(), flushMs: 0 });
    const connections = Array.from({ length: 100 }, () => new FakeConnection(1_000_000));
    for (const connection of connections) outbox.attach(connection, 0);
    await settle(10);
    log.append([1]);
    await settle(1);
    const servedAtOnce = connections.filter(({ bufferedBytes }) => bufferedBytes > 0).length;
    expect(servedAtOnce).toBeGreaterThan(0);
    expect(servedAtOnce).toBeLessThan(100);
    log.append([2]);
    await settle(30);
    for (const connection of connections) expect(await readAll(connection)).toEqual([1, 2]);
  });

  test('that leave while the log is read are sent nothing more', async () => {
    const log = new MemoryLog();
    log.append([1, 2]);
    log.isSlow = true;
    const { outbox, metrics } = open(log);
    const connection = new FakeConnection(1_000_000);
    outbox.attach(connection, 0);
    await settle(1);
    connection.close(1000);
    await settle();
    expect(await metrics.text()).toContain('test_outbox_events_sent_total 0');
  });
});

describe('a slow consumer', () => {
  test('costs only itself: others go on and nothing is queued for it', async () => {
    const log = new MemoryLog();
    const { outbox } = open(log);
    const [slow, fast] = [new FakeConnection(0), new FakeConnection(1_000_000)];
    outbox.attach(slow, 0);
    outbox.attach(fast, 0);
    await settle();
    for (let seq = 1; seq <= 200; seq++) {
      log.append([seq], 1_000);
      await settle(1);
      fast.read();
    }
    expect(fast.received).toHaveLength(200);
    expect(slow.bufferedBytes).toBeLessThan(3_000);
    expect(await readAll(slow)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('is cut with ConsumerTooSlow when it takes nothing for stallMs, and not a moment sooner', async () => {
    const log = new MemoryLog();
    const { outbox, clock, metrics } = open(log, { stallMs: 4_000 });
    const connection = new FakeConnection(0);
    outbox.attach(connection, 0);
    await settle();
    log.append([1]);
    await settle();
    clock.advance(3_999);
    expect(connection.isOpen).toBe(true);
    clock.advance(1);
    expect(connection.closeCode).toBe(1008);
    connection.read();
    expect(decodeFrame(connection.received.at(-1) ?? Buffer.alloc(0))).toMatchObject({ op: -1, error: 'ConsumerTooSlow' });
    expect(await metrics.text()).toContain('test_outbox_consumers_cut_total{reason="stalled"} 1');
    expect(outbox.consumers()).toEqual([]);
  });

  test('that takes a little now and then stays', async () => {
    const log = new MemoryLog();
    const { outbox, clock } = open(log, { stallMs: 4_000 });
    const connection = new FakeConnection(0);
    outbox.attach(connection, 0);
    await settle();
    log.append([1]);
    await settle();
    for (let round = 0; round < 10; round++) {
      clock.advance(2_000);
      connection.deliveredBytes += 1;
    }
    expect(connection.isOpen).toBe(true);
  });

  test('is cut when its place fell out of the window', async () => {
    const log = new MemoryLog();
    const { outbox, metrics } = open(log, { ringBytes: segmentBytes });
    const connection = new FakeConnection(0);
    outbox.attach(connection, 0);
    await settle();
    log.append([1]);
    await settle();
    for (let seq = 2; seq <= 12; seq++) log.append([seq], 100_000);
    log.trim(5);
    connection.read();
    await settle();
    connection.read();
    expect(connection.received.slice(0, -1).map(seqOf)).toEqual([1]);
    expect(decodeFrame(connection.received.at(-1) ?? Buffer.alloc(0))).toMatchObject({ op: -1, error: 'ConsumerTooSlow' });
    expect(await metrics.text()).toContain('test_outbox_consumers_cut_total{reason="window"} 1');
  });

  test('is told of an internal error when the log cannot be read', async () => {
    const log = new MemoryLog();
    log.append([1]);
    const { outbox } = open(log);
    for (const read of [() => { throw new Error('disk gone'); }, () => Promise.reject(new Error('disk gone'))]) {
      log.read = read;
      const connection = new FakeConnection(0);
      outbox.attach(connection, 0);
      await settle();
      expect(connection.closeCode).toBe(1011);
    }
  });
});

describe('cursor rules', () => {
  const log = new MemoryLog(7);
  log.append([10, 11, 15, 20]);
  log.trim(3);
  // Held now: 11, 15, 20.

  test.each([
    ['none: live from now', null, []],
    ['the head: live from now', 20, []],
    ['one below the head', 19, [20]],
    ['the oldest less one: all, without info', 10, [11, 15, 20]],
    ['the oldest: all behind it', 11, [15, 20]],
    ['inside a gap', 12, [15, 20]],
    ['0: from the oldest, without info', 0, [11, 15, 20]],
  ])('%s', async (_name, cursor, wanted) => {
    const { outbox } = open(log);
    const connection = new FakeConnection(1_000_000);
    subscribe(connection, cursor, { log, outbox });
    await settle();
    expect(await readAll(connection)).toEqual(wanted);
  });

  test.each([9, 1])('%i, older than the window: info OutdatedCursor, then from the oldest', async (cursor) => {
    const { outbox } = open(log);
    const connection = new FakeConnection(1_000_000);
    subscribe(connection, cursor, { log, outbox });
    await settle();
    await readAll(connection);
    const [info, ...events] = connection.received;
    expect(decodeFrame(info ?? Buffer.alloc(0))).toMatchObject({ op: 1, t: '#info', body: { name: 'OutdatedCursor' } });
    expect(events.map(seqOf)).toEqual([11, 15, 20]);
  });

  test('21, above the head: error frame FutureCursor, then close 1008', async () => {
    const { outbox } = open(log);
    const connection = new FakeConnection(1_000_000);
    subscribe(connection, 21, { log, outbox });
    connection.read();
    expect(connection.received.map((frame) => decodeFrame(frame))).toEqual([{ op: -1, error: 'FutureCursor', message: 'Cursor in the future.' }]);
    expect(connection.closeCode).toBe(1008);
    expect(outbox.consumers()).toEqual([]);
  });
});
