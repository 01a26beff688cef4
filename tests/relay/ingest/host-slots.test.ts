import { expect, test } from '@jest/globals';
import { HostSlots } from '@dunlin/relay/ingest/host-slots';

test('runs so many of each host at once, in order, and lets other hosts pass', async () => {
  const slots = new HostSlots(2);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const run = (hostId: number, name: string): Promise<void> => slots.run(hostId, () => {
    begun.push(name);
    return new Promise<void>((resolve) => void ends.push(resolve));
  });
  const all = [run(1, 'a'), run(1, 'b'), run(1, 'c'), run(2, 'd'), run(1, 'e')];
  await Promise.resolve();
  expect(begun).toEqual(['a', 'b', 'd']);
  ends[0]?.();
  await all[0];
  expect(begun).toEqual(['a', 'b', 'd', 'c']);
  while (ends.length < 5 || begun.length < 5) {
    for (const end of ends) end();
    await Promise.resolve();
  }
  for (const end of ends) end();
  await Promise.all(all);
});

test('gives the slot back when the work fails', async () => {
  const slots = new HostSlots(1);
  await expect(slots.run(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await slots.run(1, () => Promise.resolve('yes'))).toBe('yes');
});
