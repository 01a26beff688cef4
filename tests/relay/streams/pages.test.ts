/** Pages: bounds of ring and cache, one read for all who ask, takedowns, and times that are the same however one comes to an event. */
import { expect, test } from '@jest/globals';
import { Page } from '@dunlin/relay/streams/page';
import { PageReader } from '@dunlin/relay/streams/page-reader';
import { PageRing } from '@dunlin/relay/streams/page-ring';
import { Pages } from '@dunlin/relay/streams/pages';
import { TimeSlots, slotTimeUs } from '@dunlin/relay/streams/time-slots';
import { textFrame } from '@dunlin/relay/streams/event-text';
import { firstSeq, MemoryLog, type Made } from './memory-log.ts';

const commit = (...texts: string[]): Made => ({ kind: 'commit', did: 'did:plc:aaaa', ops: texts.map((text, index) => ({ action: 'create', collection: 'a.b.c', rkey: `r${index}`, text })) });
const seqsOf = (page: Page | null): number[] | undefined => page?.entries.map(({ seq }) => seq - firstSeq);
const timesOf = (page: Page | null): number[] | undefined => page?.entries.flatMap(({ events }) => events.map(({ timeUs }) => timeUs));

/** A log of one event a slice with times as given. */
function logOf(...timesMs: number[]): MemoryLog {
  const log = new MemoryLog();
  for (const timeMs of timesMs) log.append([{ made: commit('x'), timeMs }]);
  return log;
}

async function sliceOf(log: MemoryLog, afterSeq = firstSeq - 1, maxBytes = 1e6): Promise<NonNullable<Awaited<ReturnType<MemoryLog['read']>>>> {
  const slice = await log.read(afterSeq, maxBytes);
  if (slice === null) throw new Error('nothing there');
  return slice;
}

test('slots go up within a ms, begin again with the next, and are a thousand at most', () => {
  const slots = new TimeSlots(null);
  expect([slots.take(5, 1), slots.take(5, 3), slots.take(5, 0), slots.take(6, 998), slots.take(6, 1), slots.take(6, 1), slots.take(6, 5), slots.take(6, 1)]).toEqual([0, 1, 4, 0, 998, 999, 1_000, 1_000]);
  expect(slots.state).toEqual({ ms: 6, used: 1_000 });
  expect([slotTimeUs(6, 999), slotTimeUs(6, 1_000), slotTimeUs(6, 1_204)]).toEqual([6_999, 6_999, 6_999]);
  expect(new TimeSlots({ ms: 6, used: 7 }).take(6, 1)).toBe(7);
});

test('an event that was taken down is no entry, keeps one slot, and its neighbours keep their order', async () => {
  const log = new MemoryLog();
  log.append([{ made: commit('a', 'b', 'c'), timeMs: 5 }, { made: commit('d'), timeMs: 5 }, { made: commit('e'), timeMs: 5 }]);
  expect(timesOf(new Page(await sliceOf(log), null))).toEqual([5_000, 5_001, 5_002, 5_003, 5_004]);
  const [first, , last] = log.events;
  if (first && last) for (const event of [first, last]) log.scrub(event);
  const page = new Page(await sliceOf(log), null);
  expect([seqsOf(page), timesOf(page), page.end]).toEqual([[1], [5_001], { ms: 5, used: 3 }]);
  expect([page.indexAfter(0), page.indexAfter(firstSeq), page.indexAfter(firstSeq + 1), page.indexAfter(firstSeq + 2)]).toEqual([0, 0, 1, 1]);
});

test('the ring holds the newest pages within its bytes, counts what is made later, and always keeps one', async () => {
  const log = logOf(1, 2, 3, 4);
  const slices = [];
  for (let seq = firstSeq; seq <= log.headSeq(); seq++) slices.push(await sliceOf(log, seq - 1, 1));
  const bytes = slices[0]?.bytes.length ?? 0;
  const ring = new PageRing(bytes * 2, firstSeq - 1);
  const [first, second, third, fourth] = slices;
  if (!first || !second || !third || !fourth) throw new Error('four slices');
  // What the first shares its ms with is not known.
  expect(ring.append(first)).toBeNull();
  expect([ring.lastSeq, ring.heldBytes, ring.after(firstSeq - 1)]).toEqual([firstSeq, 0, null]);
  const page = ring.append(second);
  ring.append(third);
  expect([ring.heldBytes, seqsOf(ring.after(firstSeq)), seqsOf(ring.after(firstSeq + 1)), ring.after(firstSeq - 1)]).toEqual([bytes * 2, [1], [2], null]);
  const event = page?.entries[0]?.events[0];
  const made = event === undefined ? 0 : textFrame(event).length;
  expect(ring.heldBytes).toBe(bytes * 2 + made);
  ring.append(fourth);
  expect([ring.heldBytes, ring.after(firstSeq), seqsOf(ring.after(firstSeq + 1))]).toEqual([bytes * 2, null, [2]]);
  const small = new PageRing(1, firstSeq + 1);
  small.skip(second);
  small.append(third);
  small.append(fourth);
  expect([small.after(firstSeq + 1), seqsOf(small.after(firstSeq + 2))]).toEqual([null, [3]]);
  small.skip(fourth);
  expect(small.heldBytes).toBe(0);
});

test('the ring begins in the midst of a slice where a ms does', async () => {
  const log = new MemoryLog();
  log.append([{ made: commit('a'), timeMs: 5 }, { made: commit('b'), timeMs: 5 }, { made: commit('c'), timeMs: 6 }]);
  const ring = new PageRing(1e6, firstSeq - 1);
  expect(ring.append(await sliceOf(log))).toBeNull();
  expect([ring.after(firstSeq), seqsOf(ring.after(firstSeq + 1)), timesOf(ring.after(firstSeq + 1))]).toEqual([null, [2], [6_000]]);
});

