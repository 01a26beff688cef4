import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { AccountSaver } from '@dunlin/relay/accounts/account-saver';
import { AccountStore } from '@dunlin/relay/accounts/account-store';
import { firstSeq, makeEvent, makeFolder, openLog } from '../log/log-fixture.ts';

const plc = (n: number): string => `did:plc:${[...String(n).padStart(24, '0')].map((digit) => 'abcdefghij'.charAt(Number(digit))).join('')}`;

test('gives back every field of every account, in the same rows', async () => {
  const path = join(await makeFolder(), 'accounts.sqlite');
  const log = await openLog(await makeFolder());
  const store = new AccountStore(path);
  const table = store.load();
  table.add(plc(22), 3);
  const row = table.add('did:web:example.com', 4);
  table.setRepo(row, { rev: '3kabcdefgh222', data: new Uint8Array(32).fill(1), head: new Uint8Array(32).fill(2) });
  table.setKey(row, { curve: 'p256', bytes: new Uint8Array(33).fill(3) }, 77);
  table.setUpstream(row, false, 'suspended');
  table.setLocal(row, 'throttled');
  table.setDesynchronized(row, true);
  await new AccountSaver({ table, store, log }).save();
  expect(table.dirtyCount).toBe(0);
  store.beginScrub(plc(22));
  store.close();
  const again = new AccountStore(path);
  const loaded = again.load();
  expect(loaded.size).toBe(2);
  expect(loaded.repo(0)).toBeNull();
  expect(loaded.key(0)).toBeNull();
  expect(loaded.isActive(0)).toBe(true);
  expect(loaded.repo(1)).toEqual(table.repo(1));
  expect(loaded.key(1)).toEqual({ curve: 'p256', bytes: new Uint8Array(33).fill(3) });
  expect([loaded.keyCheckedSeconds(1), loaded.upstream(1), loaded.isActiveUpstream(1), loaded.local(1), loaded.isDesynchronized(1), loaded.hostId(1)])
    .toEqual([77, 'suspended', false, 'throttled', true, 4]);
  expect(loaded.dirtyCount).toBe(0);
  expect(again.openScrubs()).toEqual([plc(22)]);
  again.close();
});

test('is never ahead of the log and says how far of it is contained', async () => {
  const log = await openLog(await makeFolder());
  const store = new AccountStore(':memory:');
  const table = store.load();
  const saver = new AccountSaver({ table, store, log });
  for (let n = 0; n < 1200; n++) table.add(plc(n), 1);
  log.append(makeEvent(100, 1));
  expect(log.headSeq()).toBe(firstSeq - 1);
  const saving = saver.save();
  log.append(makeEvent(100, 2));
  await saving;
  expect(log.headSeq()).toBeGreaterThanOrEqual(firstSeq);
  expect(store.appliedSeq()).toBe(firstSeq + 1);
  log.append(makeEvent(100, 3));
  await saver.save();
  expect(store.appliedSeq()).toBe(firstSeq + 2);
  expect(store.load().size).toBe(1200);
  store.close();
});

test('what there was no room for is written with the next round, newer words last', async () => {
  const log = await openLog(await makeFolder());
  const store = new AccountStore(':memory:');
  const table = store.load();
  const row = table.add(plc(1), 1);
  let isFull = true;
  const write: AccountStore['write'] = (rows, appliedSeq) => {
    if (isFull) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    store.write(rows, appliedSeq);
  };
  const saver = new AccountSaver({ table, log, store: Object.assign(Object.create(store) as AccountStore, { take: store.take.bind(store), write, appliedSeq: () => null }) });
  await expect(saver.save()).rejects.toThrow('disk is full');
  expect(table.dirtyCount).toBe(0);
  table.setUpstream(row, false, 'deactivated');
  await expect(saver.save()).rejects.toThrow('disk is full');
  isFull = false;
  await saver.save();
  const loaded = store.load();
  expect([loaded.size, loaded.isActiveUpstream(0), loaded.upstream(0)]).toEqual([1, false, 'deactivated']);
  store.close();
});
