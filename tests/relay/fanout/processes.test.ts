/** Consumers served by processes of their own see what they would see at a relay that does it all in one. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { createLogger } from '@dunlin/service/log/logger';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestConsumer, TestRelay, type FakeHost } from '../fixture/test-relay.ts';

const relays: TestRelay[] = [];
afterEach(async () => {
  for (const each of relays.splice(0)) {
    await each.close();
    expect(each.faults).toEqual([]);
  }
});

interface Started {
  readonly relay: TestRelay;
  readonly host: FakeHost;
  readonly account: FakeAccount;
  /** Process ids of those that serve consumers, in the order they were ready. */
  readonly pids: () => number[];
}

async function start(fanoutProcesses: number): Promise<Started> {
  const lines: { msg: string; pid?: number }[] = [];
  const log = createLogger('relay', { destination: { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) } });
  const relay = await TestRelay.start({ fanoutProcesses }, { log });
  relays.push(relay);
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  return { relay, host, account, pids: () => lines.filter(({ msg }) => msg === 'process for consumers is ready').map(({ pid }) => pid ?? 0) };
}

async function send({ host, account }: Started, count: number): Promise<void> {
  for (let each = 0; each < count; each++) host.send(account.commit());
}

test('a hundred consumers over two processes get the same bytes and seqs, half of them at each', async () => {
  const started = await start(2);
  const { relay } = started;
  await send(started, 20);
  const consumers = await Promise.all(Array.from({ length: 100 }, (_, index) => relay.consume(index % 2 === 0 ? 0 : undefined)));
  expect([await relay.metric('relay_outbox_consumers{process="1"}'), await relay.metric('relay_outbox_consumers{process="2"}')]).toEqual([50, 50]);
  await send(started, 200);
  const [first] = consumers;
  const all = await first!.take(220);
  const seqs = all.map((frame) => scanFrame(frame).seq);
  expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
  for (const consumer of consumers) {
    await eventually('it has the newest', () => consumer.frames.at(-1)?.equals(all.at(-1)!));
    const behind = seqs.indexOf(scanFrame(consumer.frames[0]!).seq);
    expect(Buffer.concat(consumer.frames).equals(Buffer.concat(all.slice(behind)))).toBe(true);
  }
});

