import { beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { Budget } from '@dunlin/relay/ingest/budget';
import { Hold } from '@dunlin/relay/ingest/hold';
import { Lane, itemOverheadBytes } from '@dunlin/relay/ingest/lane';
import type { Item } from '@dunlin/relay/ingest/lane';
import type { Upstream } from '@dunlin/relay/ingest/upstream';
import { hashDid } from '@dunlin/relay/log/did-hash';

const bytes = Buffer.from(encodeEvent({ kind: 'account', seq: 1, did: 'did:plc:abc', active: true, status: null, time: '' }));
const size = bytes.length + itemOverheadBytes;
let clock: ManualClock;
let budget: Budget;
let hold: Hold;

beforeEach(() => {
  clock = new ManualClock();
  budget = new Budget({ totalBytes: 1e9, bytesPerHost: 1e9 });
  hold = new Hold({ budget, clock, random: () => 1, bounds: { totalBytes: 10 * size, bytesPerHost: 5 * size, bytesPerAccount: 3 * size, maxMs: 60_000 } });
});

function upstream(id: number): Upstream {
  return {
    id, origin: '', cursor: 0, relay: 0, begin: () => null, settle: () => undefined, dropped: () => undefined, accepted: () => undefined, info: () => undefined,
    resumeFromBudget: () => undefined,
  };
}

function laneOf(from: Upstream, count: number): Lane {
  const lane = new Lane('did:plc:abc 1', 'did:plc:abc', hashDid('did:plc:abc'));
  for (let i = 0; i < count; i++) {
    const item: Item = {
      kind: 'account', upstream: from, open: { seq: i, isSettled: false }, bytes, cost: size, scan: scanFrame(bytes), did: lane.did, receivedAtMs: 0, key: null, verdict: null, lane: null, isRefreshed: false, isStatusAsked: false, isHeld: false, row: -1, breaks: false,
    };
    budget.charge(from, size);
    lane.items.push(item);
  }
  return lane;
}

describe('holding', () => {
  test('moves an account\'s events out of the budget, as many as fit, the oldest first', () => {
    const lane = laneOf(upstream(1), 5);
    const overflow = hold.begin(lane);
    expect([overflow.length, lane.items.length, hold.totalBytes, budget.totalBytes]).toEqual([2, 3, 3 * size, 2 * size]);
    for (const item of overflow) hold.finish(item);
    expect(budget.totalBytes).toBe(0);
  });

  test('is bounded for each host and for all', () => {
    const one = upstream(1);
    expect(hold.begin(laneOf(one, 3))).toHaveLength(0);
    expect(hold.begin(laneOf(one, 3))).toHaveLength(1);
    expect(hold.begin(laneOf(upstream(2), 3))).toHaveLength(0);
    expect(hold.begin(laneOf(upstream(3), 3))).toHaveLength(1);
    expect(hold.totalBytes).toBe(10 * size);
  });

  test('waits longer from try to try, at most half a minute, and never beyond its time', () => {
    const lane = laneOf(upstream(1), 1);
    const waits: number[] = [];
    for (;;) {
      hold.begin(lane);
      if (hold.isOver(lane)) break;
      waits.push(hold.retryMs(lane));
      clock.advance(waits.at(-1) ?? 0);
    }
    expect(waits.slice(0, 5)).toEqual([2000, 4000, 8000, 16_000, 30_000]);
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(60_000);
  });

  test('gives everything back when it ends', () => {
    const lane = laneOf(upstream(1), 3);
    hold.begin(lane);
    hold.end(lane);
    expect([hold.totalBytes, budget.totalBytes, lane.held]).toEqual([0, 3 * size, null]);
    for (const item of lane.items) hold.finish(item);
    expect(budget.totalBytes).toBe(0);
  });

  test('does not keep a larger piece of memory for a frame', () => {
    const lane = laneOf(upstream(1), 1);
    const item = lane.items[0] as Item;
    item.bytes = Buffer.concat([bytes, Buffer.alloc(65_536)]).subarray(0, bytes.length);
    hold.begin(lane);
    expect(item.bytes.equals(bytes)).toBe(true);
    expect(item.bytes.buffer.byteLength).toBeLessThan(65_536);
  });
});
