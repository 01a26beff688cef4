/**
 * Kills a relay with SIGKILL while it works, again and again, and starts it on the same folder: nothing that a host sent
 * is lost, no event comes out twice, no seq is given twice, and what a consumer saw before a kill is what replay says.
 * Place: tests/faults (a few rounds) and tests/soak (many). Source: ours.
 */
import assert from 'node:assert/strict';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { FakeDirectory } from '../relay/fixture/fake-directory.ts';
import { StandaloneHost, serveDirectory } from '../relay/fixture/standalone-host.ts';
import { TestConsumer } from '../relay/fixture/test-relay.ts';
import { startDunlin, type StartedProcess } from './process.ts';
import { temporaryFolder } from './temporary.ts';
import { eventually } from './wait.ts';

const commitsPerRound = 500;
const patienceMs = 60_000;

export interface KillOptions {
  rounds: number;
  /** From 0 up to and without 1. */
  random: () => number;
  /** Hears of every round before it begins, and of what was counted so far. */
  onRound?: (round: number, count: number) => void;
  /** Processes that serve consumers; none by default. */
  fanoutProcesses?: number;
  /** The first host is heard through another relay only, which tells of the second one too. */
  isRelayed?: boolean;
}

/** Does it all and gives a sentence of what was done. @throws at the first event that is lost, repeated or changed */
export async function killRelay(o: KillOptions): Promise<string> {
  const directory = new FakeDirectory();
  const plc = await serveDirectory(directory);
  const hosts = [await StandaloneHost.start(), await StandaloneHost.start()];
  const upstream = o.isRelayed ? await StandaloneHost.start() : null;
  const folder = await temporaryFolder();
  const run = new Run(hosts, { plcUrl: plc.url, folder: folder.path, fanoutProcesses: o.fanoutProcesses ?? 0, upstream });
  try {
    fill(hosts, directory, o.rounds);
    if (upstream) passOn(hosts, upstream);
    return await run.all(o);
  } finally {
    await run.relay?.stop('SIGKILL');
    for (const host of hosts) await host.close();
    await upstream?.close();
    await plc.close();
    await folder.remove();
  }
}

/** Fills the hosts' logs: every account commits in turn, now and then with an #account beside. */
function fill(hosts: readonly StandaloneHost[], directory: FakeDirectory, rounds: number): void {
  const accounts = Array.from({ length: 20 }, () => new FakeAccount());
  for (const [i, account] of accounts.entries()) directory.add(account, hosts[i % 2]!.origin);
  for (let n = 0; n < rounds * commitsPerRound; n++) {
    const account = accounts[n % accounts.length]!;
    const { frames } = hosts[n % 2]!;
    const event = n % 97 === 0 ? account.account(true) : account.commit();
    frames.push(encodeEvent({ ...event, seq: frames.length + 1 }));
  }
}

/** Lets a relay tell all that the hosts tell, by turns. */
function passOn(hosts: readonly StandaloneHost[], { frames }: StandaloneHost): void {
  const longest = Math.max(...hosts.map((host) => host.frames.length));
  for (let i = 0; i < longest; i++) {
    for (const host of hosts) {
      const frame = host.frames[i];
      if (frame) frames.push(replaceSeq(frame, scanFrame(frame), frames.length + 1));
    }
  }
}

/** One relay's life in many processes. */
class Run {
  relay: StartedProcess | null = null;
  readonly #hosts: readonly StandaloneHost[];
  readonly #environment: Record<string, string>;
  readonly #seen = new Map<number, Buffer>();
  #lastSeen = 0;
  #commitsSeen = 0;
  #commitsSent = 0;

