/** Formats of texts: what is told quickly is what the library's parsers tell. */
import { expect, test } from '@jest/globals';
import { isDatetimeString, parseLanguageString } from '@atproto/syntax';
import { isDatetime, isLanguage } from '../../../pds/src/repo/string-rules.ts';

const twoDigits = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => String(from + index).padStart(2, '0'));
const letters = 'abcdefghijklmnopqrstuvwxyz'.split('');

/** The texts of which the two do not say the same, and how many of them are right. */
function compare(texts: Iterable<string>, ours: (text: string) => boolean, theirs: (text: string) => boolean): { differ: string[]; right: number } {
  const differ: string[] = [];
  let right = 0;
  for (const text of texts) {
    const isRight = theirs(text);
    if (isRight) right += 1;
    if (ours(text) !== isRight) differ.push(text);
  }
  return { differ, right };
}

function* datetimes(): Generator<string, void, undefined> {
  const times = ['00:00:00', '19:09:59', '20:59:09', '23:59:59', '23:59:60', '24:00:00', '12:60:00', '12:00:61', '1:00:00', '12:00'];
  for (const year of ['0000', '1900', '2000', '2026', '9999', '026', '12026']) for (const month of twoDigits(0, 13)) for (const day of twoDigits(0, 32)) {
    for (const time of times) for (const rest of ['Z', '.123Z', '.12Z', '.1234Z', '.Z', '', 'z', '+01:00', '.123-00:00', 'Z\n']) yield `${year}-${month}-${day}T${time}${rest}`;
  }
}

function* languages(): Generator<string, void, undefined> {
  const heads = letters.flatMap((a) => letters.flatMap((b) => [`${a}${b}`, `${a}${b.toUpperCase()}`]));
  const tails = ['', '-', '-BR', '-br', '-B', '-Latn', '-419', '-a', '-x', '-x-a', '-BR-BR', 'g', 'gh', '-klingon', '\n', ' '];
  for (const head of heads) for (const tail of tails) yield `${head}${tail}`;
}

test('datetimes are right that the library takes, on every day of a year and beyond', () => {
  const { differ, right } = compare(datetimes(), isDatetime, isDatetimeString);
  expect(differ).toEqual([]);
  expect(right).toBeGreaterThan(10_000);
});

test('languages are right that the library takes, whatever their letters', () => {
  const { differ, right } = compare(languages(), isLanguage, (text) => parseLanguageString(text) !== null);
  expect(differ).toEqual([]);
  expect(right).toBeGreaterThan(1_000);
});