describe.each([0, 2])('with %i processes for consumers', (processes) => {
  test('every stream gives the same events by the same cursors', async () => {
    const started = await start(processes);
    const { relay, account } = started;
    const other = relay.register(new FakeAccount(), started.host);
    const live = await relay.consume();
    await send(started, 3);
    await live.take(3);
    const between = new Date().toISOString();
    await eventually('a later millisecond', () => new Date().toISOString() > between);
    started.host.send(other.commit());
    await live.take(4);
    await send(started, 1);
    const frames = await live.take(5);
    const seqs = frames.map((frame) => scanFrame(frame).seq);
    const path = '/xrpc/com.atproto.sync.subscribeRepos';
    expect(await framesOf(relay, `${path}?cursor=0`, 5)).toEqual(frames);
    expect(await framesOf(relay, `${path}?cursor=${seqs[1]}`, 3)).toEqual(frames.slice(2));
    expect(await framesOf(relay, `${path}?since=${between}`, 2)).toEqual(frames.slice(3));
    expect(await framesOf(relay, `${path}?cursor=0&dids=${other.did}`, 1)).toEqual([frames[3]]);
    const [future] = await framesOf(relay, `${path}?cursor=${(seqs[4] ?? 0) + 1}`, 1);
    expect(decodeEvent(future!)).toMatchObject({ kind: 'error', error: 'FutureCursor' });
    const [outdated] = await framesOf(relay, `${path}?cursor=1`, 1);
    expect(decodeEvent(outdated!)).toMatchObject({ kind: 'info', name: 'OutdatedCursor' });

    const poll = await (await relay.get('/poll?since=0')).json() as { cursor: number; events: { did: string; time_us: number }[] };
    expect(poll).toMatchObject({ cursor: seqs[4], events: [account, account, account, other, account].map(({ did }) => ({ did, kind: 'commit' })) });
    const texts = (await framesOf(relay, `/subscribe?cursor=${poll.events[0]!.time_us}`, 5)).map((text) => JSON.parse(text.toString()) as unknown);
    expect(texts).toEqual(poll.events);
    expect(await serverSentEvents(relay, '/events?since=0', 5)).toEqual(poll.events.map((event, index) => ({ id: String(seqs[index]), event })));
    expect((await relay.get('/zstd-dictionary')).status).toBe(200);
  });

  test('bad requests, plain requests and other methods are answered as ever', async () => {
    const { relay } = await start(processes);
    const answers = await Promise.all([
      refusal(relay, '/xrpc/com.atproto.sync.subscribeRepos?cursor=x'), refusal(relay, '/subscribe?wantedDids=x'),
      relay.get('/xrpc/com.atproto.sync.subscribeRepos').then(answerOf), relay.get('/subscribe').then(answerOf),
      relay.get('/poll?since=x').then(answerOf), relay.get('/events?since=99999999999').then(answerOf), relay.post('/poll', {}).then(answerOf),
    ]);
    expect(answers).toEqual([[400, 'InvalidRequest'], [400, 'InvalidRequest'], [426, 'UpgradeRequired'], [426, 'UpgradeRequired'], [400, 'InvalidRequest'], [400, 'FutureCursor'], [405, 'MethodNotAllowed']]);
  });

  test('what a client sends in one packet with its handshake is read', async () => {
    const started = await start(processes);
    const message = Buffer.from(JSON.stringify({ type: 'options_update', payload: { wantedCollections: [] } }));
    const lines = ['GET /subscribe?requireHello=true HTTP/1.1', 'host: relay', 'connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', `sec-websocket-key: ${Buffer.alloc(16).toString('base64')}`];
    const socket = net.connect(Number(new URL(started.relay.relay.url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString('latin1')));
    // A masked text frame; the mask is zeros.
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from([0x81, 0x80 + message.length, 0, 0, 0, 0]), message]));
    await eventually('it is attached', async () => (await (await started.relay.get('/admin/consumers/list', started.relay.operator)).json() as unknown[]).length === 1);
    await send(started, 1);
    await eventually('it has the event', () => text.includes(started.account.did));
    expect(text).toMatch(/^HTTP\/1.1 101 /);
    socket.destroy();
  });

  test('what was taken down is in no answer after the operator has his', async () => {
    const started = await start(processes);
    const { relay, host, account } = started;
    const other = relay.register(new FakeAccount(), host);
    const watchers = await Promise.all([relay.consume(), relay.consume(), relay.consume()]);
    const readers = await Promise.all(['/subscribe', '/subscribe', '/subscribe?compress=true'].map((path) => open(relay, path)));
    await send(started, 30);
    host.send(other.commit());
    for (const watcher of watchers) await watcher.take(31);
    for (const reader of readers) await eventually('it has all', () => reader.messages.length === 31);
    expect((await relay.post('/admin/repo/takeDown', { did: account.did }, relay.operator)).status).toBe(200);
    for (let again = 0; again < 4; again++) {
      const frames = await framesOf(relay, '/xrpc/com.atproto.sync.subscribeRepos?cursor=0', 2);
      expect(frames.map((frame) => scanFrame(frame)).map(({ t, did }) => [t, did])).toEqual([['#commit', other.did], ['#account', account.did]]);
      const { events } = await (await relay.get('/poll?since=0')).json() as { events: { did: string; kind: string }[] };
      expect(events.map(({ kind, did }) => [kind, did])).toEqual([['commit', other.did], ['account', account.did]]);
    }
  });

  test('an operator sees the consumers of all streams, wherever they are', async () => {
    const { relay } = await start(processes);
    await relay.consume();
    await relay.consume();
    await open(relay, '/subscribe');
    await open(relay, '/xrpc/com.atproto.sync.subscribeRepos?kinds=account');
    const listed = await (await relay.get('/admin/consumers/list', relay.operator)).json() as { stream?: string; ip: string }[];
    expect(listed.map(({ stream = 'plain', ip }) => [stream, ip]).toSorted()).toEqual([['frames', '127.0.0.1'], ['json', '127.0.0.1'], ['plain', '127.0.0.1'], ['plain', '127.0.0.1']]);
    expect(await (await relay.get('/index.json')).json()).toMatchObject({ consumers: 4 });
  });

  test('one address has at most a hundred connections in all, and one more when one has ended', async () => {
    const { relay } = await start(processes);
    const consumers = await Promise.all(Array.from({ length: 100 }, () => relay.consume()));
    expect(await refusal(relay, '/subscribe')).toEqual([429, 'RateLimitExceeded']);
    consumers[0]?.close();
    await eventually('there is room', async () => (await open(relay, '/subscribe')).isOpen);
    expect(await refusal(relay, '/subscribe')).toEqual([429, 'RateLimitExceeded']);
  });
});

