/**
 * A hostile host that sends spoilt events to a relay on a socket, with a good host beside it and the SDK behind it at `full`.
 * Not for: parsers by themselves (parsers.ts). Source: ours.
 */
import assert from 'node:assert/strict';
import { FirehoseConsumer, type Drop } from '@dunlin/firehose-consumer';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { type FakeHost, TestRelay } from '../relay/fixture/test-relay.ts';
import { mutate } from './mutate.ts';
import { mutateEvent } from './mutate-event.ts';
import type { Seeded } from './seeded.ts';
import { FlatMemory } from './memory.ts';
import type { SoakRun } from './soak.ts';

const batch = 200;
const batchesPerHost = 10;
const batchesPerAccount = 20;
/** What a hostile host keeps for the relay's coming back, and what it sends ahead of the relay's reading. */
const maxLogFrames = 2_000;
const maxWaitingBytes = 4_000_000;
/** The relay takes only so many new hosts in a while from one address; in a long run each host stays longer. */
const maxHosts = 50;

/** Goes on for its minutes and gives a sentence of what was done. @throws when the relay breaks a promise */
export async function fuzzRelay({ random, minutes, step }: SoakRun): Promise<string> {
  const relay = await TestRelay.start();
  const drops: Drop[] = [];
  const heard = new Map<string, number>();
  const consumer = new FirehoseConsumer({
    service: relay.relay.url, cursor: 0, unit: 'commit', verify: 'full', onDrop: (drop) => void drops.push(drop),
    identity: createIdentityResolver({ plcUrl: relay.directory.plcUrl, fetch: relay.directory.fetch, resolveTxt: relay.directory.resolveTxt, clock: systemClock, allowInsecure: true }),
  });
  const running = consumer.run((event) => void heard.set(event.did, (heard.get(event.did) ?? 0) + 1));
  try {
    return await new Siege(relay, random, drops, heard, step).lastFor(minutes);
  } finally {
    await consumer.close();
    await running.catch(() => undefined);
    await relay.close();
  }
}

/** All of it: hosts come, send their nonsense and are closed; the good one stays. */
class Siege {
  readonly #relay: TestRelay;
  readonly #random: Seeded;
  readonly #drops: readonly Drop[];
  readonly #heard: ReadonlyMap<string, number>;
  readonly #step: (what: string) => void;
  #good = new FakeAccount();
  #askedOfAll = 0;
  readonly #memory = new FlatMemory(40_000_000);
  #sent = 0;
  #asked = 0;

  constructor(relay: TestRelay, random: Seeded, drops: readonly Drop[], heard: ReadonlyMap<string, number>, step: (what: string) => void) {
    this.#relay = relay;
    this.#random = random;
    this.#drops = drops;
    this.#heard = heard;
    this.#step = step;
  }

  async lastFor(minutes: number): Promise<string> {
    const goodHost = await this.#relay.crawledHost();
    this.#relay.register(this.#good, goodHost);
    const begin = performance.now();
    const end = begin + minutes * 60_000;
    let hosts = 0;
    while (performance.now() < end) {
      hosts++;
      const isEnough = (n: number): boolean => performance.now() >= end || (n >= batchesPerHost && performance.now() >= begin + (hosts * (end - begin)) / maxHosts);
      await this.#besiege(hosts, goodHost, isEnough);
      // What hosts and accounts keep is the fixture's, not the relay's memory: it goes, and another good account comes.
      goodHost.firehose.log.length = 0;
      this.#askedOfAll += this.#asked;
      this.#asked = 0;
      this.#good = this.#relay.register(new FakeAccount(), goodHost);
      this.#memory.look();
    }
    const heard = [...this.#heard.values()].reduce((sum, count) => sum + count, 0) - this.#askedOfAll;
    return `relay: ${hosts} hostile hosts, ${this.#sent} frames sent, ${await this.#dropped()} dropped and ${heard} passed on, ${this.#askedOfAll} good events all heard, `
      + `0 drops at the SDK, memory ${this.#memory.judge()}`;
  }

  /** One hostile host, from its coming to its end. */
  async #besiege(number: number, goodHost: FakeHost, isEnough: (batches: number) => boolean): Promise<void> {
    const host = await this.#relay.crawledHost();
    let account = this.#relay.register(new FakeAccount(), host);
    for (let n = 0; !isEnough(n); n++) {
      this.#step(`hostile host ${number}, batch ${n}`);
      if (n % batchesPerAccount === batchesPerAccount - 1) account = this.#relay.register(new FakeAccount(), host);
      // The relay reads no faster than it will; what it has not taken yet must not pile up here.
      const waiting = host.firehose.connections.reduce((sum, { socket }) => sum + socket.bufferedAmount, 0);
      if (waiting < maxWaitingBytes) this.#sendBatch(host, account);
      host.firehose.log.splice(0, Math.max(0, host.firehose.log.length - maxLogFrames));
      await this.#isWell(goodHost);
    }
    await host.firehose.close();
    this.#relay.hosts.splice(this.#relay.hosts.indexOf(host), 1);
  }

  /** How many events the relay has refused, for whatever reason. */
  async #dropped(): Promise<number> {
    const text = await (await fetch(`${this.#relay.relay.metricsUrl}/metrics`)).text();
    return [...text.matchAll(/^relay_events_dropped_total\{[^}]*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  #sendBatch(host: FakeHost, account: FakeAccount): void {
    const random = this.#random;
    for (let n = 0; n < batch; n++) {
      const kind = random.below(10);
      const event = kind < 6 || account.head === null ? account.commit()
        : kind === 6 ? account.sync(account.nextRev()) : kind === 7 ? account.identity(random.pick([account.handle, null, 'x', 'handle.invalid'])) : account.account(random.chance(0.9), null);
      const bytes = encodeEvent({ ...event, seq: host.seq + 1 });
      const other = encodeEvent({ ...this.#good.identity(), seq: 7 });
      host.sendBytes(random.chance(0.2) ? bytes : random.chance(0.5) ? mutate(bytes, random, other) : mutateEvent(bytes, random, other));
      this.#sent++;
    }
  }

  async #isWell(goodHost: FakeHost): Promise<void> {
    goodHost.send(this.#good.commit());
    this.#asked++;
    await eventually('the good host is heard', () => (this.#heard.get(this.#good.did) ?? 0) === this.#asked);
    assert.deepEqual(this.#relay.faults, []);
    assert.deepEqual(this.#drops, [], 'the relay gave out what the SDK drops');
  }
}
