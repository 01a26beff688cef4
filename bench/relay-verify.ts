/**
 * How many commits a second does a relay's ingest verify and make durable, on one core of CPU time, against how many
 * bare libsecp256k1 verifications one core does? Frames go in at the intake and come out of the log; no sockets.
 * CPU time of all threads of the process counts: main thread, verify worker, disk threads. Prints two JSON lines: per
 * core of all CPU used, and per core of the verify worker alone.
 */
import secp256k1 from 'secp256k1';
import { systemClock } from '@dunlin/protocol/base/clock';
import { readCar } from '@dunlin/protocol/car/read';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { encode } from '@dunlin/protocol/data/cbor';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { AccountTable } from '@dunlin/relay/accounts/account-table';
import { CursorTracker } from '@dunlin/relay/hosts/cursor-tracker';
import { defaultHoldBounds } from '@dunlin/relay/ingest/hold';
import { defaultIngestLimits } from '@dunlin/relay/ingest/limits';
import { Ingest } from '@dunlin/relay/ingest/ingest';
import type { Upstream } from '@dunlin/relay/ingest/upstream';
import { RelayLog } from '@dunlin/relay/log/relay-log';
import { declareIngestMetrics } from '@dunlin/relay/metrics';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { parseDidDocument } from '@dunlin/protocol/identity/did-document';
import { uncompressedPoint } from '@dunlin/protocol/crypto/did-key';
import { FakeDirectory } from '../tests/relay/fixture/fake-directory.ts';
import { temporaryFolder } from '../tests/harness/temporary.ts';
import { makeCommits } from './relay/load.ts';

const origin = 'http://127.0.0.1:1';
const fail = (error: unknown): never => {
  throw error;
};

/** Bare verifications a second of CPU time, of the very signatures of these frames. */
function bareRate(frames: readonly Uint8Array[], directory: FakeDirectory): number {
  const samples = frames.slice(0, 2000).map((bytes) => {
    const scan = scanFrame(bytes);
    const { roots, blocks } = readCar(bytes.subarray(scan.blocksOffset, scan.blocksOffset + scan.blocksLength));
    const { sig, ...unsigned } = decodeCommit(blocks.get(roots[0]!)!);
    const key = parseDidDocument(scan.did!, directory.documents.get(scan.did!)).signingKey!;
    return { signature: sig, digest: sha256(encode(unsigned)), point: uncompressedPoint(key) };
  });
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage();
    for (const { signature, digest, point } of samples) if (!secp256k1.ecdsaVerify(signature, digest, point)) throw new Error('a sample does not verify');
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1e6);
  }
  return samples.length / best;
}

const directory = new FakeDirectory();
const frames = makeCommits({ accounts: 40, recordsEach: 4_000, commits: 24_000, directory, origin });
const warmUp = 4_000;
const folder = await temporaryFolder();
const log = await RelayLog.open({ folder: folder.path, initialSeq: 2 ** 32 + 1, durability: 'fsync', segmentBytes: 268_435_456, segmentAgeMs: 3_600_000, clock: systemClock, gatherMs: 2, onFault: fail });
const metrics = createMetrics('relay');
const resolver = createIdentityResolver({ plcUrl: directory.plcUrl, fetch: directory.fetch, resolveTxt: directory.resolveTxt, clock: systemClock });
const home = { id: 1, origin, isRefused: false, accountLimit: () => 1_000_000 };
const ingest = new Ingest({
  fetch,
  log, resolver, table: new AccountTable(), homes: { byId: () => home, settle: () => home }, hasRelays: () => false, clock: systemClock, metrics: declareIngestMetrics(metrics), workers: 1, isLenient: false, dropsDiscontinuous: false,
  budgetBounds: { totalBytes: 67_108_864, bytesPerHost: 8_388_608 }, holdBounds: defaultHoldBounds, limits: defaultIngestLimits, random: Math.random, follower: null, onFault: fail,
});
await ingest.ready();

let [accepted, next] = [0, 0];
let [startCpu, startMs] = [process.cpuUsage(), 0];
let startWorkerSeconds: Promise<number> | null = null;
let done = (): void => undefined;
const finished = new Promise<void>((resolve) => void (done = resolve));
const tracker = new CursorTracker(0);
const upstream: Upstream = {
  id: 1, origin, cursor: 0,
  relay: 0,
  begin: (seq) => tracker.open(seq),
  settle: (event) => tracker.settle(event),
  dropped: (reason, detail) => fail(new Error(`dropped: ${reason} ${detail}`)),
  accepted: () => {
    accepted += 1;
    if (accepted === warmUp) {
      [startCpu, startMs] = [process.cpuUsage(), performance.now()];
      startWorkerSeconds = ingest.workerCpuSeconds();
    }
    if (accepted === frames.length) done();
  },
  info: () => undefined,
  resumeFromBudget: () => setImmediate(pump),
};
function pump(): void {
  // As from a socket: some frames a turn, then the turn of others.
  for (let taken = 0; next < frames.length; taken++) {
    if (taken === 64) return void setImmediate(pump);
    const frame = frames[next++]!;
    if (!ingest.intake.take(upstream, Buffer.from(frame.buffer, frame.byteOffset, frame.length))) return;
  }
}
const bareBefore = bareRate(frames, directory);
pump();
await finished;
const cpu = process.cpuUsage(startCpu);
const wallSeconds = (performance.now() - startMs) / 1000;
const workerSeconds = (await ingest.workerCpuSeconds()) - ((await startWorkerSeconds) ?? 0);
const bare = Math.max(bareBefore, bareRate(frames, directory));
const commits = frames.length - warmUp;
const cpuSeconds = (cpu.user + cpu.system) / 1e6;
const bytesEach = Math.round(frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length);
const against = `bare libsecp256k1, ${Math.round(bare)} verifications/s of one core`;
const line = (figure: number, unit: string, more: object): string => `${JSON.stringify({ bench: 'relay-verify', figure: Math.round(figure), unit, ratio: Number((figure / bare).toFixed(3)), against, goal: 0.5, bytesEach, ...more })}\n`;
process.stdout.write(line(commits / cpuSeconds, 'verified commits made durable, per second of CPU (all threads)', { wallRate: Math.round(commits / wallSeconds) }));
process.stdout.write(line(commits / workerSeconds, 'verified commits per second of CPU of the verify worker', {}));
await ingest.stop();
ingest.close();
await log.close();
await folder.remove();
