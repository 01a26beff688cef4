/**
 * The process of readers.ts: opens a socket for each path, shakes hands, reads without parsing and tells how many bytes came.
 * Each is another client to a server that believes X-Forwarded-For.
 * Not a bench by itself. Argument: port. Its parent sends the list of paths first, then asks.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const port = Number(process.argv[2]);
const [paths] = (await once(process, 'message')) as [string[]];
const count = paths.length;
const received = new Float64Array(count);
let handshakes = 0;
// Ten thousand sockets share less memory than a hundred.
const bufferBytes = count > 200 ? 16_384 : 524_288;

if (count === 0) process.send?.({ ready: true });
for (const [index, path] of paths.entries()) {
  const scratch = Buffer.allocUnsafe(bufferBytes);
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
          const headEnd = scratch.subarray(0, bytes).indexOf('\r\n\r\n') + 4;
          received[index] = bytes - headEnd;
          if (++handshakes === count) process.send?.({ ready: true });
        }
        return true;
      },
    },
  });
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.${index >> 8}.${index & 255}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
}

process.on('message', () => process.send?.({ receivedBytes: received.reduce((sum, bytes) => sum + bytes, 0) }));
process.on('disconnect', () => process.exit(0));
