/**
 * What each consumer of a feed gets, against the plainest model there is: filter(the log after its cursor).
 * Random logs, slices, times, cursors, filters that change, sinks that block, takedowns, and memory so small that all ways
 * through ring, cache and log are taken.
 */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { frameEncoding, textEncoding, type Encoding, type Unit } from '@dunlin/relay/streams/encoding';
import type { JsonEvent } from '@dunlin/relay/streams/entry';
import { Feed } from '@dunlin/relay/streams/feed';
import type { FeedConsumer } from '@dunlin/relay/streams/feed-consumer';
import { makeFilter, wants, type Filter } from '@dunlin/relay/streams/filter';
import { Pages } from '@dunlin/relay/streams/pages';
import { ReplayShare } from '@dunlin/relay/streams/replay-share';
import { silentLogger } from '@dunlin/service/log/logger';
import { FakeSink } from './fake-sink.ts';
import { expectedJson, firstSeq, MemoryLog, type Logged, type Made } from './memory-log.ts';

const dids = ['did:plc:aaaa', 'did:plc:bbbb', 'did:web:c.test'];
const collections = ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.bsky.graph.follow', 'app.dunlin.live.message'];
const wildcards = ['app.*', 'app.bsky.*', 'app.bsky.feed.*', 'app.dunlin.live.*'];

const anyDid = fc.constantFrom(...dids);
const anyOp = fc.record({
  action: fc.constantFrom('create' as const, 'update' as const, 'delete' as const),
  collection: fc.constantFrom(...collections),
  rkey: fc.constantFrom('3kaaa', 'self', 'x:y'),
  text: fc.string({ unit: 'binary', maxLength: 30 }),
});
const anyMade: fc.Arbitrary<Made> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('commit' as const), did: anyDid, ops: fc.array(anyOp, { maxLength: 4 }) }) },
  fc.record({ kind: fc.constant('identity' as const), did: anyDid, handle: fc.constantFrom(null, 'a.test') }),
  fc.record({ kind: fc.constant('account' as const), did: anyDid, active: fc.boolean(), status: fc.constantFrom(null, 'takendown') }),
  fc.record({ kind: fc.constant('sync' as const), did: anyDid }),
);
const anyFilter = fc.record({
  dids: fc.subarray(dids),
  collections: fc.subarray([...collections, ...wildcards], { maxLength: 3 }),
  kinds: fc.oneof(fc.constant([]), fc.subarray(['commit', 'sync', 'identity', 'account'])),
  maxMessageBytes: fc.constantFrom(0, 0, 200, 400),
}).map(makeFilter);

type Step =
  | { readonly do: 'append'; readonly events: readonly { readonly made: Made; readonly laterMs: number }[] }
  | { readonly do: 'attach'; readonly at: number; readonly filter: Filter }
  | { readonly do: 'block' | 'drain' | 'detach' | 'takeDown' | 'turn'; readonly which: number }
  | { readonly do: 'filter'; readonly which: number; readonly filter: Filter };

const which = fc.nat(50);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('append' as const), events: fc.array(fc.record({ made: anyMade, laterMs: fc.constantFrom(0, 0, 1, 7) }), { minLength: 1, maxLength: 6 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('attach' as const), at: fc.nat(60), filter: anyFilter }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('block' as const, 'drain' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('detach' as const, 'takeDown' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('filter' as const), which, filter: anyFilter }) },
);

/** A consumer and what it should have got so far. */
interface Seen {
  readonly sink: FakeSink;
  readonly consumer: FeedConsumer;
  /** Each filter and the seq up to which the one before it held. */
  readonly filters: { readonly afterSeq: number; readonly filter: Filter }[];
  /** Seq up to which it stayed. */
  endSeq: number;
}

interface World<U extends Unit> {
  readonly log: MemoryLog;
  readonly feed: Feed<U>;
  readonly seen: Seen[];
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
};

async function play<U extends Unit>(encoding: Encoding<U>, steps: readonly Step[]): Promise<World<U>> {
  const log = new MemoryLog();
  const clock = new ManualClock();
  const pages = new Pages(log, { ringBytes: 3_000, cacheBytes: 3_000, readBytes: 1_500, maxReads: 2 });
  const metrics = { sentEvents: { inc: () => undefined }, sentBytes: { inc: () => undefined }, cut: () => undefined };
  const feed = new Feed(encoding, { pages, share: new ReplayShare(clock, 0.5), metrics, logger: silentLogger, clock, flushMs: 0, runBytes: 600, stallMs: 30_000, onAssertionFailure: (failure) => { throw failure; } });
  const seen: Seen[] = [];
  let timeMs = 1_000_000;
  for (const step of steps) {
    if (step.do === 'append') log.append(step.events.map(({ made, laterMs }) => ({ made, timeMs: (timeMs += laterMs) })));
    else if (step.do === 'attach') {
      const afterSeq = Math.min(log.headSeq(), firstSeq - 1 + step.at);
      const sink = new FakeSink();
      seen.push({ sink, consumer: feed.attach(sink, { filter: step.filter, afterSeq }), filters: [{ afterSeq, filter: step.filter }], endSeq: Infinity });
    } else if (step.do === 'turn') await turns(step.which % 5);
    else if (step.do === 'takeDown') {
      const event = log.events[step.which % Math.max(1, log.events.length)];
      // Those who got it already keep it: a takedown here is of what nobody has yet.
      if (event === undefined || seen.some(({ consumer }) => feed.positionOf(consumer) >= event.seq)) continue;
      log.scrub(event);
      pages.forget();
    } else {
      const one = seen[step.which % Math.max(1, seen.length)];
      if (one === undefined || one.endSeq < Infinity) continue;
      if (step.do === 'block') one.sink.isBlocked = true;
      else if (step.do === 'drain') one.sink.drain();
      else if (step.do === 'filter') {
        one.filters.push({ afterSeq: feed.positionOf(one.consumer), filter: step.filter });
        feed.setFilter(one.consumer, step.filter);
      } else {
        one.endSeq = feed.positionOf(one.consumer);
        feed.detach(one.consumer);
      }
    }
  }
  for (const { sink } of seen) sink.drain();
  for (let turn = 0; turn < 2_000 && seen.some(({ consumer, endSeq }) => endSeq === Infinity && feed.positionOf(consumer) < log.headSeq()); turn++) {
    for (const { sink } of seen) sink.drain();
    await turns(1);
  }
  const positions = seen.filter(({ endSeq }) => endSeq === Infinity).map(({ consumer }) => feed.positionOf(consumer));
  expect(positions.filter((seq) => seq < log.headSeq())).toEqual([]);
  feed.close();
  expect(log.listeners).toBe(1);
  pages.close();
  expect(log.listeners).toBe(0);
  return { log, feed, seen };
}

