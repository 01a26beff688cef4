/** Look-ups with a memory: one request for many askers, ages, bounds, and what is never remembered. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { Lookup, type LookupOptions } from '@dunlin/protocol/identity/lookup';

const ages = { freshMs: 1_000, staleMs: 5_000, absentMs: 300, faultMs: 100 };
type Outcome = string | null | Error;

let clock: ManualClock;
let pending: { key: string; settle: (outcome: Outcome) => Promise<void> }[];

beforeEach(() => {
  clock = new ManualClock();
  pending = [];
});

function makeLookup(o: Partial<LookupOptions<string>> = {}): Lookup<string> {
  return new Lookup<string>({
    find: (key) => new Promise((resolve, reject) => {
      const settle = async (outcome: Outcome): Promise<void> => {
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
        await turn();
      };
      pending.push({ key, settle });
    }),
    sizeOf: (value) => value.length, clock, ages, maxEntries: 100, maxBytes: 1_000_000, maxFlights: 10, ...o,
  });
}

/** Lets everything that is ready run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function settle(outcome: Outcome): Promise<void> {
  await turn();
  const next = pending.shift();
  if (!next) throw new Error('nothing is being looked up');
  await next.settle(outcome);
}

async function know(lookup: Lookup<string>, key: string, value: string | null): Promise<void> {
  const asking = lookup.get(key);
  await settle(value);
  await asking;
}

const fault = new ProtocolError('IdentityUnavailable', 'no network');

describe('one request for many', () => {
  test('askers of one key share a look-up, another key has its own', async () => {
    const lookup = makeLookup();
    const asking = Promise.all([lookup.get('a'), lookup.get('a'), lookup.get('b')]);
    await turn();
    expect(pending.map(({ key }) => key)).toEqual(['a', 'b']);
    await settle('A');
    await settle('B');
    expect(await asking).toEqual(['A', 'A', 'B']);
  });

  test('a refresh does not join an ordinary look-up, whose late answer is then not remembered', async () => {
    const lookup = makeLookup();
    const ordinary = lookup.get('a');
    const refreshing = Promise.all([lookup.get('a', { refresh: true }), lookup.get('a', { refresh: true }), lookup.get('a')]);
    await turn();
    expect(pending.length).toBe(2);
    const [first, second] = pending.splice(0);
    await second.settle('new');
    await first.settle('old');
    expect(await ordinary).toBe('old');
    expect(await refreshing).toEqual(['new', 'new', 'new']);
    expect(await lookup.get('a')).toBe('new');
  });

  test("one asker's signal ends only its own waiting", async () => {
    const lookup = makeLookup();
    const controller = new AbortController();
    const leaving = lookup.get('a', { signal: controller.signal });
    const staying = lookup.get('a');
    const left = expect(leaving).rejects.toThrow('gone away');
    controller.abort(new Error('gone away'));
    await left;
    await settle('A');
    expect(await staying).toBe('A');
    await expect(lookup.get('a', { signal: controller.signal })).rejects.toThrow('gone away');
  });

  test('beyond the bound of look-ups under way a new key fails at once, a known one does not', async () => {
    const lookup = makeLookup({ maxFlights: 2 });
    const asking = [lookup.get('a'), lookup.get('b')];
    await expect(lookup.get('c')).rejects.toMatchObject({ code: 'IdentityUnavailable' });
    const joined = lookup.get('a');
    await settle('A');
    await settle('B');
    expect(await Promise.all([...asking, joined])).toEqual(['A', 'B', 'A']);
    await know(lookup, 'c', 'C');
  });

  test('a finder that throws at once harms nobody', async () => {
    const lookup = makeLookup({ find: () => { throw fault; } });
    await expect(lookup.get('a')).rejects.toBe(fault);
    clock.advance(100);
    await expect(lookup.get('a')).rejects.toBe(fault);
  });
});

describe('ages', () => {
  test('a value is fresh, then stale and looked up behind the asker, then gone', async () => {
    const lookup = makeLookup();
    await know(lookup, 'a', 'one');
    clock.advance(999);
    expect(await lookup.get('a')).toBe('one');
    await turn();
    expect(pending.length).toBe(0);
    clock.advance(1);
    expect(await lookup.get('a')).toBe('one');
    expect(await lookup.get('a')).toBe('one');
    await turn();
    expect(pending.length).toBe(1);
    await settle('two');
    expect(await lookup.get('a')).toBe('two');
    clock.advance(4_999);
    expect(await lookup.get('a')).toBe('two');
    await settle('three');
    clock.advance(5_000);
    const asking = lookup.get('a');
    await settle('four');
    expect(await asking).toBe('four');
  });

  test('"there is none" is believed for a while', async () => {
    const lookup = makeLookup();
    await know(lookup, 'a', null);
    clock.advance(299);
    expect(await lookup.get('a')).toBeNull();
    clock.advance(1);
    const asking = lookup.get('a');
    await settle('A');
    expect(await asking).toBe('A');
  });

  test('a fault is told again without a request, for a moment, and is never taken for "none"', async () => {
    const lookup = makeLookup();
    const asking = lookup.get('a');
    const failing = expect(asking).rejects.toBe(fault);
    await settle(fault);
    await failing;
    clock.advance(99);
    await expect(lookup.get('a')).rejects.toBe(fault);
    const refreshing = lookup.get('a', { refresh: true });
    await settle('A');
    expect(await refreshing).toBe('A');
  });

  test('a stale value outlives a fault and is not looked up again for a moment', async () => {
    const lookup = makeLookup();
    await know(lookup, 'a', 'one');
    clock.advance(2_000);
    expect(await lookup.get('a')).toBe('one');
    await settle(fault);
    expect(await lookup.get('a')).toBe('one');
    await turn();
    expect(pending.length).toBe(0);
    clock.advance(100);
    expect(await lookup.get('a')).toBe('one');
    await settle('two');
    expect(await lookup.get('a')).toBe('two');
  });

  test('whoever wants nothing older than so much does not get it', async () => {
    const lookup = makeLookup();
    await know(lookup, 'a', 'one');
    clock.advance(500);
    expect(await lookup.get('a', { maxAgeMs: 500 })).toBe('one');
    const asking = lookup.get('a', { maxAgeMs: 499 });
    await settle('two');
    expect(await asking).toBe('two');
  });
});

describe('what is told from outside', () => {
  test('put is remembered and outlasts a look-up that began before it', async () => {
    const lookup = makeLookup();
    const asking = lookup.get('a');
    await turn();
    lookup.put('a', 'told');
    await settle('old');
    expect(await asking).toBe('old');
    expect(await lookup.get('a')).toBe('told');
  });

  test('invalidate forgets, and a look-up that began before it is not remembered', async () => {
    const lookup = makeLookup();
    await know(lookup, 'a', 'one');
    const asking = lookup.get('a', { refresh: true });
    await turn();
    lookup.invalidate('a');
    await settle('old');
    expect(await asking).toBe('old');
    const again = lookup.get('a');
    await settle('new');
    expect(await again).toBe('new');
  });
});

describe('bounds of memory', () => {
  test('the least recently used key goes when there are too many', async () => {
    const lookup = makeLookup({ maxEntries: 2 });
    for (const key of ['a', 'b']) await know(lookup, key, key);
    await lookup.get('a');
    await know(lookup, 'c', 'c');
    expect(lookup.size).toBe(2);
    expect(await lookup.get('a')).toBe('a');
    const asking = lookup.get('b');
    await settle('B');
    expect(await asking).toBe('B');
  });

  test('and when there are too many bytes, absent keys and faults counted too', async () => {
    const lookup = makeLookup({ maxBytes: 10_000 });
    for (let index = 0; index < 100; index++) {
      const asking = lookup.get(`key${index}`).catch(() => null);
      await settle([null, fault, 'x'.repeat(500)][index % 3]);
      await asking;
    }
    expect(lookup.size).toBeGreaterThan(10);
    expect(lookup.size).toBeLessThan(40);
  });

  test('a value larger than the whole memory is given but not kept', async () => {
    const lookup = makeLookup({ maxBytes: 1_000 });
    const asking = lookup.get('a');
    await settle('x'.repeat(2_000));
    expect((await asking)?.length).toBe(2_000);
    expect(lookup.size).toBe(0);
  });
});
