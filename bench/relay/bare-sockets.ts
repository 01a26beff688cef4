/**
 * Connects a plain `ws` client to each of the ports that come as JSON on stdin, and prints what one costs in memory.
 * What bench/relay-hosts.ts compares the relay with; not for anything else.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

const [line] = (await once(createInterface({ input: process.stdin }), 'line')) as [string];
const ports = JSON.parse(line) as number[];
const before = process.memoryUsage().rss;
const startMs = performance.now();
const open: WebSocket[] = [];
for (let at = 0; at < ports.length; at += 200) {
  await Promise.all(ports.slice(at, at + 200).map(async (port) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/xrpc/com.atproto.sync.subscribeRepos?cursor=0`, { perMessageDeflate: false });
    await once(socket, 'open');
    open.push(socket);
  }));
}
const figures = { bytesEach: Math.round((process.memoryUsage().rss - before) / open.length), seconds: (performance.now() - startMs) / 1000 };
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
