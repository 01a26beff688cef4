/**
 * How many frames of the firehose a second come from cursor 0 on, of commits with one post each, to one consumer on `ws`:
 * our PDS against the reference PDS, in turns. Ours gets more events, so that there is something to time; frames are alike.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { WebSocket } from 'ws';
import { accountCount, createPost, withPair, type Subject } from './pds/pair.ts';
import { inTurns, report } from './pds/rounds.ts';

const commits = { dunlin: 16_000, reference: 2_000 };
const silenceMs = 2_000;

interface Replay {
  count: number;
  perSecond: number;
  mbPerSecond: number;
}

/** Reads from the first to the last of `count` frames; without a count, until nothing has come for a while. */
function replay({ url }: Subject, count: number | null): Promise<Replay> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos?cursor=0`, { perMessageDeflate: false });
    let [received, bytes, firstMs] = [0, 0, 0];
    const finish = (): void => {
      const seconds = (performance.now() - firstMs) / 1_000;
      socket.removeAllListeners();
      socket.terminate();
      resolve({ count: received, perSecond: received / seconds, mbPerSecond: bytes / 1e6 / seconds });
    };
    let silence: NodeJS.Timeout | null = null;
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      if (received === 0) firstMs = performance.now();
      received += 1;
      bytes += data.length;
      if (count === null) {
        silence ??= setTimeout(finish, silenceMs);
        silence.refresh();
      } else if (received === count) finish();
    });
  });
}

await withPair(async (pair) => {
  const counts = new Map<Subject, number>();
  for (const subject of pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs]) {
    const each = commits[subject.name] / accountCount;
    await Promise.all(Array.from({ length: accountCount }, async (_none, index) => {
      for (let written = 0; written < each; written++) await createPost(subject, index);
    }));
    counts.set(subject, (await replay(subject, null)).count);
  }
  const results = await inTurns(pair, (subject) => replay(subject, counts.get(subject) ?? 0));
  report('pds-replay, one consumer', results, { unit: 'frames/s', pick: (one) => one.perSecond, better: 'more', goal: '≥ 20 ×' });
  report('pds-replay, one consumer, bytes', results, { unit: 'MB/s', pick: (one) => one.mbPerSecond, better: 'more' });
});
