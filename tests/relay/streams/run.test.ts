/** The step of a consumer that is behind: whole seqs, within bytes and units, and never beyond where it is told to stop. */
import { expect, test } from '@jest/globals';
import { textEncoding } from '@dunlin/relay/streams/encoding';
import { makeFilter, wantAll } from '@dunlin/relay/streams/filter';
import { Page } from '@dunlin/relay/streams/page';
import { takeRun } from '@dunlin/relay/streams/run';
import { firstSeq, MemoryLog } from './memory-log.ts';

/** Ten commits; the third has three operations. */
async function page(): Promise<Page> {
  const log = new MemoryLog();
  log.append(Array.from({ length: 10 }, (_, index) => ({
    timeMs: index,
    made: { kind: 'commit' as const, did: 'did:plc:aaaa', ops: Array.from({ length: index === 2 ? 3 : 1 }, (__, op) => ({ action: 'create' as const, collection: index % 2 ? 'a.b.odd' : 'a.b.even', rkey: `r${op}`, text: 'x' })) },
  })));
  const slice = await log.read(firstSeq - 1, 1e6);
  if (slice === null) throw new Error('nothing there');
  return new Page(slice, null);
}

const all = { lastSeq: Infinity, bytes: Infinity, units: Infinity };
const seqs = ({ units, lastSeq }: { units: readonly { seq: number }[]; lastSeq: number }): [number[], number] => [units.map(({ seq }) => seq - firstSeq), lastSeq - firstSeq];

test('takes everything behind a seq, and what does not fit the filter counts as taken', async () => {
  const ten = await page();
  expect(seqs(takeRun(ten, firstSeq + 6, wantAll, textEncoding, all))).toEqual([[7, 8, 9], 9]);
  expect(seqs(takeRun(ten, firstSeq - 1, makeFilter({ collections: ['a.b.odd'] }), textEncoding, all))).toEqual([[1, 3, 5, 7, 9], 9]);
  expect(seqs(takeRun(ten, firstSeq - 1, makeFilter({ collections: ['x.y.z'] }), textEncoding, all))).toEqual([[], 9]);
});

test('stops at the seq it is told, whether that is in the page, behind it or wanted', async () => {
  const ten = await page();
  expect(seqs(takeRun(ten, firstSeq - 1, wantAll, textEncoding, { ...all, lastSeq: firstSeq + 1 }))).toEqual([[0, 1], 1]);
  expect(seqs(takeRun(ten, firstSeq + 7, wantAll, textEncoding, { ...all, lastSeq: firstSeq + 50 }))).toEqual([[8, 9], 9]);
  expect(seqs(takeRun(ten, firstSeq, makeFilter({ collections: ['a.b.odd'] }), textEncoding, { ...all, lastSeq: firstSeq + 4 }))).toEqual([[1, 3], 4]);
});

test('stops behind the seq that reaches the bytes or the units, without tearing a seq apart', async () => {
  const ten = await page();
  expect(seqs(takeRun(ten, firstSeq - 1, wantAll, textEncoding, { ...all, units: 3 }))).toEqual([[0, 1, 2, 2, 2], 2]);
  expect(seqs(takeRun(ten, firstSeq - 1, wantAll, textEncoding, { ...all, units: 2 }))).toEqual([[0, 1], 1]);
  const size = (count: number): number => takeRun(ten, firstSeq - 1, wantAll, textEncoding, { ...all, units: count }).units.reduce((sum, unit) => sum + textEncoding.size(unit), 0);
  expect(seqs(takeRun(ten, firstSeq - 1, wantAll, textEncoding, { ...all, bytes: size(2) }))).toEqual([[0, 1], 1]);
  expect(seqs(takeRun(ten, firstSeq - 1, wantAll, textEncoding, { ...all, bytes: size(2) + 1 }))).toEqual([[0, 1, 2, 2, 2], 2]);
});

test('leaves out what is larger than the filter allows, to the byte', async () => {
  const ten = await page();
  const [unit] = takeRun(ten, firstSeq - 1, wantAll, textEncoding, all).units;
  const size = unit === undefined ? 0 : textEncoding.size(unit);
  expect(takeRun(ten, firstSeq - 1, makeFilter({ collections: ['a.b.even'], maxMessageBytes: size }), textEncoding, all).units.length).toBeGreaterThan(0);
  expect(takeRun(ten, firstSeq - 1, makeFilter({ collections: ['a.b.even'], maxMessageBytes: size - 1 }), textEncoding, all).units).toEqual([]);
});
