/**
 * A stream server for benches that costs next to nothing: the same frames over and over, laid out once as WebSocket frames,
 * only their seqs written anew for each round; sends as fast as the socket takes them.
 * Not for: anything but benches; there is no cursor, every connection begins at the first frame.
 * Place: bench/consumer-*.ts, in a process other than the consumer's. Source: ours.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { wrapFrame } from '@dunlin/service/websocket/frames';

/** From here on a seq takes nine bytes, so a frame never changes its length. */
const firstSeq = 2 ** 32;
const sliceBytes = 1_000_000;

/** Serves; `perRound` is how many frames one round has. */
export async function startReplayServer(frames: readonly Uint8Array[]): Promise<{ url: string; perRound: number; bytesPerRound: number; close: () => void }> {
  const { bytes, seqOffsets } = layOut(frames);
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  sockets.on('connection', (webSocket) => {
    webSocket.on('error', () => undefined);
    void pour((webSocket as unknown as { _socket: Socket })._socket, bytes, seqOffsets);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const close = (): void => {
    for (const client of sockets.clients) client.terminate();
    http.close();
  };
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`, perRound: frames.length, bytesPerRound: bytes.length, close };
}

function layOut(frames: readonly Uint8Array[]): { bytes: Buffer; seqOffsets: number[] } {
  const seqOffsets: number[] = [];
  const parts: Buffer[] = [];
  let length = 0;
  for (const [index, frame] of frames.entries()) {
    const numbered = replaceSeq(frame, scanFrame(frame), firstSeq + index);
    const wrapped = wrapFrame(numbered);
    seqOffsets.push(length + wrapped.length - numbered.length + scanFrame(numbered).seqOffset + 1);
    parts.push(wrapped);
    length += wrapped.length;
  }
  return { bytes: Buffer.concat(parts), seqOffsets };
}

async function pour(socket: Socket, bytes: Buffer, seqOffsets: readonly number[]): Promise<void> {
  for (let seq = firstSeq; !socket.destroyed; ) {
    const round = Buffer.from(bytes);
    for (const offset of seqOffsets) round.writeBigUInt64BE(BigInt(seq++), offset);
    for (let offset = 0; offset < round.length && !socket.destroyed; offset += sliceBytes) {
      if (!socket.write(round.subarray(offset, offset + sliceBytes))) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
    }
  }
}
