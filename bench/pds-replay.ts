/**
 * How many frames of the firehose a second come from cursor 0 on, of commits with one post each, to one consumer: our PDS
 * against the reference PDS, in turns; and against the same bytes out of a server that does nothing but write them (`cat`).
 * Frames are counted once before, on `ws`; what is timed is a bare socket that goes from header to header and counts them again.
 * Ours gets more events, so that there is something to time; frames are alike.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { frameHeaderBytes } from '@dunlin/service/websocket/frames';
import { accountCount, cpuSeconds, createPost, withPair, type Subject } from './pds/pair.ts';
import { inTurns, print, quantile, report } from './pds/rounds.ts';

const commits = { dunlin: 16_000, reference: 2_000 };
/** How often a round replays it all, so that a round takes a while: CPU is told in ticks of 10 ms. */
const repeats = { dunlin: 10, reference: 1 };
const silenceMs = 2_000;
const readBytes = 262_144;
const path = '/xrpc/com.atproto.sync.subscribeRepos?cursor=0';

/** What there is to replay. */
interface Backlog {
  frames: number;
  /** With the headers of the WebSocket frames. */
  bytes: number;
}

interface Replay {
  perSecond: number;
  mbPerSecond: number;
  cpuMicrosPerFrame: number;
}

/** Reads until nothing has come for a while. */
function measureBacklog({ url }: Subject): Promise<Backlog> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws') + path, { perMessageDeflate: false });
    const backlog = { frames: 0, bytes: 0 };
    const silence = setTimeout(() => {
      socket.removeAllListeners();
      socket.terminate();
      resolve(backlog);
    }, silenceMs);
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      backlog.frames += 1;
      backlog.bytes += frameHeaderBytes(data.length) + data.length;
      silence.refresh();
    });
  });
}

/** Counts frames by going from header to header, wherever reads end. */
class FrameCounter {
  frames = 0;
  /** Bytes until the next header begins; below 0 when so many of that header are in `rest`. */
  #skip = 0;
  #rest = Buffer.alloc(0);

  take(read: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, read]) : read;
    this.#rest = Buffer.alloc(0);
    let at = this.#skip;
    while (at < bytes.length) {
      const short = bytes[at + 1];
      const headerBytes = short === undefined || short === 127 ? 10 : short === 126 ? 4 : 2;
      if (at + headerBytes > bytes.length) {
        this.#rest = Buffer.from(bytes.subarray(at));
        this.#skip = 0;
        return;
      }
      if (bytes[at] !== 0x82) throw new Error(`no binary frame where one should begin: byte=${bytes[at]}`);
      const payloadBytes = short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? bytes.readUInt32BE(at + 6) : short!;
      at += headerBytes + payloadBytes;
      this.frames += 1;
    }
    this.#skip = at - bytes.length;
  }
}

/** Reads so many bytes behind the answer to `request`, handing them on; gives the seconds from the request to the last of them. */
function readAll(port: number, host: string, request: string, expectedBytes: number, see: (read: Buffer) => void = () => undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const start = performance.now();
    let received = request === '' ? 0 : -1;
    const take = (length: number): boolean => {
      // The answer to the handshake comes first; its end is not where a read ends.
      const from = received === -1 ? buffer.subarray(0, length).indexOf('\r\n\r\n') + 4 : 0;
      received = Math.max(0, received) + length - from;
      see(buffer.subarray(from, length));
      if (received >= expectedBytes) {
        socket.destroy();
        resolve((performance.now() - start) / 1_000);
      }
      return true;
    };
    const socket = connect({ host, port, onread: { buffer, callback: take } }, () => void socket.write(request === '' ? '\n' : request));
    socket.on('error', reject);
  });
}

async function replay({ name, url, pid }: Subject, { frames, bytes }: Backlog): Promise<Replay> {
  const { hostname, port } = new URL(url);
  const request = `GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.alloc(16, 7).toString('base64')}\r\n\r\n`;
  const cpuBefore = cpuSeconds(pid);
  let seconds = 0;
  const times = repeats[name];
  for (let time = 0; time < times; time++) {
    const counter = new FrameCounter();
    seconds += await readAll(Number(port), hostname, request, bytes, (read) => counter.take(read));
    if (counter.frames !== frames) throw new Error(`${name} sent ${counter.frames} frames of ${frames}`);
  }
  return { perSecond: (frames * times) / seconds, mbPerSecond: (bytes * times) / 1e6 / seconds, cpuMicrosPerFrame: ((cpuSeconds(pid) - cpuBefore) * 1e6) / frames / times };
}

/** As many bytes from a server in this process that writes the same piece again and again: what sockets give at most. */
async function cat(bytes: number): Promise<number> {
  const piece = Buffer.alloc(readBytes, 1);
  const server = createServer((socket) => {
    const write = (): void => {
      while (socket.writable && socket.write(piece));
    };
    socket.on('drain', write).on('error', () => undefined).once('data', write);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seconds = await readAll((server.address() as AddressInfo).port, '127.0.0.1', '', bytes);
  server.close();
  return bytes / 1e6 / seconds;
}

await withPair(async (pair) => {
  const backlogs = new Map<Subject, Backlog>();
  for (const subject of pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs]) {
    const each = commits[subject.name] / accountCount;
    await Promise.all(Array.from({ length: accountCount }, async (_none, index) => {
      for (let written = 0; written < each; written++) await createPost(subject, index);
    }));
    backlogs.set(subject, await measureBacklog(subject));
  }
  const results = await inTurns(pair, (subject) => replay(subject, backlogs.get(subject)!));
  report('pds-replay, one consumer', results, { unit: 'frames/s', pick: (one) => one.perSecond, better: 'more', goal: '≥ 20 ×' });
  report('pds-replay, one consumer, bytes', results, { unit: 'MB/s', pick: (one) => one.mbPerSecond, better: 'more' });
  report('pds-replay, CPU of the server a frame', results, { unit: 'µs', pick: (one) => one.cpuMicrosPerFrame, better: 'less' });
  const { bytes } = backlogs.get(pair.ours)!;
  const mbPerSecond = quantile(results.ours.map((one) => one.mbPerSecond), 0.5);
  const most = quantile([await cat(bytes), await cat(bytes), await cat(bytes)], 0.5);
  print('pds-replay, part of what one process writing to itself gives', { figure: mbPerSecond, unit: 'MB/s', ratio: mbPerSecond / most, theirs: most });
});