const readerOptions = { cacheBytes: 1e6, readBytes: 1, maxReads: 4 };

test('an event read from the log has the time it had live, wherever the reading began', async () => {
  const log = new MemoryLog();
  log.append([{ made: commit('a', 'b'), timeMs: 5 }, { made: commit('c'), timeMs: 5 }, { made: { kind: 'sync', did: 'did:plc:aaaa' }, timeMs: 5 }, { made: commit('d'), timeMs: 5 }, { made: commit('e'), timeMs: 6 }]);
  const times = timesOf(new Page(await sliceOf(log), null));
  expect(times).toEqual([5_000, 5_001, 5_002, 5_004, 6_000]);
  for (const [after, expected] of [[0, times], [1, times?.slice(2)], [2, times?.slice(3)], [3, times?.slice(3)], [4, times?.slice(4)]] as const) {
    const reader = new PageReader(log, readerOptions);
    const got: number[] = [];
    let seq = firstSeq - 1 + after;
    for (let page = await reader.read(seq, null); page !== null; page = await reader.read(seq, { seq, slots: page.end })) {
      got.push(...page.entries.slice(page.indexAfter(seq)).flatMap(({ events }) => events.map(({ timeUs }) => timeUs)));
      seq = page.lastSeq;
    }
    expect(got).toEqual(expected);
  }
});

test.each([[999, 5_999], [1_000, 5_999], [1_001, 5_999], [998, 5_998]])('behind %i events of the same ms the next has the time %i', async (count, timeUs) => {
  const log = new MemoryLog();
  log.append(Array.from({ length: count + 1 }, () => ({ made: commit('x'), timeMs: 5 })));
  const reader = new PageReader(log, { ...readerOptions, readBytes: 100_000 });
  const page = await reader.read(firstSeq - 1 + count, null);
  expect(page?.entries.at(-1)?.events.at(-1)?.timeUs).toBe(timeUs);
});

test('those who ask for the same page share one read, and it is kept within the bytes of the cache', async () => {
  const log = logOf(1, 2, 3);
  const bytes = (await sliceOf(log, firstSeq - 1, 1)).bytes.length;
  const reader = new PageReader(log, { ...readerOptions, cacheBytes: bytes * 2 });
  log.reads = 0;
  const [one, two] = await Promise.all([reader.read(firstSeq - 1, null), reader.read(firstSeq - 1, null)]);
  expect([one === two, log.reads, reader.kept(firstSeq - 1) === one]).toEqual([true, 1, true]);
  await reader.read(firstSeq, null);
  reader.kept(firstSeq - 1);
  await reader.read(firstSeq + 1, null);
  // The one that nobody looked at since went out.
  expect([reader.kept(firstSeq - 1) === one, reader.kept(firstSeq), seqsOf(reader.kept(firstSeq + 1)), reader.heldBytes]).toEqual([true, null, [2], bytes * 2]);
  expect(await reader.read(firstSeq + 2, null)).toBeNull();
});

test('so many reads are under way and no more, and a failed one makes room', async () => {
  const log = logOf(1, 2, 3, 4, 5);
  let running = 0;
  let most = 0;
  const counted = {
    headSeq: () => log.headSeq(), oldestSeq: () => log.oldestSeq(), onAppend: () => () => undefined, seqAtTime: (ms: number) => log.seqAtTime(ms),
    read: async (afterSeq: number, maxBytes: number) => {
      most = Math.max(most, ++running);
      try {
        return await log.read(afterSeq, maxBytes);
      } finally {
        running -= 1;
      }
    },
  };
  const reader = new PageReader(counted, { ...readerOptions, maxReads: 2 });
  log.fault = new Error('disk');
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((index) => reader.read(firstSeq - 1 + index, null)));
  expect([most, results.map(({ status }) => status).toSorted()]).toEqual([2, ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected']]);
});

test('a takedown during a read is not read over', async () => {
  const log = logOf(1, 2);
  const pages = new Pages(log, { ringBytes: 1e6, ...readerOptions, readBytes: 1e6 });
  const release = pages.hold({ onPage: () => undefined, onGap: () => undefined });
  const reading = pages.after(firstSeq - 1, null);
  for (; log.reads === 0; await Promise.resolve());
  const [event] = log.events;
  if (event) log.scrub(event);
  pages.forget();
  expect(seqsOf(await reading)).toEqual([1]);
  release();
  pages.close();
});

test('while nobody holds the pages nothing is kept, and who comes is told of what comes', async () => {
  const log = logOf(1, 2);
  const pages = new Pages(log, { ringBytes: 1e6, ...readerOptions });
  log.append([{ made: commit('a'), timeMs: 3 }]);
  expect([pages.heldBytes, pages.lastSeq]).toEqual([0, firstSeq + 2]);
  const heard: unknown[] = [];
  const release = pages.hold({ onPage: (page) => void heard.push(seqsOf(page)), onGap: (seq) => void heard.push(seq) });
  log.append([{ made: commit('b'), timeMs: 4 }]);
  log.append([{ made: commit('c'), timeMs: 4 }]);
  expect(heard).toEqual([[3], [4]]);
  pages.forget();
  expect(heard).toEqual([[3], [4], firstSeq + 4]);
  expect(seqsOf(await pages.after(firstSeq, null))).toEqual([1]);
  expect(pages.heldBytes).toBeGreaterThan(0);
  release();
  expect(pages.heldBytes).toBe(0);
  pages.close();
});
