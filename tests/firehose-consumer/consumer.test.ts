/** The consumer against a server on a real socket: where it begins, where it goes on, and what every word of the server does. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { encode } from '@dunlin/protocol/data/cbor';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { FirehoseConsumer, memoryCursor } from '../../firehose-consumer/src/index.ts';
import type { ConsumerEvent, ConsumerOptions, CursorStore, Drop, Notice } from '../../firehose-consumer/src/index.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually } from '../harness/wait.ts';
import { MadeAccount, MadeResolver, madeTime, unavailable, unprovenCreate } from './made-stream.ts';

let server: FakeFirehose;
beforeEach(async () => {
  server = await FakeFirehose.start();
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
  await server.close();
});

const consumers: FirehoseConsumer[] = [];

function newConsumer(options: Partial<ConsumerOptions> = {}): FirehoseConsumer {
  const consumer = new FirehoseConsumer({ service: server.url, backoff: { minMs: 1, maxMs: 2 }, ...options });
  consumers.push(consumer);
  return consumer;
}

/** A run that writes down everything it hears. */
class Run {
  readonly events: ConsumerEvent[] = [];
  readonly drops: Drop[] = [];
  readonly notices: Notice[] = [];
  readonly consumer: FirehoseConsumer;
  readonly ended: Promise<void>;

  constructor(options: Partial<ConsumerOptions> = {}) {
    this.consumer = newConsumer({ onDrop: (drop) => this.drops.push(drop), onNotice: (notice) => this.notices.push(notice), ...options });
    this.ended = this.consumer.run((event) => void this.events.push(event));
    this.ended.catch(() => undefined);
  }

  get seqs(): number[] {
    return this.events.map((event) => event.seq);
  }

  async heard(count: number): Promise<void> {
    await eventually(`${count} events`, () => this.events.length >= count);
  }

  async close(): Promise<void> {
    await this.consumer.close();
    await this.ended;
  }
}

const did = 'did:web:alice.test';
const frameOf = (seq: number): { seq: number; bytes: Uint8Array } => ({ seq, bytes: unprovenCreate(seq, did, `app.test.record/r${seq}`) });
const framesOf = (from: number, to: number): ReturnType<typeof frameOf>[] => Array.from({ length: to - from + 1 }, (_, index) => frameOf(from + index));

describe('a run begins', () => {
  test('after the stored cursor, whatever the option says', async () => {
    server.log.push(...framesOf(1, 5));
    const run = new Run({ cursor: 0, cursorStore: memoryCursor(3) });
    await run.heard(2);
    await run.close();
    expect(run.seqs).toEqual([4, 5]);
  });

  test('after the cursor of the option when nothing is stored, 0 being the oldest', async () => {
    server.log.push(...framesOf(1, 3));
    const run = new Run({ cursor: 0, cursorStore: memoryCursor() });
    await run.heard(3);
    await run.close();
    expect((await server.connection(1)).cursor).toBe(0);
  });

  test('from now on when there is neither', async () => {
    server.log.push(...framesOf(1, 3));
    const run = new Run();
    expect((await server.connection(1)).cursor).toBeNull();
    server.append(frameOf(4));
    await run.heard(1);
    await run.close();
    expect(run.seqs).toEqual([4]);
  });

  test('not at all when the cursor cannot be loaded', async () => {
    const broken: CursorStore = { load: () => Promise.reject(new Error('no disk')), save: () => Promise.resolve() };
    await expect(new Run({ cursorStore: broken }).ended).rejects.toMatchObject({ code: 'CursorStore', cause: new Error('no disk') });
    expect(server.connections).toHaveLength(0);
  });

  test('once', async () => {
    const run = new Run();
    await expect(run.consumer.run(() => undefined)).rejects.toMatchObject({ code: 'InvalidOption' });
    expect(() => run.consumer[Symbol.asyncIterator]()).toThrow('a consumer runs once');
    await run.close();
  });
});

