/**
 * How many messages of a firehose does a consumer take in a second of its processor time: ours without verification, with
 * signatures and in full, against @atproto/sync and @skyware/firehose doing the same, and against bare libsecp256k1.
 * Every client is a process of its own and reads the same stream over a real socket; the clients take turns and the best
 * of three rounds counts. Takes the captured stream when there is one, else commits made up here.
 * Prints one JSON line a figure; goals: 100,000 and ten times the others without verification, half of bare with it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from './consumer/clients.ts';
import { startReplayServer } from './consumer/replay-server.ts';
import { captured, madeUp, run } from './consumer/streams.ts';
import type { Stream } from './consumer/streams.ts';

const rounds = 3;

async function compare(stream: Stream): Promise<void> {
  const server = await startReplayServer(stream.frames);
  const counts: Record<string, [warmUp: number, count: number]> = {
    none: [30_000, 80_000],
    signature: [6_000, 14_000],
    full: [6_000, 14_000],
    'sync-none': [2_000, 4_000],
    'sync-full': [150, 400],
    bare: [5_000, 20_000],
    ...(existsSync(join(import.meta.dirname, '../tests/peers/node_modules/@skyware/firehose')) ? { skyware: [5_000, 10_000] } : {}),
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
