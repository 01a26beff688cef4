/** What an old server that is asked for long leaves behind: nothing. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '@dunlin/protocol/base/clock';
import { OldServer } from '../../../pds/src/moving/old-server.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('an answer that came keeps nothing alive, however long the server runs that asked', async () => {
  const running = new AbortController();
  const given: WeakRef<AbortSignal>[] = [];
  const fetch = (async (_input: unknown, init: RequestInit) => {
    if (init.signal) given.push(new WeakRef(init.signal));
    return Response.json({});
  }) as typeof globalThis.fetch;
  const old = new OldServer({ origin: 'https://old.example.org', session: { accessJwt: 'a', refreshJwt: 'r' }, fetch, clock: systemClock, signal: running.signal, onRenewed: () => Promise.resolve() });
  for (let index = 0; index < 50; index++) await old.query('com.atproto.server.getSession');
  // What was held by a promise is let go of a turn later.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  expect(given).toHaveLength(50);
  expect(given.filter((each) => each.deref() !== undefined).length).toBeLessThan(5);
});
