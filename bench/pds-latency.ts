/**
 * How long from sending a createRecord until its frame is at a subscriber, with the server idle in between (so the write
 * itself is in it): our PDS against the reference PDS, in turns.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { createPost, withPair, type Subject } from './pds/pair.ts';
import { inTurns, quantile, report } from './pds/rounds.ts';

const writes = { dunlin: 200, reference: 40 };

/** Writes one at a time, at uneven distances, and gives how long each frame took. */
async function latencies(subject: Subject, isWarmUp: boolean): Promise<number[]> {
  const socket = new WebSocket(`${subject.url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos`, { perMessageDeflate: false });
  await once(socket, 'open');
  const times: number[] = [];
  const count = isWarmUp ? 10 : writes[subject.name];
  for (let index = 0; index < count; index++) {
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    const start = performance.now();
    const arrived = once(socket, 'message').then(() => times.push(performance.now() - start));
    await Promise.all([arrived, createPost(subject, index % subject.people.length)]);
  }
  socket.terminate();
  return times;
}

await withPair(async (pair) => {
  const results = await inTurns(pair, latencies);
  report('pds-latency, write to frame, p50', results, { unit: 'ms', pick: (times) => quantile(times, 0.5), better: 'less' });
  report('pds-latency, write to frame, p99', results, { unit: 'ms', pick: (times) => quantile(times, 0.99), better: 'less', goal: '≤ 10 ms' });
});
