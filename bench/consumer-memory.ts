/**
 * Does the consumer's memory stay flat over a million messages? Once with handlers that are done at once, once with handlers
 * that each wait for a turn, so that events pile up to the bound of 16 MiB.
 * The client is a process of its own; compared is what is alive in its heap, after a collection, at 100,000 messages
 * and at a million.
 * Prints one JSON line a figure: the ratio of the two, 1 being flat; the resident memory, which V8 lets grow as it likes, is a detail.
 */
import { startReplayServer } from './consumer/replay-server.ts';
import { captured, madeUp, run } from './consumer/streams.ts';

const warmUp = 100_000;
const count = 900_000;
const stream = captured() ?? madeUp();
const server = await startReplayServer(stream.frames);
for (const client of ['none', 'slow']) {
  const { liveBytes, warmLiveBytes, rssBytes, perSecond } = await run(client, { url: server.url, warmUp, count, keys: {} });
  const line = {
    bench: `consumer-memory, ${client === 'slow' ? 'handlers that wait' : 'handlers done at once'}`, figure: Math.round(liveBytes / 1e6), unit: 'MB alive in the heap after 1,000,000 messages',
    ratio: Number((liveBytes / warmLiveBytes).toFixed(2)), against: `${Math.round(warmLiveBytes / 1e6)} MB after 100,000`, goal: 1.1, detail: { residentMegabytes: Math.round(rssBytes / 1e6), perSecond: Math.round(perSecond) },
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
server.close();
