/**
 * What the index of collections costs ingest: CPU of all threads of the process for each commit that is verified and made
 * durable, with the index against without it, in turns within one run. A commit in 25 deletes, as on the network, and
 * every account uses forty collections, so that some deletes empty one. Prints one JSON line; its ratio has a goal.
 */
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { AccountTable } from '@dunlin/relay/accounts/account-table';
import { Collections } from '@dunlin/relay/collections/collections';
import { CursorTracker } from '@dunlin/relay/hosts/cursor-tracker';
import { defaultHoldBounds } from '@dunlin/relay/ingest/hold';
import { defaultIngestLimits } from '@dunlin/relay/ingest/limits';
import { Ingest } from '@dunlin/relay/ingest/ingest';
import type { Upstream } from '@dunlin/relay/ingest/upstream';
import { RelayLog } from '@dunlin/relay/log/relay-log';
import { declareIngestMetrics } from '@dunlin/relay/metrics';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { temporaryFolder } from '../tests/harness/temporary.ts';
import { FakeAccount, createWrite } from '../tests/relay/fixture/fake-account.ts';
import { FakeDirectory } from '../tests/relay/fixture/fake-directory.ts';

const origin = 'http://127.0.0.1:1';
const directory = new FakeDirectory();
const [accounts, commits, warmUp, rounds] = [400, 12_000, 2_000, 3];
const fail = (error: unknown): never => {
  throw error;
};
/** Eight collections carry nearly everything, the others have a record now and then. */
const collections = Array.from({ length: 40 }, (_, i) => (i < 8 ? `app.bsky.feed.kind${i}` : `com.example.rare${i}`));

function makeFrames(): Uint8Array[] {
  const people = Array.from({ length: accounts }, () => {
    const account = new FakeAccount();
    directory.add(account, origin);
    for (let made = 0; made < 800; made += 200) account.commit(Array.from({ length: 200 }, (_, i) => createWrite(`r${made + i}`, 120, collections[i % 8])));
    return { account, created: [] as [collection: string, rkey: string][] };
  });
  return Array.from({ length: commits }, (_, n) => {
    const { account, created } = people[n % accounts]!;
    const last = n % 25 === 24 ? created.shift() : undefined;
    if (last) return encodeEvent({ ...account.commit([{ action: 'delete', collection: last[0], rkey: last[1] }]), seq: n + 1 });
    const collection = collections[n % 7 === 0 ? 8 + (n % 32) : n % 8]!;
    created.push([collection, `n${n}`]);
    return encodeEvent({ ...account.commit([createWrite(`n${n}`, 120, collection)]), seq: n + 1 });
  });
}

const home = { id: 1, origin, isRefused: false, accountLimit: () => 1_000_000 };

/** CPU seconds of the process for each commit once warm. */
async function cpuEach(frames: readonly Uint8Array[], isFollowed: boolean): Promise<number> {
  const folder = await temporaryFolder();
  const log = await RelayLog.open({ folder: folder.path, initialSeq: 2 ** 32 + 1, durability: 'fsync', segmentBytes: 268_435_456, segmentAgeMs: 3_600_000, clock: systemClock, gatherMs: 2, onFault: fail });
  const table = new AccountTable();
  const follower = isFollowed ? new Collections({ path: join(folder.path, 'collections.sqlite'), cacheBytes: 33_554_432, accounts: table, headSeq: () => log.headSeq(), clock: systemClock }) : null;
  follower?.begin(null, log.oldestSeq());
  const saver = setInterval(() => follower?.save(log.headSeq()), 1_000);
  const metrics = createMetrics('relay');
  const ingest = new Ingest({
    fetch,
    log, table, follower, homes: { byId: () => home, settle: () => home }, hasRelays: () => false, clock: systemClock, metrics: declareIngestMetrics(metrics), workers: 1, isLenient: false, dropsDiscontinuous: false,
    resolver: createIdentityResolver({ plcUrl: directory.plcUrl, fetch: directory.fetch, resolveTxt: directory.resolveTxt, clock: systemClock }),
    budgetBounds: { totalBytes: 67_108_864, bytesPerHost: 8_388_608 }, holdBounds: defaultHoldBounds, limits: defaultIngestLimits, random: Math.random, onFault: fail,
  });
  await ingest.ready();
  let [accepted, next, startCpu] = [0, 0, process.cpuUsage()];
  const tracker = new CursorTracker(0);
  const cpuSeconds = await new Promise<number>((resolve) => {
    const upstream: Upstream = {
      id: 1, origin, cursor: 0, relay: 0,
      begin: (seq) => tracker.open(seq),
      settle: (event) => tracker.settle(event),
      dropped: (reason, detail) => fail(new Error(`dropped: ${reason} ${detail}`)),
      accepted: () => {
        accepted += 1;
        if (accepted === warmUp) startCpu = process.cpuUsage();
        if (accepted < frames.length) return;
        const { user, system } = process.cpuUsage(startCpu);
        resolve((user + system) / 1e6);
      },
      info: () => undefined,
      resumeFromBudget: () => setImmediate(pump),
    };
    function pump(): void {
      for (let taken = 0; next < frames.length; taken++) {
        if (taken === 64) return void setImmediate(pump);
        const frame = frames[next++]!;
        if (!ingest.intake.take(upstream, Buffer.from(frame.buffer, frame.byteOffset, frame.length))) return;
      }
    }
    pump();
  });
  clearInterval(saver);
  await ingest.stop();
  ingest.close();
  await log.close();
  follower?.close();
  metrics.close();
  await folder.remove();
  return cpuSeconds / (frames.length - warmUp);
}

const frames = makeFrames();
const seconds: { with: number[]; without: number[] } = { with: [], without: [] };
await cpuEach(frames, false);
for (let round = 0; round < rounds; round++) {
  for (const isFollowed of round % 2 === 0 ? [true, false] : [false, true]) (isFollowed ? seconds.with : seconds.without).push(await cpuEach(frames, isFollowed));
}
const best = { with: Math.min(...seconds.with), without: Math.min(...seconds.without) };
process.stdout.write(`${JSON.stringify({
  bench: 'relay-collections', figure: Number((best.with * 1e6).toFixed(1)), unit: 'µs of CPU a commit, all threads, with the index', ratio: Number((best.with / best.without).toFixed(3)),
  against: `without it, ${(best.without * 1e6).toFixed(1)} µs`, goal: 1.05, rounds,
})}\n`);
