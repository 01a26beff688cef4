/**
 * So many hosts in one process, each on a port of its own, that take a connection and stream nothing.
 * Prints their ports as JSON and ends with its stdin. Not for anything but bench/relay-hosts.ts.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const count = Number(process.argv[2]);
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const ports: number[] = [];
for (let i = 0; i < count; i++) {
  const server = createServer((_request, response) => response.end('{}'));
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ports.push((server.address() as AddressInfo).port);
}
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().on('close', () => process.exit(0));
