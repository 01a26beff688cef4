import { afterEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Parking } from '@dunlin/relay/hosts/parking';
import type { Parkable } from '@dunlin/relay/hosts/parking';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

const hour = 3_600_000;

class Connection implements Parkable {
  readonly #clock: ManualClock;
  isParked = false;
  quietSinceMs: number | null;
  dials = 0;
  #spokeMs = -1;
  constructor(clock: ManualClock) {
    this.#clock = clock;
    this.quietSinceMs = clock.elapsedMs();
  }
  park(): void {
    this.isParked = true;
    this.quietSinceMs = null;
  }
  connect(): void {
    this.isParked = false;
    this.dials += 1;
    this.quietSinceMs = this.#clock.elapsedMs();
  }
  speak(): void {
    this.quietSinceMs = this.#spokeMs = this.#clock.elapsedMs();
  }
  hasSpokenSince(ms: number): boolean {
    return this.#spokeMs > ms;
  }
}

describe('parking', () => {
  const clock = new ManualClock();
  let random = 0;
  const connections: Connection[] = [];
  const park = (afterMs = 12 * hour): Parking => new Parking({ clock, random: () => random, afterMs, recheckMs: hour, connections: () => connections });
  let parking: Parking;

  afterEach(() => {
    parking.close();
    connections.length = 0;
    random = 0;
  });

  test('hangs up at the stated time, not before, and on nobody that is not read', () => {
    parking = park();
    const [quiet, talking, unread] = [new Connection(clock), new Connection(clock), new Connection(clock)];
    connections.push(quiet, talking, unread);
    unread.quietSinceMs = null;
    clock.advance(12 * hour - 30_000);
    talking.speak();
    expect([quiet.isParked, parking.size]).toEqual([false, 0]);
    clock.advance(30_000);
    expect([quiet.isParked, talking.isParked, unread.isParked, parking.size]).toEqual([true, false, false, 1]);
  });

  test.each([[0, hour / 2], [0.999_999, 1.5 * hour]])('with luck of %d looks again after %d ms', (luck, waitMs) => {
    random = luck;
    parking = park();
    const quiet = new Connection(clock);
    connections.push(quiet);
    clock.advance(12 * hour);
    clock.advance(waitMs - 30_000);
    expect([quiet.isParked, quiet.dials]).toEqual([true, 0]);
    clock.advance(30_000);
    expect([quiet.isParked, quiet.dials]).toEqual([false, 1]);
    // Nothing new: parked again after two minutes.
    clock.advance(90_000);
    expect(quiet.isParked).toBe(false);
    clock.advance(30_000);
    expect(quiet.isParked).toBe(true);
  });

  test('a host that speaks after a look, or was woken by itself, stays as long as any other', () => {
    parking = park();
    const [spoke, asked] = [new Connection(clock), new Connection(clock)];
    connections.push(spoke, asked);
    clock.advance(12 * hour);
    asked.connect();
    clock.advance(hour / 2);
    expect([spoke.dials, asked.dials, parking.size]).toEqual([1, 1, 0]);
    clock.advance(1_000);
    spoke.speak();
    clock.advance(11 * hour);
    expect([spoke.isParked, asked.isParked]).toEqual([false, false]);
    clock.advance(hour / 2);
    expect([spoke.isParked, asked.isParked]).toEqual([false, true]);
    clock.advance(hour / 2 - 1_000);
    expect(spoke.isParked).toBe(false);
    clock.advance(30_000);
    expect(spoke.isParked).toBe(true);
  });

  test('forgets hosts that are gone, and does nothing at 0', () => {
    parking = park();
    connections.push(new Connection(clock));
    clock.advance(12 * hour);
    expect(parking.size).toBe(1);
    connections.length = 0;
    clock.advance(30_000);
    expect(parking.size).toBe(0);
    parking.close();
    parking = park(0);
    const quiet = new Connection(clock);
    connections.push(quiet);
    clock.advance(1_000 * hour);
    expect(quiet.isParked).toBe(false);
  });
});

describe('a relay', () => {
  let relay: TestRelay;

  afterEach(() => relay.close());

  test('hangs up on a quiet host; requestCrawl wakes it and nothing is missed', async () => {
    relay = await TestRelay.start({ parkAfterMs: 300, parkRecheckMs: hour });
    const host = await relay.crawledHost();
    const account = relay.register(new FakeAccount(), host);
    const consumer = await relay.consume();
    host.send(account.commit());
    await consumer.take(1);
    await (await host.firehose.connection(1)).closed;
    await eventually('it counts as parked', async () => (await relay.metric('relay_hosts_parked')) === 1);
    const status = (await (await relay.get(`/xrpc/com.atproto.sync.getHostStatus?hostname=${host.hostname}`)).json()) as { status: string };
    expect(status.status).toBe('idle');
    host.send(account.commit());
    expect((await relay.requestCrawl(host.hostname)).status).toBe(200);
    expect((await host.firehose.connection(2)).cursor).toBe(1);
    await consumer.take(2);
    expect(relay.faults).toEqual([]);
  });

  test('looks at a quiet host by itself', async () => {
    relay = await TestRelay.start({ parkAfterMs: 200, parkRecheckMs: 200 });
    const host = await relay.crawledHost();
    const account = relay.register(new FakeAccount(), host);
    const consumer = await relay.consume();
    await (await host.firehose.connection(1)).closed;
    host.send(account.commit());
    await consumer.take(1);
    expect(host.firehose.connections.length).toBeGreaterThan(1);
  });
});
