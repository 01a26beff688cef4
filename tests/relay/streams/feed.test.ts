/** What the model does not show of a feed: who is cut and when, faults of the log, sharing of bytes, and that nothing is left behind. */
import { expect, test } from '@jest/globals';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { textEncoding, type Encoding } from '@dunlin/relay/streams/encoding';
import type { JsonEvent } from '@dunlin/relay/streams/entry';
import { Feed } from '@dunlin/relay/streams/feed';
import { makeFilter, wantAll } from '@dunlin/relay/streams/filter';
import { Pages } from '@dunlin/relay/streams/pages';
import { ReplayShare } from '@dunlin/relay/streams/replay-share';
import { silentLogger } from '@dunlin/service/log/logger';
import { eventually } from '../../harness/wait.ts';
import { FakeSink } from './fake-sink.ts';
import { firstSeq, MemoryLog, type Made } from './memory-log.ts';

const stallMs = 30_000;
const post = (text: string, collection = 'app.bsky.feed.post'): Made => ({ kind: 'commit', did: 'did:plc:aaaa', ops: [{ action: 'create', collection, rkey: 'r', text }] });

function build(encoding: Encoding<JsonEvent> = textEncoding, o: { runBytes?: number; flushMs?: number } = {}) {
  const log = new MemoryLog();
  const clock = new ManualClock();
  const pages = new Pages(log, { ringBytes: 1e6, cacheBytes: 1e6, readBytes: 1e6, maxReads: 2 });
  const cuts: string[] = [];
  const failures: AssertionFailure[] = [];
  const metrics = { sentEvents: { inc: () => undefined }, sentBytes: { inc: () => undefined }, cut: (reason: string) => void cuts.push(reason) };
  const feed = new Feed(encoding, { pages, share: new ReplayShare(clock, 0.5), metrics, logger: silentLogger, clock, flushMs: o.flushMs ?? 0, runBytes: o.runBytes ?? 1e6, stallMs, onAssertionFailure: (failure) => void failures.push(failure) });
  let ms = 0;
  const append = (...events: Made[]): void => log.append(events.map((made) => ({ made, timeMs: ++ms })));
  const attach = (afterSeq = log.headSeq(), filter = wantAll): FakeSink => {
    const sink = new FakeSink();
    feed.attach(sink, { filter, afterSeq });
    return sink;
  };
  return { log, clock, pages, feed, cuts, failures, append, attach };
}

const texts = (sink: FakeSink): string => sink.json.map((json) => (json as { commit: { record: { text: string } } }).commit.record.text).join(' ');

test('a consumer that takes nothing for the stated time is cut, one that takes a little is not, one that is idle never', async () => {
  const { clock, append, attach, cuts, feed } = build();
  const [stalled, slow, idle] = [attach(), attach(), attach(firstSeq - 1, makeFilter({ collections: ['no.such.thing'] }))];
  stalled.isBlocked = true;
  slow.isBlocked = true;
  append(post('1'));
  await eventually('both have it', () => stalled.chunks.length === 1 && slow.chunks.length === 1);
  clock.advance(stallMs - 1);
  expect(cuts).toEqual([]);
  slow.trickle(1);
  clock.advance(stallMs / 4);
  expect([stalled.cutFor, slow.cutFor, idle.cutFor, cuts]).toEqual(['stalled', null, null, ['stalled']]);
  slow.drain();
  append(post('2'));
  await eventually('the slow one goes on', () => texts(slow) === '1 2');
  expect(stalled.chunks.length).toBe(1);
  expect(feed.consumers.size).toBe(2);
});

test('a consumer whose place falls out of the window while it is blocked is cut', async () => {
  const { log, append, attach, cuts } = build();
  const [late, edge] = [attach(), attach()];
  late.isBlocked = true;
  edge.isBlocked = true;
  append(post('1'));
  await eventually('both have it', () => late.chunks.length === 1 && edge.chunks.length === 1);
  append(post('2'), post('3'));
  log.trim(firstSeq + 1);
  edge.drain();
  await eventually('what is at the edge goes on', () => texts(edge) === '1 2 3');
  log.trim(firstSeq + 2);
  late.drain();
  await eventually('the other is cut', () => late.cutFor === 'window');
  expect(cuts).toEqual(['window']);
});

test('a slow consumer costs only itself: others have everything while it is blocked, and it misses nothing', async () => {
  const { append, attach } = build(textEncoding, { runBytes: 1 });
  const [slow, quick] = [attach(), attach()];
  slow.isBlocked = true;
  const all = Array.from({ length: 50 }, (_, index) => String(index));
  for (const text of all) append(post(text));
  await eventually('the quick one has all', () => texts(quick) === all.join(' '));
  expect(slow.chunks.length).toBe(1);
  slow.drain();
  await eventually('the slow one too', () => texts(slow) === all.join(' '));
  // While it was behind it got an event at a time, as that is what a run holds here.
  expect(slow.chunks.length).toBe(50);
});

