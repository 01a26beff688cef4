/**
 * How many messages of a firehose does a consumer take in a second of its processor time: ours without verification, with
 * signatures and in full, against @atproto/sync and @skyware/firehose doing the same, and against bare libsecp256k1.
 * Every client is a process of its own and reads the same stream over a real socket; the clients take turns and the best
 * of three rounds counts. Takes the captured stream when there is one, else commits made up here.
 * Prints one JSON line a figure; goals: 100,000 and ten times the others without verification, half of bare with it.
 */
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { MadeAccount } from '../tests/firehose-consumer/made-stream.ts';
import { readCapture } from '../tests/protocol/repo/capture.ts';
import type { Answer, Task } from './consumer/clients.ts';
import { startReplayServer } from './consumer/replay-server.ts';

const rounds = 3;

interface Stream {
  name: string;
  frames: Uint8Array[];
  keys: Record<string, string>;
}

function captured(): Stream | null {
  const capture = readCapture();
  if (capture === null) return null;
  const frames = capture.framesOfA;
  const keys: Record<string, string> = {};
  for (const frame of frames) {
    const { did } = scanFrame(frame);
    if (did !== null) keys[did] ??= capture.keyOf(did, 'A').didKey;
  }
  return { name: 'captured stream', frames, keys };
}

function madeUp(): Stream {
  const accounts = Array.from({ length: 20 }, (_, index) => new MadeAccount(`account${index}`));
  const frames = Array.from({ length: 4_000 }, (_, index) => {
    const record = { $type: 'app.bsky.feed.like', subject: { uri: `at://did:web:a.test/app.bsky.feed.post/${index}` }, createdAt: '2026-01-01T00:00:00.000Z' };
    return (accounts[index % accounts.length] as MadeAccount).create(index + 1, `app.bsky.feed.like/r${index}`, record);
  });
  return { name: 'single creates, made up', frames, keys: Object.fromEntries(accounts.map(({ did, keypair }) => [did, keypair.did])) };
}

function run(client: string, task: Task): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'consumer/clients.ts'), [client], { execArgv: ['--no-warnings'] });
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('exit', (code) => reject(new Error(`client ended without an answer: ${client} code=${code}`)));
    child.send(task);
  });
}

async function compare(stream: Stream): Promise<void> {
  const server = await startReplayServer(stream.frames);
  const counts: Record<string, [warmUp: number, count: number]> = {
    none: [40_000, 120_000],
    signature: [10_000, 30_000],
    full: [10_000, 30_000],
    'sync-none': [2_000, 6_000],
    'sync-full': [200, 800],
    bare: [5_000, 30_000],
    ...(existsSync(join(import.meta.dirname, '../tests/peers/node_modules/@skyware/firehose')) ? { skyware: [5_000, 15_000] } : {}),
  };
  const best: Record<string, Answer> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [client, [warmUp, count]] of Object.entries(counts)) {
      const answer = await run(client, { url: server.url, warmUp, count, keys: stream.keys });
      if (answer.perCpuSecond > (best[client]?.perCpuSecond ?? 0)) best[client] = answer;
    }
  }
  server.close();
  const bytesEach = Math.round(server.bytesPerRound / server.perRound);
  const pairs: [string, string, string, number][] = [
    ['none', 'sync-none', '@atproto/sync, unauthenticated', 10],
    ['none', 'skyware', '@skyware/firehose', 10],
    ['signature', 'bare', 'bare libsecp256k1', 0.5],
    ['full', 'bare', 'bare libsecp256k1', 0.5],
    ['full', 'sync-full', '@atproto/sync, authenticated', 10],
  ];
  for (const [ours, other, name, goal] of pairs) {
    const [a, b] = [best[ours], best[other]];
    if (!a || !b) continue;
    const line = {
      bench: `consumer-decode, ${stream.name}, verify: ${ours}`, figure: Math.round(a.perCpuSecond), unit: 'messages per CPU second',
      ratio: Number((a.perCpuSecond / b.perCpuSecond).toFixed(2)), against: `${name}, ${Math.round(b.perCpuSecond)} per CPU second`, goal,
      detail: { bytesEach, perSecond: Math.round(a.perSecond), recordsPerCpuSecond: Math.round(a.recordsPerCpuSecond), rssMegabytes: Math.round(a.rssBytes / 1e6) },
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

const stream = captured();
if (stream) await compare(stream);
await compare(madeUp());
