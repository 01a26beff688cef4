/** Fresh sessions: ten minutes after the sign-in, and no longer. */
import { ManualClock } from '@dunlin/protocol/base/clock';
import { freshLifeMs, FreshSessions } from '../../../pds/src/factor/fresh-sessions.ts';

test('a session is fresh until ten minutes have passed', () => {
  const clock = new ManualClock();
  const fresh = new FreshSessions(clock);
  fresh.note('token');
  expect(fresh.has('token')).toBe(true);
  expect(fresh.has('another')).toBe(false);
  clock.advance(freshLifeMs - 1);
  expect(fresh.has('token')).toBe(true);
  clock.advance(1);
  expect(fresh.has('token')).toBe(false);
});
