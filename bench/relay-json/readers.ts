/**
 * The reading side of bench/relay-json.ts, in a process of its own so that it does not hide the server: opens a WebSocket for each
 * path, reads without parsing and tells how many bytes came.
 * Not a bench by itself. Argument: port. Its parent sends the list of paths first, then asks.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const port = Number(process.argv[2]);
const [paths] = (await once(process, 'message')) as [string[]];
const received = new Float64Array(paths.length);
let handshakes = 0;

for (const [index, path] of paths.entries()) {
  const scratch = Buffer.allocUnsafe(524_288);
  let isOpen = false;
  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: {
      buffer: scratch,
      callback(bytes) {
        if (isOpen) received[index] = (received[index] ?? 0) + bytes;
        else {
          isOpen = true;
          received[index] = bytes - scratch.subarray(0, bytes).indexOf('\r\n\r\n') - 4;
          if (++handshakes === paths.length) process.send?.({ ready: true });
        }
        return true;
      },
    },
  });
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
}

process.on('message', () => process.send?.({ receivedBytes: received.reduce((sum, bytes) => sum + bytes, 0) }));
process.on('disconnect', () => process.exit(0));
