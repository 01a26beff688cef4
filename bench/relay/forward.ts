/**
 * What the relay is compared with: takes frames of one host over `ws` and sends each to every consumer over `ws`, looking
 * at nothing, keeping nothing. Not a bench itself; run by relay-through.ts as a process of its own. Source: ours.
 */
import { WebSocket, WebSocketServer } from 'ws';
import type { AddressInfo } from 'node:net';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('listening', () => process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`));
server.once('connection', () => {
  const source = new WebSocket(`${process.argv[2]?.replace('http', 'ws')}/?cursor=0`, { perMessageDeflate: false });
  source.on('error', () => undefined);
  source.on('message', (data) => {
    for (const client of server.clients) client.send(data);
  });
});
