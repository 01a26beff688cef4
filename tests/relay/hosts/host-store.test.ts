import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { HostStore } from '@dunlin/relay/hosts/host-store';
import { makeFolder } from '../log/log-fixture.ts';

const dayMs = 86_400_000;

test('keeps hosts, cursors, blocks and bans over a restart', async () => {
  const path = join(await makeFolder(), 'hosts.sqlite');
  const store = new HostStore(path);
  const one = store.add('one.example.com', 5);
  const two = store.add('two.example.com', 6);
  store.saveCursors([{ hostId: one.id, cursor: 70, resets: 0 }, { hostId: two.id, cursor: 80, resets: 0 }], 900);
  store.reset(two.id, 0, 901);
  // Taken before the new numbering began, stored after: it must not come back.
  store.saveCursors([{ hostId: two.id, cursor: 90, resets: 0 }], 902);
  store.setBlocked(one.id, true);
  store.setAccountLimit(one.id, 7);
  store.ban('bad.example', 1);
  store.close();
  const again = new HostStore(path);
  expect(again.find('one.example.com')).toEqual({ id: one.id, hostname: 'one.example.com', createdMs: 5, cursor: 70, cursorLogSeq: 900, accountLimit: 7, isBlocked: true, resets: 0, relay: 0, isDialled: true });
  expect(again.find('two.example.com')).toMatchObject({ cursor: 0, cursorLogSeq: 901, resets: 1 });
  expect(again.page(one.id, 10).map((host) => host.hostname)).toEqual(['two.example.com']);
  expect([again.isBanned('x.bad.example'), again.isBanned('notbad.example')]).toEqual([true, false]);
  again.unban('bad.example');
  expect(again.isBanned('x.bad.example')).toBe(false);
  again.close();
});

test('numbers relays, each once, and counts hosts that are not dialled', async () => {
  const path = join(await makeFolder(), 'hosts.sqlite');
  const store = new HostStore(path);
  const [one, two] = [store.addRelay('one.example.com', 5, 70), store.addRelay('two.example.com', 5, 71)];
  expect([one, two]).toMatchObject([{ relay: 1, cursorLogSeq: 70, isDialled: false }, { relay: 2, cursorLogSeq: 71 }]);
  const named = store.add('named.example.com', 6, { isDialled: false });
  expect(store.unheardCount).toBe(1);
  expect(store.setDialled(named, true)).toMatchObject({ isDialled: true });
  store.add('other.example.com', 6, { isDialled: false });
  store.close();
  const again = new HostStore(path);
  expect([again.unheardCount, again.byId(named.id)?.isDialled, again.byId(99)]).toEqual([1, true, null]);
  for (let i = 3; i <= 127; i++) expect(again.addRelay(`r${i}.example.com`, 7, 0)?.relay).toBe(i);
  expect(again.addRelay('last.example.com', 7, 0)).toBeNull();
  again.close();
});

test('lets only so many new hosts come in a day', () => {
  const store = new HostStore(':memory:');
  expect([1, 2, 3].map(() => store.countNewHost(10 * dayMs + 5, 2))).toEqual([true, true, false]);
  expect(store.countNewHost(11 * dayMs, 2)).toBe(true);
  store.close();
});
