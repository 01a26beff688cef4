/**
 * The consuming side of bench/consumer-decode.ts, one client per process: ours at each level of verification, and others' from npm.
 * Tells its parent over IPC how many messages it took in a second of its own processor time, after a warm-up.
 * Not a benchmark by itself: started with the client's name; URL, counts and keys come over IPC.
 * Source: ours; the others are used as their own documentation shows.
 */
import secp256k1 from 'secp256k1';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { parseDidKey, uncompressedPoint } from '@dunlin/protocol/crypto/did-key';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import type { DidDocument } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { FirehoseConsumer } from '@dunlin/firehose-consumer';

/** What the parent tells: where to read, how many messages to warm up with and to measure, and everyone's key. */
export interface Task {
  url: string;
  warmUp: number;
  count: number;
  keys: Record<string, string>;
}

/** What a client answers. */
export interface Answer {
  perCpuSecond: number;
  perSecond: number;
  recordsPerCpuSecond: number;
  rssBytes: number;
  /** What is alive in the heap after a collection, at the end and when the warm-up was over. Chunks of the socket lie outside. */
  liveBytes: number;
  warmLiveBytes: number;
}

/** Called for each message with how many records it brought. */
type Counter = (records: number) => void;

const clients: Record<string, (task: Task, count: Counter) => void | Promise<void>> = {
  none: (task, count) => ours(task, count, 'none'),
  signature: (task, count) => ours(task, count, 'signature'),
  full: (task, count) => ours(task, count, 'full'),
  slow: slowHandlers,
  'sync-none': (task, count) => atprotoSync(task, count, true),
  'sync-full': (task, count) => atprotoSync(task, count, false),
  skyware,
  bare,
};

function ours({ url, keys }: Task, count: Counter, verify: 'none' | 'signature' | 'full'): void {
  const documents = new Map(Object.entries(keys).map(([did, didKey]) => [did, { did, signingKey: parseDidKey(didKey) } as DidDocument]));
  const identity = { resolveDid: (did: string) => Promise.resolve(documents.get(did) ?? null), invalidate: () => undefined } as unknown as IdentityResolver;
  const consumer = new FirehoseConsumer({ service: url, cursor: 0, unit: 'commit', verify, identity, onDrop: (drop) => {
    if (drop.reason !== 'revMismatch') throw new Error(`unexpected drop: ${drop.reason} ${drop.detail}`);
  } });
  void consumer.run((event) => count(event.kind === 'commit' ? event.ops.length : 0));
}

/** Handlers that wait for a turn of the event loop each, so that events pile up to the memory bound. */
function slowHandlers({ url }: Task, count: Counter): void {
  const consumer = new FirehoseConsumer({ service: url, cursor: 0, unit: 'commit', maxBufferedBytes: 16 * 1024 * 1024 });
  void consumer.run(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    count(0);
  });
}

/** Its own count of messages is not told, so the events of one seq are counted as one. */
async function atprotoSync({ url, keys }: Task, count: Counter, isUnauthenticated: boolean): Promise<void> {
  const { Firehose } = await import('@atproto/sync');
  let lastSeq = 0;
  let records = 0;
  const idResolver = { did: { resolveAtprotoKey: (did: string) => Promise.resolve(keys[did]), resolve: () => Promise.resolve(null) } };
  const firehose = new Firehose({
    service: url,
    idResolver: idResolver as never,
    unauthenticatedCommits: isUnauthenticated,
    unauthenticatedHandles: true,
    handleEvent: (event) => {
      if (event.seq !== lastSeq) {
        count(records);
        records = 0;
      }
      lastSeq = event.seq;
      if (event.event === 'create' || event.event === 'update' || event.event === 'delete') records += 1;
    },
    onError: (error) => {
      if (error.name !== 'FirehoseParseError' && !/parsing/.test(error.message)) throw error;
    },
  });
  void firehose.start();
}

async function skyware({ url }: Task, count: Counter): Promise<void> {
  const path = new URL('../../tests/peers/node_modules/@skyware/firehose/dist/index.js', import.meta.url).href;
  const { Firehose } = (await import(path)) as { Firehose: new (options: object) => { on(name: string, listener: (message: { ops?: unknown[] }) => void): void; start(): void } };
  const { WebSocket } = await import('ws');
  const firehose = new Firehose({ relay: url, ws: WebSocket, autoReconnect: false });
  for (const name of ['commit', 'sync', 'identity', 'account']) firehose.on(name, (message) => count(message.ops?.length ?? 0));
  firehose.start();
}

/** No client at all: bare signature checks by libsecp256k1, over messages as long as a commit. */
async function bare(_task: Task, count: Counter): Promise<void> {
  const keypair = Keypair.generate();
  const samples = Array.from({ length: 1_000 }, (_, index) => {
    const message = new Uint8Array(200).fill(index);
    return { signature: keypair.sign(message), digest: sha256(message) };
  });
  const point = uncompressedPoint(keypair.publicKey);
  for (;;) {
    for (const { signature, digest } of samples) {
      if (!secp256k1.ecdsaVerify(signature, digest, point)) throw new Error('a sample does not verify');
      count(0);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function measure({ warmUp, count }: Task): Counter {
  let messages = 0;
  let records = 0;
  let cpu = process.cpuUsage();
  let startMs = 0;
  let warmLiveBytes = 0;
  return (more) => {
    messages += 1;
    records += more;
    if (messages === warmUp) {
      records = 0;
      warmLiveBytes = liveBytes();
      cpu = process.cpuUsage();
      startMs = performance.now();
    }
    if (messages !== warmUp + count) return;
    const used = process.cpuUsage(cpu);
    const cpuSeconds = (used.user + used.system) / 1e6;
    const answer: Answer = { perCpuSecond: count / cpuSeconds, perSecond: count / ((performance.now() - startMs) / 1_000), recordsPerCpuSecond: records / cpuSeconds, rssBytes: process.memoryUsage().rss, liveBytes: liveBytes(), warmLiveBytes };
    process.send?.(answer, () => process.exit(0));
  };
}

function liveBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

process.once('message', (task: Task) => void clients[process.argv[2] ?? '']?.(task, measure(task)));
