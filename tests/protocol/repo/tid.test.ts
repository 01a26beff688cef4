import { describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { isTid, tidFromMicros, TidClock, tidToMicros } from '@dunlin/protocol/repo/tid';
import { readLines, vectorsFolder } from '../../harness/vectors.ts';

const folder = vectorsFolder();
const lines = (name: string, fallback: string[]): string[] => [...fallback, ...(folder === null ? [] : readLines(folder, 'syntax', name))];

describe('syntax', () => {
  test.each(lines('tid_syntax_valid.txt', ['3jzfcijpj2z2a', '7777777777777', '3zzzzzzzzzzzz', '2222222222222', 'jzzzzzzzzzzzz']))('%s is a tid', (text) => {
    expect(isTid(text)).toBe(true);
  });

  test.each(lines('tid_syntax_invalid.txt', ['', '3jzfcijpj2z21', '0000000000000', '3jzfcijpj2z2aa', '3jzfcijpj2z2', 'kjzfcijpj2z2a', '3JZFCIJPJ2Z2A', '3jzfcijpj2zé2', '3jzf-cij-pj2z-2a']))('%j is none', (text) => {
    expect(isTid(text)).toBe(false);
    expect(() => tidToMicros(text)).toThrow(expect.objectContaining({ code: 'InvalidTid' }));
  });
});

test('time goes in and comes out, and texts sort as times do', () => {
  const times = [0, 1, 31, 32, 1023, 1_700_000_000_000_000, 1_700_000_000_000_001, Number.MAX_SAFE_INTEGER];
  const tids = times.map((micros) => tidFromMicros(micros, 0));
  expect(tids.map(tidToMicros)).toEqual(times);
  expect(tids.toSorted()).toEqual(tids);
  expect(tids.every(isTid)).toBe(true);
  expect(tids[0]).toBe('2222222222222');
  expect(tidFromMicros(5, 1023)).toBe('22222222227zz');
  expect(() => tidFromMicros(-1, 0)).toThrow('time out of range');
  expect(() => tidFromMicros(1, 1024)).toThrow('clock id out of range');
});

describe('TidClock', () => {
  test('gives later ones even when the clock stands still or goes back', () => {
    const clock = new ManualClock(1_000_000);
    const tids = new TidClock(clock, 5);
    const given = [tids.next(), tids.next()];
    clock.advance(1);
    given.push(tids.next());
    expect(tidToMicros(given[0]!)).toBe(1_000_000_000);
    expect(given.toSorted()).toEqual(given);
    expect(new Set(given).size).toBe(3);
    expect(given.map((tid) => tid.slice(11))).toEqual(['27', '27', '27']);
  });

  test('goes beyond a rev that lies ahead of the clock, and stays there', () => {
    const tids = new TidClock(new ManualClock(1_000_000), 0);
    const ahead = tidFromMicros(2_000_000_000, 1023);
    const next = tids.next(ahead);
    expect(next > ahead).toBe(true);
    expect(tids.next(null) > next).toBe(true);
    expect(tids.next('2222222222222') > next).toBe(true);
  });
});
