/** Tests of subscribeRepos over real sockets: cursors on the wire, replay into live, and a reader that does not read. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { decodeFrame } from '@dunlin/protocol/stream/frame';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { serveSubscribeRepos, subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { eventually } from '../../harness/wait.ts';
import { closeServices, openApp, whenDone } from '../http/open-app.ts';
import { MemoryLog, seqOf } from './memory-log.ts';

afterEach(closeServices);

async function open(): Promise<{ log: MemoryLog; outbox: Outbox; url: string; port: number }> {
  const log = new MemoryLog();
  const service = await openApp();
  const metrics = createMetrics('firehose');
  const websocket = createWebSocketServer(service, { log: silentLogger, closeTimeoutMs: 100 });
  const outbox = new Outbox(log, { metrics, logger: silentLogger });
  whenDone(() => websocket.close());
  whenDone(() => outbox.close());
  whenDone(() => metrics.close());
  serveSubscribeRepos({ websocket, log, outbox });
  return { log, outbox, url: service.url.replace('http', 'ws') + subscribeReposPath, port: service.port };
}

function listen(url: string): { client: WebSocket; seen: Buffer[] } {
  const client = new WebSocket(url);
  whenDone(() => client.terminate());
  const seen: Buffer[] = [];
  client.on('message', (data: Buffer) => seen.push(data));
  return { client, seen };
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('subscribeRepos', () => {
  test('replays from a cursor and goes on live without a gap, while events keep coming', async () => {
    const { log, url } = await open();
    for (let seq = 1; seq <= 2_000; seq++) log.append([seq], 500);
    const { seen } = listen(`${url}?cursor=5`);
    await eventually('replay begins', () => {
      log.append([log.headSeq() + 1], 500);
      return seen.length > 100;
    });
    for (let count = 0; count < 500; count++) log.append([log.headSeq() + 1], 500);
    await eventually('caught up', () => seqOf(seen.at(-1) ?? Buffer.from('0')) === log.headSeq());
    expect(seen.map(seqOf)).toEqual(range(6, log.headSeq()));
  });

  test('without a cursor is live from now', async () => {
    const { log, url, outbox } = await open();
    log.append([1, 2]);
    const { seen } = listen(url);
    await eventually('attached', () => outbox.consumers().length === 1);
    log.append([3]);
    await eventually('event', () => seen.length === 1);
    expect(seen.map(seqOf)).toEqual([3]);
  });

  test('with a cursor of the future gets an error frame and 1008', async () => {
    const { url } = await open();
    const { client, seen } = listen(`${url}?cursor=1`);
    const [code] = await once(client, 'close');
    expect(code).toBe(1008);
    expect(seen.map((frame) => decodeFrame(frame))).toEqual([{ op: -1, error: 'FutureCursor', message: 'Cursor in the future.' }]);
  });

  test('with a cursor that is no number is refused before the upgrade', async () => {
    const { url } = await open();
    for (const cursor of ['x', '-1', '1.5', '9007199254740992']) {
      const client = new WebSocket(`${url}?cursor=${cursor}`);
      client.on('error', () => undefined);
      const [, response] = await once(client, 'unexpected-response');
      expect(response.statusCode).toBe(400);
      response.resume();
    }
  });

  test('lets a reader that does not read cost only itself', async () => {
    const { log, url, port, outbox } = await open();
    const deaf = connect(port, '127.0.0.1');
    whenDone(() => void deaf.destroy());
    deaf.write(`GET ${subscribeReposPath} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    await once(deaf, 'data');
    deaf.pause();
    const { seen } = listen(url);
    await eventually('both attached', () => outbox.consumers().length === 2);
    await eventually('the deaf one is stuck', () => {
      for (let count = 0; count < 20; count++) log.append([log.headSeq() + 1], 50_000);
      return outbox.consumers().some(({ cursor, bufferedBytes }) => bufferedBytes > 0 && cursor < log.headSeq() - 40);
    });
    await eventually('the other has all', () => seen.length === log.headSeq());
    expect(seen.map(seqOf)).toEqual(range(1, log.headSeq()));
    const waiting = Math.max(...outbox.consumers().map(({ bufferedBytes }) => bufferedBytes));
    expect(waiting).toBeLessThan(2_000_000);
  });
});