describe.each([1, 2])('of %i processes for consumers', (processes) => {
  test('one that is killed is started again; its consumers come back to all they missed, the others go on', async () => {
    const started = await start(processes);
    const { relay, host, account, pids } = started;
    const before = await Promise.all([relay.consume(), relay.consume()]);
    await send(started, 5);
    await Promise.all(before.map((consumer) => consumer.take(5)));
    process.kill(pids()[0]!, 'SIGKILL');
    const cut = await Promise.race(before.map((consumer) => consumer.closed.then(() => consumer)));
    await send(started, 5);
    const others = before.filter((consumer) => consumer !== cut);
    if (processes > 1) for (const other of others) await other.take(10);
    const lastSeq = scanFrame(cut.frames.at(-1)!).seq;
    const back = await eventually('somebody takes it', () => TestConsumer.connect(relay.relay.url, lastSeq).catch(() => null));
    relay.consumers.push(back);
    const missed = await back.take(5);
    expect(missed.map((frame) => scanFrame(frame).seq)).toEqual([1, 2, 3, 4, 5].map((step) => lastSeq + step));
    await eventually('it is started again', () => pids().length === processes + 1);
    host.send(account.commit());
    await back.take(6);
    expect(await relay.metric('relay_fanout_processes_ended_total')).toBe(1);
  });
});

test('a connection given to one that ends before it takes it is closed', async () => {
  const { relay, pids } = await start(1);
  const [pid] = pids();
  process.kill(pid!, 'SIGSTOP');
  const socket = dial(relay, '/xrpc/com.atproto.sync.subscribeRepos');
  const closed = new Promise((resolve) => void socket.once('close', resolve));
  await eventually('it is given away', async () => (await relay.get('/index.json').then((each) => each.json()) as { consumers: number }).consumers === 1);
  process.kill(pid!, 'SIGKILL');
  await closed;
});

