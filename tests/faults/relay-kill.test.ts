/**
 * Kills a relay with SIGKILL while it works, again and again, and starts it on the same folder: nothing that a host sent
 * is lost, no event comes out twice, no seq is given twice, and what a consumer saw before a kill is what replay says.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { startDunlin } from '../harness/process.ts';
import type { StartedProcess } from '../harness/process.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { FakeDirectory } from '../relay/fixture/fake-directory.ts';
import { StandaloneHost, serveDirectory } from '../relay/fixture/standalone-host.ts';
import { TestConsumer } from '../relay/fixture/test-relay.ts';

const rounds = Number(process.env['RELAY_KILL_ROUNDS'] ?? 5);
const commitsPerRound = 500;
const directory = new FakeDirectory();
let plc: Awaited<ReturnType<typeof serveDirectory>>;
let hosts: StandaloneHost[];
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let relay: StartedProcess | null = null;

beforeAll(async () => {
  plc = await serveDirectory(directory);
  hosts = [await StandaloneHost.start(), await StandaloneHost.start()];
  folder = await temporaryFolder();
});

afterAll(async () => {
  await relay?.stop('SIGKILL');
  for (const host of hosts) await host.close();
  await plc.close();
  await folder.remove();
});

async function start(): Promise<StartedProcess> {
  return await startDunlin(['relay'], {
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: folder.path, RELAY_PLC_HOST: plc.url,
    RELAY_ALLOW_INSECURE_HOSTS: 'true', RELAY_TRUSTED_DOMAINS: '127.0.0.1', RELAY_HOSTS: hosts.map((host) => host.hostname).join(','),
    RELAY_SEGMENT_BYTES: '500000', RELAY_VERIFY_WORKERS: '1',
  });
}

/** Fills the hosts' logs: every account commits in turn, now and then with an #account beside. */
function fill(): void {
  const accounts = Array.from({ length: 20 }, () => new FakeAccount());
  for (const [i, account] of accounts.entries()) directory.add(account, (hosts[i % 2] as StandaloneHost).origin);
  for (let n = 0; n < rounds * commitsPerRound; n++) {
    const account = accounts[n % accounts.length] as FakeAccount;
    const { frames } = hosts[n % 2] as StandaloneHost;
    const event = n % 97 === 0 ? account.account(true) : account.commit();
    frames.push(encodeEvent({ ...event, seq: frames.length + 1 }));
  }
}

test(`loses nothing and repeats nothing over ${rounds} kills under load`, async () => {
  fill();
  const seen = new Map<number, Buffer>();
  const total = hosts.reduce((sum, host) => sum + host.frames.length, 0);
  for (let round = 0; round <= rounds; round++) {
    relay = await start();
    const lastSeen = Math.max(0, ...seen.keys());
    const consumer = await TestConsumer.connect(String(relay.ready['url']), lastSeen);
    // The last round runs to the end; the others end after a random number of events.
    const until = round === rounds ? null : 1 + Math.floor(Math.random() * 2 * commitsPerRound * 0.9);
    if (until === null) await eventually('all commits are out', () => commits([...seen.values(), ...consumer.frames]) >= commitsSent(), 60_000);
    else await eventually('some events are out, or all', () => consumer.frames.length >= until || commits([...seen.values(), ...consumer.frames]) >= commitsSent(), 60_000);
    await relay.stop('SIGKILL');
    await consumer.closed;
    for (const frame of consumer.frames) {
      const { seq } = scanFrame(frame);
      expect(seen.has(seq)).toBe(false);
      expect(seq).toBeGreaterThan(lastSeen);
      seen.set(seq, frame);
    }
  }
  relay = await start();
  const replay = await TestConsumer.connect(String(relay.ready['url']), 0);
  await eventually('replay gives all that was seen', () => replay.frames.length >= seen.size, 60_000);
  replay.close();
  checkReplay(replay.frames, seen);
  expect(total).toBe(rounds * commitsPerRound);
}, 120_000);

function commits(frames: readonly Buffer[]): number {
  return frames.filter((frame) => scanFrame(frame).t === '#commit').length;
}

function commitsSent(): number {
  return hosts.reduce((sum, host) => sum + host.frames.filter((frame) => scanFrame(frame).t === '#commit').length, 0);
}

function checkReplay(frames: readonly Buffer[], seen: ReadonlyMap<number, Buffer>): void {
  const perAccount = new Map<string, Uint8Array[]>();
  for (const host of hosts) {
    for (const frame of host.frames) {
      const { did, t } = scanFrame(frame);
      if (t === '#commit') perAccount.set(did ?? '', [...(perAccount.get(did ?? '') ?? []), frame]);
    }
  }
  let lastSeq = 0;
  for (const frame of frames) {
    const { seq, did, t } = scanFrame(frame);
    expect(seq).toBeGreaterThan(lastSeq);
    lastSeq = seq;
    const before = seen.get(seq);
    if (before && !before.equals(frame)) throw new Error(`seq was given twice: seq=${seq}`);
    // #account events may come again after a crash: delivery is at least once, and they say the same.
    if (t !== '#commit') continue;
    const next = perAccount.get(did ?? '')?.shift();
    if (!next || !frame.equals(replaceSeq(next, scanFrame(next), seq))) throw new Error(`commit lost, repeated or out of order: seq=${seq} did=${did}`);
  }
  expect([...perAccount.values()].every((rest) => rest.length === 0)).toBe(true);
}
