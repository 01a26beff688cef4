import { expect, test } from '@jest/globals';
import { Room, freeBytesOf } from '@dunlin/relay/log/room';
import { makeFolder } from './log-fixture.ts';

test('has no room below the watermark, and again from a tenth above it', async () => {
  let free = 1_000;
  const room = new Room({ minFreeBytes: 1_000, freeBytes: async () => free });
  const heard: boolean[] = [];
  room.follow((hasRoom) => void heard.push(hasRoom));
  const seen: boolean[] = [];
  for (free of [1_000, 999, 1_000, 1_099, 1_100, 1_000, 999]) {
    await room.check();
    seen.push(room.hasRoom);
  }
  expect(seen).toEqual([true, false, false, false, true, true, false]);
  expect(heard).toEqual([false, true, false]);
  expect(room.reason).toContain('free=999 wanted=1000');
});

test('has no room while the log is full, however much the file system says is free; a late follower hears it at once', async () => {
  const room = new Room({ minFreeBytes: 0, freeBytes: async () => 0 });
  await room.check();
  expect(room.reason).toBeNull();
  room.setLogFull(true);
  const heard: boolean[] = [];
  room.follow((hasRoom) => void heard.push(hasRoom));
  await room.check();
  expect([room.hasRoom, heard]).toEqual([false, [false]]);
  room.setLogFull(false);
  expect([room.reason, heard]).toEqual([null, [false, true]]);
});

test('asks the file system', async () => {
  expect(await freeBytesOf(await makeFolder())).toBeGreaterThan(0);
});