/** The events a consumer should have, each with the filter that held when its turn came. */
function* owed(log: MemoryLog, { filters, endSeq }: Seen): Iterable<{ event: Logged; filter: Filter }> {
  for (const event of log.events) {
    const filter = filters.findLast(({ afterSeq }) => event.seq > afterSeq)?.filter;
    if (filter !== undefined && event.seq > (filters[0]?.afterSeq ?? 0) && event.seq <= endSeq && !event.isScrubbed) yield { event, filter };
  }
}

/** Gives the `time_us` of every JSON event, by seq and place in it: the ms of the log and a counter within. */
function timesOf(log: MemoryLog): Map<number, number[]> {
  const times = new Map<number, number[]>();
  let ms = -1;
  let used = 0;
  for (const { seq, timeMs, made } of log.events) {
    if (timeMs > ms) [ms, used] = [timeMs, 0];
    const count = made.kind === 'commit' ? Math.max(1, made.ops.length) : 1;
    const first = used;
    times.set(seq, Array.from({ length: count }, (_, index) => ms * 1_000 + first + index));
    used += count;
  }
  return times;
}

interface OwedJson {
  readonly event: Logged;
  readonly json: object;
  readonly timeUs: number;
}

function owedJson(log: MemoryLog, one: Seen): OwedJson[] {
  const times = timesOf(log);
  return [...owed(log, one)].flatMap(({ event, filter }) => {
    const { made, seq } = event;
    return expectedJson(made, seq).flatMap((json, index) => {
      const timeUs = times.get(seq)?.[index] ?? 0;
      const collections = made.kind === 'commit' ? [made.ops[index]?.collection ?? ''] : [];
      const size = Buffer.byteLength(JSON.stringify({ ...json, time_us: timeUs }));
      const isWanted = wants(filter, { kind: made.kind, did: made.did, collections }) && (filter.maxMessageBytes === 0 || size <= filter.maxMessageBytes);
      return isWanted ? [{ event, json, timeUs }] : [];
    });
  });
}

/** Text that takes some turns to be made, as compressed text does. */
const slowEncoding: Encoding<JsonEvent> = {
  ...textEncoding,
  prepare: (events) => (events.length % 4 === 0 ? null : turns(events.length % 4).then(() => undefined)),
};

test.each([['made at once', textEncoding], ['that takes time to make', slowEncoding]])('json consumers get text %s: what their filters want of the log after their cursors, in order, once', async (_, encoding) => {
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
    const { log, seen } = await play(encoding, steps);
    const isWhole = log.events.every(({ isScrubbed }) => !isScrubbed);
    for (const one of seen) {
      const got = one.sink.json.map((value) => {
        const { time_us: timeUs, ...json } = value as { time_us: number };
        return { json, timeUs };
      });
      const expected = owedJson(log, one);
      expect(got.map(({ json }) => json)).toEqual(expected.map(({ json }) => json));
      if (isWhole) expect(got.map(({ timeUs }) => timeUs)).toEqual(expected.map(({ timeUs }) => timeUs));
      // A takedown may move the counter of what shares its ms, never the ms nor the order.
      expect(got.map(({ timeUs }) => Math.floor(timeUs / 1_000))).toEqual(expected.map(({ event }) => event.timeMs));
      for (const [index, { timeUs }] of got.entries()) if (index > 0) expect(timeUs).toBeGreaterThan(got[index - 1]?.timeUs ?? 0);
    }
  }), { numRuns: 60 });
}, 120_000);

test('frame consumers get the very frames their filters want, in order, once', async () => {
  await fc.assert(fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
    const { log, seen } = await play(frameEncoding, steps.map((step) => ('filter' in step ? { ...step, filter: { ...step.filter, maxMessageBytes: 0 } } : step)));
    for (const one of seen) {
      const expected = [...owed(log, one)].filter(({ event: { made }, filter }) => wants(filter, { kind: made.kind, did: made.did, collections: made.kind === 'commit' ? made.ops.map(({ collection }) => collection) : [] }));
      expect(one.sink.frames.map(({ payload }) => scanFrame(payload).seq)).toEqual(expected.map(({ event }) => event.seq));
      expect(Buffer.concat(one.sink.chunks).equals(Buffer.concat(expected.map(({ event }) => event.frame)))).toBe(true);
    }
  }), { numRuns: 60 });
}, 120_000);
