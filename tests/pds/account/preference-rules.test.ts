/** Who sees and sets which preferences, as pure functions. */
import { expect, test } from '@jest/globals';
import { replacedPreferences, visiblePreferences } from '../../../pds/src/account/preference-rules.ts';

const details = (birthDate: string): { $type: string; birthDate: string } => ({ $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate });
const other = { $type: 'app.bsky.actor.defs#threadViewPref' };
const age = ([over13, over16, over18]: readonly [boolean, boolean, boolean]): object => ({ $type: 'app.bsky.actor.defs#declaredAgePref', isOverAge13: over13, isOverAge16: over16, isOverAge18: over18 });

test.each([
  ['2008-06-15', [true, true, false]],
  ['2008-06-14', [true, true, true]],
  ['2010-06-14', [true, true, false]],
  ['2010-06-15', [true, false, false]],
  ['2013-06-14', [true, false, false]],
  ['2013-06-15', [false, false, false]],
] as const)('somebody born on %s is, on 14 June 2026, over 13, 16, 18: %j', (born, over) => {
  const nowMs = Date.UTC(2026, 5, 14, 12);
  expect(visiblePreferences([other, details(`${born}T00:00:00.000Z`)], { hasFullAccess: false, nowMs })).toEqual([other, age(over)]);
});

test('without a readable birth date there is no age', () => {
  for (const stored of [[other], [other, details('soon')]]) expect(visiblePreferences(stored, { hasFullAccess: false, nowMs: 0 })).toEqual([other]);
});

test('what a caller cannot see it neither sets nor removes; the age is never stored', () => {
  const stored = [details('2000-01-01'), other];
  expect(replacedPreferences(stored, [], { hasFullAccess: false })).toEqual([details('2000-01-01')]);
  expect(replacedPreferences(stored, [], { hasFullAccess: true })).toEqual([]);
  expect(replacedPreferences(stored, [other, { $type: 'app.bsky.actor.defs#declaredAgePref' }], { hasFullAccess: true })).toEqual([other]);
  expect(() => replacedPreferences(stored, [details('1900-01-01')], { hasFullAccess: false })).toThrow('Do not have authorization to set preferences: app.bsky.actor.defs#personalDetailsPref');
});