test('consumers with equal filters get the very same bytes', async () => {
  const { log, append, attach, feed } = build();
  append(post('0'));
  const filter = { collections: ['app.bsky.*'] };
  const [one, two, other] = [attach(log.headSeq(), makeFilter(filter)), attach(log.headSeq(), makeFilter(filter)), attach()];
  await eventually('all are live', () => [...feed.consumers].every(({ state }) => state === 'live'));
  append(post('1'), post('2'), post('3', 'x.y.z'));
  await eventually('all have it', () => [one, two, other].every((sink) => sink.chunks.length > 0));
  expect(one.chunks[0] === two.chunks[0]).toBe(true);
  expect([texts(one), texts(other)]).toEqual(['1 2', '1 2 3']);
});

test('a fault of the log ends the consumer it meets, and damage is told', async () => {
  const { log, append, attach, cuts, failures } = build();
  append(post('1'));
  log.fault = new Error('disk');
  const first = attach(firstSeq - 1);
  await eventually('it is cut', () => first.cutFor === 'failed');
  log.fault = new AssertionFailure('log is damaged');
  const second = attach(firstSeq - 1);
  await eventually('it is cut', () => second.cutFor === 'failed');
  expect([cuts, failures.map(({ message }) => message)]).toEqual([['failed', 'failed'], ['log is damaged']]);
  const third = attach(firstSeq - 1);
  await eventually('the next one is served', () => texts(third) === '1');
});

test('an encoding that fails ends those who wait for it and nobody else', async () => {
  let isBroken = true;
  const broken: Encoding<JsonEvent> = { ...textEncoding, prepare: () => (isBroken ? Promise.reject(new Error('no memory')) : null) };
  const { append, attach, cuts, feed } = build(broken);
  const [waiting, other] = [attach(), attach(firstSeq - 1, makeFilter({ collections: ['x.y.z'] }))];
  await eventually('both are live', () => [...feed.consumers].every(({ state }) => state === 'live'));
  append(post('1'));
  await eventually('it is cut', () => waiting.cutFor === 'failed');
  append(post('0', 'x.y.zz'));
  const behind = attach(firstSeq - 1);
  await eventually('so is who was behind', () => behind.cutFor === 'failed');
  isBroken = false;
  append(post('2', 'x.y.z'));
  await eventually('the other goes on', () => texts(other) === '2');
  expect(cuts).toEqual(['failed', 'failed']);
});

test('who is ahead of the feed waits for it, also over a gap', async () => {
  const releases: (() => void)[] = [];
  const slow: Encoding<JsonEvent> = { ...textEncoding, prepare: () => new Promise((resolve) => void releases.push(resolve)) };
  const { append, attach, pages, log, feed } = build(slow);
  append(post('0'));
  const first = attach();
  await eventually('it is live', () => [...feed.consumers].every(({ state }) => state === 'live'));
  append(post('1'));
  await eventually('a flush is under way', () => releases.length > 0);
  append(post('2'));
  const ahead = attach(log.headSeq());
  await eventually('the other is ahead', () => [...feed.consumers].some(({ state }) => state === 'ahead'));
  pages.forget();
  append(post('3'));
  await eventually('both get what is theirs', () => {
    for (const release of releases.splice(0)) release();
    return texts(first) === '1 2 3' && ahead.chunks.length > 0;
  });
  expect(texts(ahead)).toBe('3');
});

test('a filter that was exchanged takes no memory any more', async () => {
  const { feed } = build();
  const [old, next] = [makeFilter({ dids: ['did:plc:aaaa', 'did:plc:bbbb'] }), makeFilter({ collections: ['a.b.c'] })];
  const consumer = feed.attach(new FakeSink(), { filter: old, afterSeq: firstSeq - 1 });
  expect(feed.filterBytes).toBe(old.costBytes);
  feed.setFilter(consumer, next);
  expect(feed.filterBytes).toBe(next.costBytes);
  feed.setFilter(consumer, next);
  feed.detach(consumer);
  feed.setFilter(consumer, old);
  expect(feed.filterBytes).toBe(0);
});

test('a consumer that leaves hears nothing more, and with the last one everything is let go', async () => {
  const { log, feed, pages, append, attach, clock } = build();
  append(post('1'));
  const sinks = [attach(firstSeq - 1), attach(firstSeq - 1)];
  await eventually('both have it', () => sinks.every((sink) => texts(sink) === '1'));
  append(post('2'));
  sinks[0]?.close();
  await eventually('the other has more', () => sinks[1] !== undefined && texts(sinks[1]) === '1 2');
  expect(sinks.map(texts)).toEqual(['1', '1 2']);
  expect(pages.heldBytes).toBeGreaterThan(0);
  sinks[1]?.close();
  expect([feed.consumers.size, feed.filterBytes, pages.heldBytes]).toEqual([0, 0, 0]);
  append(post('3'));
  const late = attach(firstSeq);
  await eventually('a later one is served', () => texts(late) === '2 3');
  feed.close();
  expect([late.cutFor, clock.waiting, log.listeners]).toEqual(['closing', 0, 1]);
});