test('a consumer that comes back to its cursor each time one is killed under load gets every event once', async () => {
  const started = await start(2);
  const { relay, host, account, pids } = started;
  const seqs: number[] = [];
  const goal = 500;
  let [sent, kills] = [0, 0];
  const refill = (): void => {
    for (; sent < Math.min(goal, (kills + 1) * 100, seqs.length + 30); sent++) host.send(account.commit());
  };
  while (seqs.length < goal) {
    const consumer = await TestConsumer.connect(relay.relay.url, seqs.at(-1) ?? 0).catch(() => null);
    if (consumer === null) continue;
    relay.consumers.push(consumer);
    for (let counted = 0; seqs.length < goal && (counted < consumer.frames.length || consumer.socket.readyState === WebSocket.OPEN);) {
      while (counted < consumer.frames.length) seqs.push(scanFrame(consumer.frames[counted++]!).seq);
      refill();
      if (kills < 4 && seqs.length > kills * 100 + 50 && pids().length === 2 + kills) process.kill(pids()[kills++]!, 'SIGKILL');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  expect(seqs).toEqual(seqs.map((_, index) => seqs[0]! + index));
  expect([seqs.length, sent]).toEqual([goal, goal]);
  expect(kills).toBe(4);
});

test('old segments go although processes read them, and their window is the relay\'s', async () => {
  const relay = await TestRelay.start({ fanoutProcesses: 1, segmentBytes: 65_536, replayBytes: 100_000 }, { clock: quickTrims });
  relays.push(relay);
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const live = await relay.consume();
  for (let each = 0; each < 400; each++) host.send(account.commit());
  const frames = await live.take(400);
  const lastSeq = scanFrame(frames[399]!).seq;
  await eventually('the oldest are gone', async () => (await relay.metric('relay_log_oldest_seq')) > lastSeq - 300);
  const oldest = await relay.metric('relay_log_oldest_seq');
  const [first] = await framesOf(relay, '/xrpc/com.atproto.sync.subscribeRepos?cursor=0', 1);
  expect(scanFrame(first!).seq).toBeGreaterThanOrEqual(oldest);
  expect(first).toEqual(frames[399 - (lastSeq - scanFrame(first!).seq)]);
});

/** A clock by which the window is trimmed every few ms. */
const quickTrims: Clock = { ...systemClock, every: (ms, callback, options) => systemClock.every(ms === 60_000 ? 20 : ms, callback, options) };

test('a connection with a request in line behind a poll is closed behind the answer, one with a body is refused', async () => {
  const { relay } = await start(1);
  const ask = async (request: string): Promise<string> => {
    const socket = net.connect(Number(new URL(relay.relay.url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString('latin1')));
    socket.write(request);
    await once(socket, 'close');
    return text;
  };
  const poll = 'GET /poll?since=0&wait=0 HTTP/1.1\r\nhost: relay\r\n';
  const answer = await ask(`${poll}\r\n${poll}\r\n`);
  expect(answer.match(/HTTP\/1.1 200 OK/g)?.length).toBe(1);
  expect(answer).toMatch(/connection: close/i);
  expect(await ask(`${poll}content-length: 2\r\n\r\n{}`)).toMatch(/^HTTP\/1.1 400 /);
  await eventually('nobody is counted', async () => (await relay.get('/index.json').then((each) => each.json()) as { consumers: number }).consumers === 0);
});

interface Reader {
  readonly messages: Buffer[];
  readonly isOpen: boolean;
}

const sockets: WebSocket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});

function dial(relay: TestRelay, path: string): WebSocket {
  const socket = new WebSocket(relay.relay.url.replace('http', 'ws') + path, { perMessageDeflate: false });
  sockets.push(socket);
  socket.on('error', () => undefined);
  return socket;
}

/** Connects; what it gives grows with every message. */
async function open(relay: TestRelay, path: string): Promise<Reader> {
  const socket = dial(relay, path);
  const messages: Buffer[] = [];
  socket.on('message', (data: Buffer) => void messages.push(data));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  return { messages, get isOpen() { return socket.readyState === socket.OPEN; } };
}

/** Gives the first so many messages of a stream. */
async function framesOf(relay: TestRelay, path: string, count: number): Promise<Buffer[]> {
  const { messages } = await open(relay, path);
  await eventually(`${count} messages of ${path}`, () => messages.length >= count);
  return messages.slice(0, count);
}

/** Gives status and error of a WebSocket that is refused. */
async function refusal(relay: TestRelay, path: string): Promise<[number | undefined, string]> {
  const socket = dial(relay, path);
  return await new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error(`${path} was not refused`)));
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('end', () => resolve([response.statusCode, errorOf(Buffer.concat(chunks).toString())]));
    });
  });
}

async function answerOf(response: Response): Promise<[number, string]> {
  return [response.status, errorOf(await response.text())];
}

function errorOf(text: string): string {
  return text.startsWith('{') ? (JSON.parse(text) as { error: string }).error : '';
}

/** Gives the first so many events of an event stream. */
async function serverSentEvents(relay: TestRelay, path: string, count: number): Promise<{ id: string; event: unknown }[]> {
  const abort = new AbortController();
  const { body } = await fetch(relay.relay.url + path, { signal: abort.signal });
  const events: { id: string; event: unknown }[] = [];
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const [, id, data] = /id: (\d+)\n(?:event: \w+\n)?data: (.*)/.exec(text.slice(0, end)) ?? [];
      if (data !== undefined) events.push({ id: id ?? '', event: JSON.parse(data) as unknown });
      text = text.slice(end + 2);
    }
    if (events.length >= count) break;
  }
  abort.abort();
  return events.slice(0, count);
}