describe('after a lost connection', () => {
  test('it goes on after the last event taken in, wanted or not, handled or not', async () => {
    server.log.push(...framesOf(1, 3), { seq: 4, bytes: unprovenCreate(4, did, 'app.test.other/a') });
    const held = Promise.withResolvers<void>();
    const seqs: number[] = [];
    const consumer = newConsumer({ cursor: 0, collections: ['app.test.record'] });
    const ended = consumer.run((event) => {
      seqs.push(event.seq);
      return held.promise;
    });
    await eventually('all taken in', () => consumer.stats()?.lastSeq === 4);
    expect(consumer.cursor).toBe(0);
    (await server.connection(1)).terminate();
    expect((await server.connection(2)).cursor).toBe(4);
    server.append(frameOf(5));
    held.resolve();
    await eventually('all handled', () => consumer.cursor === 5);
    await consumer.close();
    await ended;
    expect(seqs).toEqual([1, 2, 3, 5]);
  });

  test('events that a server sends again are left out, and told', async () => {
    server.log.push(...framesOf(1, 3));
    const run = new Run({ cursor: 0 });
    await run.heard(3);
    (await server.connection(1)).send(frameOf(2).bytes);
    server.append(frameOf(4));
    await run.heard(4);
    await run.close();
    expect(run.seqs).toEqual([1, 2, 3, 4]);
    expect(run.drops).toMatchObject([{ reason: 'seqNotIncreasing', seq: 2, detail: 'last=3' }]);
  });
});

const refuseFuture = (): void => {
  server.behaviour = (connection) => {
    if (connection.cursor !== null && connection.cursor > 3) {
      connection.send(encodeErrorFrame('FutureCursor', 'Cursor in the future.'));
      connection.close(1008, 'FutureCursor');
    } else {
      for (const frame of server.log) if (connection.cursor !== null && frame.seq > connection.cursor) connection.send(frame.bytes);
    }
  };
};

describe('FutureCursor', () => {

  test('by default begins at the oldest event of the server and saves the lower cursor', async () => {
    refuseFuture();
    server.log.push(...framesOf(1, 3));
    const cursorStore = memoryCursor(900);
    const run = new Run({ cursorStore });
    await run.heard(3);
    await run.close();
    expect(server.connections.map((connection) => connection.cursor)).toEqual([900, 0]);
    expect(run.notices).toContainEqual({ kind: 'futureCursor', cursor: 900, restart: 'oldest' });
    expect(await cursorStore.load()).toBe(3);
  });

  test('begins at what comes from now on when told to', async () => {
    refuseFuture();
    const run = new Run({ cursorStore: memoryCursor(900), onFutureCursor: 'live' });
    expect((await server.connection(2)).cursor).toBeNull();
    server.append(frameOf(4));
    await run.heard(1);
    await run.close();
  });

  test('ends the run when told to, and leaves the cursor as it was', async () => {
    refuseFuture();
    const cursorStore = memoryCursor(900);
    await expect(new Run({ cursorStore, onFutureCursor: 'fail' }).ended).rejects.toMatchObject({ code: 'FutureCursor', message: expect.stringContaining('cursor=900') });
    expect(await cursorStore.load()).toBe(900);
  });

  test('does not lose sight of events still open from before', async () => {
    server.log.push(...framesOf(1, 2));
    const held = Promise.withResolvers<void>();
    const cursorStore = memoryCursor(0);
    const consumer = newConsumer({ cursorStore });
    const seqs: number[] = [];
    const ended = consumer.run((event) => {
      seqs.push(event.seq);
      return held.promise;
    });
    await eventually('both taken in', () => consumer.stats()?.openEvents === 2);
    server.behaviour = (connection) => {
      if (connection.cursor !== 0) connection.send(encodeErrorFrame('FutureCursor'));
      else connection.send(frameOf(1).bytes);
      if (connection.cursor !== 0) connection.close(1008);
    };
    (await server.connection(1)).terminate();
    await eventually('taken in anew', () => consumer.stats()?.lastSeq === 1);
    held.resolve();
    await eventually('all handled', () => seqs.length === 3);
    await eventually('memory given back', () => consumer.stats()?.heldBytes === 0);
    await consumer.close();
    await ended;
    expect(await cursorStore.load()).toBe(1);
  });
});