  constructor(hosts: readonly StandaloneHost[], o: { plcUrl: string; folder: string; fanoutProcesses: number; upstream: StandaloneHost | null }) {
    this.#hosts = hosts;
    this.#environment = {
      RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: o.folder, RELAY_PLC_HOST: o.plcUrl,
      RELAY_ALLOW_INSECURE_HOSTS: 'true', RELAY_TRUSTED_DOMAINS: '127.0.0.1', RELAY_HOSTS: hosts.slice(o.upstream ? 1 : 0).map((host) => host.hostname).join(','),
      ...(o.upstream && { RELAY_UPSTREAM_RELAYS: `ws://${o.upstream.hostname}`, RELAY_UPSTREAM_START: 'oldest' }),
      RELAY_SEGMENT_BYTES: '500000', RELAY_VERIFY_WORKERS: '1', RELAY_FANOUT_PROCESSES: String(o.fanoutProcesses),
    };
  }

  async all({ rounds, random, onRound }: KillOptions): Promise<string> {
    this.#commitsSent = this.#hosts.reduce((sum, host) => sum + commits(host.frames), 0);
    // The last round runs to the end; the others end after a random number of events.
    for (let round = 0; round <= rounds; round++) {
      onRound?.(round, this.#seen.size);
      await this.#round(round === rounds ? Infinity : 1 + Math.floor(random() * commitsPerRound));
    }
    this.relay = await startDunlin(['relay'], this.#environment);
    const replay = await TestConsumer.connect(String(this.relay.ready['url']), 0);
    await eventually('replay gives all that was seen', () => replay.frames.length >= this.#seen.size, patienceMs);
    replay.close();
    checkReplay(this.#hosts, replay.frames, this.#seen);
    return `${rounds} kills, ${this.#commitsSent} commits sent, ${this.#seen.size} events seen once each and replayed alike`;
  }

  async #round(until: number): Promise<void> {
    this.relay = await startDunlin(['relay'], this.#environment);
    const consumer = await TestConsumer.connect(String(this.relay.ready['url']), this.#lastSeen);
    let [counted, arrived] = [0, 0];
    await eventually('some events are out, or all', () => {
      while (counted < consumer.frames.length) if (scanFrame(consumer.frames[counted++]!).t === '#commit') arrived++;
      return counted >= until || this.#commitsSeen + arrived >= this.#commitsSent;
    }, patienceMs);
    await this.relay.stop('SIGKILL');
    await consumer.closed;
    for (const frame of consumer.frames) {
      const { seq, t } = scanFrame(frame);
      assert(seq > this.#lastSeen, `seq came twice or out of order: seq=${seq} last=${this.#lastSeen}`);
      this.#lastSeen = seq;
      this.#seen.set(seq, frame);
      if (t === '#commit') this.#commitsSeen++;
    }
  }
}

function commits(frames: readonly Uint8Array[]): number {
  return frames.filter((frame) => scanFrame(frame).t === '#commit').length;
}

function checkReplay(hosts: readonly StandaloneHost[], frames: readonly Buffer[], seen: ReadonlyMap<number, Buffer>): void {
  const perAccount = new Map<string, Uint8Array[]>();
  for (const frame of hosts.flatMap((host) => host.frames)) {
    const { did, t } = scanFrame(frame);
    if (t !== '#commit') continue;
    const of = perAccount.get(did ?? '') ?? [];
    of.push(frame);
    perAccount.set(did ?? '', of);
  }
  let lastSeq = 0;
  let repeated = 0;
  for (const frame of frames) {
    const { seq, did, t } = scanFrame(frame);
    assert(seq > lastSeq, `replay goes back: seq=${seq} last=${lastSeq}`);
    lastSeq = seq;
    const before = seen.get(seq);
    if (before) repeated++;
    assert(!before || before.equals(frame), `seq was given twice: seq=${seq}`);
    // #account events may come again after a crash: delivery is at least once, and they say the same.
    if (t !== '#commit') continue;
    const next = perAccount.get(did ?? '')?.shift();
    assert(next && frame.equals(replaceSeq(next, scanFrame(next), seq)), `commit lost, repeated or out of order: seq=${seq} did=${did}`);
  }
  assert.equal(repeated, seen.size, 'replay lacks an event that a consumer saw');
  assert([...perAccount.values()].every((rest) => rest.length === 0), 'commits are missing at the end');
}
