/** Places of archives: both sides of how many are made, from when on one keeps nobody waiting, and which gives way. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Readable } from 'node:stream';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { ArchivePlaces, maxArchivesAtOnce, maxLongArchives } from '../../../pds/src/moving/archive-places.ts';
import { longAfterMs } from '../../../pds/src/repo/export.ts';

let clock: ManualClock;
let places: ArchivePlaces;
const lent = new Map<number, Readable>();
beforeEach(() => {
  clock = new ManualClock();
  places = new ArchivePlaces(clock);
});
afterEach(() => {
  for (const stream of lent.values()) stream.destroy();
  lent.clear();
});

async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) yield new Uint8Array(1_000);
}

function lend(...accountIds: number[]): void {
  for (const id of accountIds) lent.set(id, places.lend(id, endless()));
}

async function take(accountId: number, pieces: number): Promise<void> {
  const reader = lent.get(accountId)!.iterator({ destroyOnReturn: false });
  for (let piece = 0; piece < pieces; piece++) await reader.next();
}

const isCutOff = (accountId: number): boolean => lent.get(accountId)!.destroyed;

test('four are made at once, one an account, until they have been read for a minute', () => {
  expect(maxArchivesAtOnce).toBe(4);
  lend(1, 2, 3);
  expect(() => lend(3)).toThrow('an archive of this account is being made already');
  lend(4);
  expect(() => lend(5)).toThrow('too many archives are being made');
  clock.advance(longAfterMs - 1);
  expect(() => lend(5)).toThrow('too many archives are being made');
  clock.advance(1);
  expect(() => lend(4)).toThrow('an archive of this account is being made already');
  lend(5, 6, 7, 8);
  expect(() => lend(9)).toThrow('too many archives are being made');
  expect([...lent.keys()].some(isCutOff)).toBe(false);
});

test('of sixteen the slowest gives way to who comes, and its account may come again', async () => {
  const all = Array.from({ length: maxArchivesAtOnce + maxLongArchives }, (_, index) => index + 1);
  for (const id of all) {
    lend(id);
    if (id % maxArchivesAtOnce === 0) clock.advance(longAfterMs);
  }
  for (const id of all) await take(id, id === 6 ? 1 : 20);
  expect(all.some(isCutOff)).toBe(false);
  lend(17);
  expect(all.filter(isCutOff)).toEqual([6]);
  lend(6);
  expect(all.filter(isCutOff)).toHaveLength(1);
  expect(isCutOff(6)).toBe(false);
});

test('one that ends gives its place back', async () => {
  lend(1, 2, 3, 4);
  const closed = new Promise((resolve) => void lent.get(2)!.once('close', resolve));
  lent.get(2)!.destroy();
  await closed;
  lend(2);
  expect(() => lend(5)).toThrow('too many archives are being made');
});