describe('OutdatedCursor', () => {
  const info = encodeEvent({ kind: 'info', name: 'OutdatedCursor', message: 'Requested cursor exceeded limit.' });

  test('by default is told and the run goes on from the oldest event', async () => {
    server.behaviour = (connection) => {
      connection.send(info);
      connection.send(frameOf(50).bytes);
    };
    const run = new Run({ cursorStore: memoryCursor(7) });
    await run.heard(1);
    await run.close();
    expect(run.notices).toContainEqual({ kind: 'outdatedCursor', cursor: 7, message: 'Requested cursor exceeded limit.' });
    expect(run.seqs).toEqual([50]);
  });

  test('ends the run when told to', async () => {
    server.behaviour = (connection) => connection.send(info);
    const cursorStore = memoryCursor(7);
    await expect(new Run({ cursorStore, onOutdatedCursor: 'fail' }).ended).rejects.toMatchObject({ code: 'OutdatedCursor' });
    expect(await cursorStore.load()).toBe(7);
  });

  test('any other word of the server is handed on', async () => {
    server.behaviour = (connection) => connection.send(encodeEvent({ kind: 'info', name: 'Hello', message: null }));
    const run = new Run();
    await eventually('the word', () => run.notices.some((notice) => notice.kind === 'info'));
    await run.close();
    expect(run.notices).toContainEqual({ kind: 'info', name: 'Hello', message: null });
  });
});

test('ConsumerTooSlow is told, and the run comes back after the last event taken in', async () => {
  server.log.push(...framesOf(1, 2));
  const run = new Run({ cursor: 0 });
  await run.heard(2);
  const connection = await server.connection(1);
  connection.send(encodeErrorFrame('ConsumerTooSlow', 'Stream consumer too slow'));
  connection.close(1008, 'ConsumerTooSlow');
  expect((await server.connection(2)).cursor).toBe(2);
  await run.close();
  expect(run.notices).toContainEqual({ kind: 'tooSlow', message: 'Stream consumer too slow' });
});

describe('bad input', () => {
  test('is left out and told, and never ends the connection', async () => {
    const run = new Run();
    const connection = await server.connection(1);
    const garbage = [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(300, 0xff), encode({ op: 1, t: '#commit' }), Buffer.concat([encode({ op: 1, t: '#commit' }), encode({ seq: 0 })]), Buffer.alloc(5_000_001, 0xa1)];
    for (const bytes of garbage) connection.send(bytes);
    connection.sendText('{"kind":"commit"}');
    connection.send(Buffer.concat([encode({ op: -1, t: '#odd' }), encode({ error: 'Odd', message: 'well' })]));
    connection.send(Buffer.concat([encode({ op: 1, t: '#later' }), encode({ seq: 1 })]));
    connection.send(Buffer.concat([encode({ op: 1, t: '#commit' }), encode({ seq: 1 })]));
    connection.send(frameOf(2).bytes);
    await run.heard(1);
    expect(run.drops.map((drop) => [drop.reason, drop.seq])).toEqual([['badFrame', null], ['badFrame', null], ['badFrame', null], ['badFrame', null], ['badFrame', null], ['frameTooBig', null], ['missingField', 1]]);
    expect(run.consumer.stats()?.totals).toMatchObject({ frames: 9 + 1, unknown: 1, dropped: 7, delivered: 1 });
    expect(run.notices).toContainEqual({ kind: 'fault', fault: { kind: 'text-frame', bytes: 17 } });
    expect(run.notices).toContainEqual({ kind: 'fault', fault: { kind: 'error-frame', error: 'Odd', message: 'well' } });
    expect(run.consumer.cursor).toBe(2);
    expect(server.connections).toHaveLength(1);
    await run.close();
  });

  test('forged commits are dropped by verification and the cursor passes them', async () => {
    const [alice, mallory] = [new MadeAccount('alice'), new MadeAccount('mallory')];
    const identity = new MadeResolver(alice, mallory);
    mallory.keypair = Keypair.generate();
    const frames = [alice.create(1, 'app.test.record/a'), mallory.create(2, 'app.test.record/a'), alice.create(3, 'app.test.record/b'), mallory.create(4, 'app.test.record/b')];
    server.log.push(...frames.map((bytes, index) => ({ seq: index + 1, bytes })));
    server.log.push({ seq: 5, bytes: encodeEvent({ kind: 'identity', seq: 5, did: mallory.did, handle: null, time: madeTime }) });
    const run = new Run({ cursor: 0, verify: 'full', identity });
    await eventually('all judged', () => run.consumer.cursor === 5);
    await run.close();
    expect(run.seqs.toSorted()).toEqual([1, 3, 5]);
    expect(run.drops).toMatchObject([{ reason: 'badSignature', seq: 2, did: mallory.did }, { reason: 'badSignature', seq: 4 }]);
    expect(identity.invalidated).toEqual([mallory.did]);
  });
});

test('a directory that is out is told once for all who wait, and nothing is lost', async () => {
  const accounts = ['a', 'b', 'c'].map((name) => new MadeAccount(name, `did:plc:${name.repeat(24)}`));
  const identity = new MadeResolver(...accounts);
  identity.before = () => {
    throw unavailable();
  };
  for (const [index, account] of accounts.entries()) server.log.push({ seq: index + 1, bytes: account.create(index + 1, 'app.test.record/a') });
  const clock = new ManualClock(Date.parse(madeTime));
  const run = new Run({ cursor: 0, verify: 'signature', identity, clock });
  await eventually('all asked for', () => identity.asked.length >= 3);
  identity.before = () => undefined;
  await eventually('all delivered', async () => {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    return run.events.length === 3;
  });
  expect(run.notices.filter((notice) => notice.kind === 'identityUnavailable')).toEqual([{ kind: 'identityUnavailable', did: accounts[0]?.did, message: 'directory did not answer' }]);
  await run.close();
});

describe('a run ends', () => {
  test('when its signal aborts, before the start as well', async () => {
    const stop = new AbortController();
    const run = new Run({ signal: stop.signal });
    await server.connection(1);
    stop.abort();
    await run.ended;
    await new Run({ signal: stop.signal }).ended;
    expect(server.connections).toHaveLength(1);
  });

  test('when closed before it began', async () => {
    const consumer = newConsumer();
    await consumer.close();
    await consumer.run(() => undefined);
    expect(server.connections).toHaveLength(0);
  });

  test('from inside a handler, which may wait for the close', async () => {
    server.log.push(...framesOf(1, 3));
    const cursorStore = memoryCursor(0);
    const consumer = newConsumer({ cursorStore });
    await consumer.run(async (event) => {
      if (event.seq === 2) await consumer.close();
    });
    expect(await cursorStore.load()).toBe(2);
  });

  test('with the error of a callback that throws', async () => {
    server.log.push({ seq: 1, bytes: encode({ odd: true }) });
    const throwing = { onDrop: (): never => { throw new Error('callback'); } };
    await expect(new Run({ cursor: 0, ...throwing }).ended).rejects.toThrow('callback');
  });

  test('with an error when the last save fails', async () => {
    server.log.push(frameOf(1));
    const store: CursorStore = { load: () => Promise.resolve(0), save: () => Promise.reject(new Error('disk full')) };
    const run = new Run({ cursorStore: store, saveIntervalMs: 10 });
    await run.heard(1);
    await eventually('a failed save is told', () => run.notices.some((notice) => notice.kind === 'saveFailed'));
    await run.consumer.close();
    await expect(run.ended).rejects.toMatchObject({ code: 'CursorStore', cause: new Error('disk full') });
  });
});

test('counters, state and the metrics hook tell what happened', async () => {
  server.log.push(...framesOf(1, 2), { seq: 3, bytes: unprovenCreate(3, did, 'app.test.other/a') }, { seq: 4, bytes: encode({}) });
  const added: string[] = [];
  const run = new Run({ cursor: 0, collections: ['app.test.record'], metrics: { add: (counter, amount, reason) => added.push(`${counter} ${counter === 'bytes' ? '' : amount}${reason ?? ''}`) } });
  expect(newConsumer().stats()).toBeNull();
  await eventually('all frames', () => run.consumer.stats()?.totals.frames === 4);
  expect(run.consumer.stats()).toMatchObject({ state: 'open', isPaused: false, cursor: 3, lastSeq: 3, openEvents: 0, heldBytes: 0, totals: { frames: 4, filtered: 1, dropped: 1, delivered: 2, connects: 1, faults: 0, saves: 0 } });
  expect(new Set(added)).toEqual(new Set(['connects 1', 'frames 1', 'bytes ', 'delivered 1', 'filtered 1', 'dropped 1badFrame']));
  await run.close();
});
