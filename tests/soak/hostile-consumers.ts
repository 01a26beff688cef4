/**
 * Hostile consumers at a relay's streams: thousands that come and hang up, slow ones, half-open ones, floods of options_update, enormous and
 * broken filters, long polls and event streams left open. A good host and a good consumer beside them are served all the time, and memory
 * is flat over the rounds. Not for: hostile hosts (hostile-host.ts). Source: ours; docs/wire.md for what the streams take.
 */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay, type FakeHost } from '../relay/fixture/test-relay.ts';
import { FlatMemory } from './memory.ts';
import type { Seeded } from './seeded.ts';
import type { Soak } from './soak.ts';

const consumersPerRound = 60;
const eventsPerRound = 20;
const handshakeMs = 15_000;

/** The soak. */
export const soak: Soak = async ({ random, minutes, step }) => {
  const relay = await TestRelay.start();
  const memory = new FlatMemory(40_000_000);
  try {
    const host = await relay.crawledHost();
    const good = await GoodConsumer.connect(relay.relay.url);
    const end = performance.now() + minutes * 60_000;
    let rounds = 0;
    while (performance.now() < end) {
      step(`round ${rounds}`);
      await new Round(relay.relay.url, random).last(async () => await sendAndHear(relay, host, good));
      assert.deepEqual(relay.faults, []);
      host.firehose.log.length = 0;
      await eventually('the relay has let them go', async () => (await listed(relay)) === 1, 60_000);
      rounds++;
      if (rounds % 5 === 0) memory.look();
    }
    good.close();
    return `${rounds} rounds of ${consumersPerRound} hostile consumers, ${good.heard} events all heard by the good one, memory ${memory.judge()}`;
  } finally {
    await relay.close();
  }
};

/** Counts and keeps nothing. */
class GoodConsumer {
  heard = 0;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', () => void this.heard++);
  }

  static async connect(url: string): Promise<GoodConsumer> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos`);
    const consumer = new GoodConsumer(socket);
    await new Promise<void>((resolve, reject) => void socket.once('open', resolve).once('error', reject));
    return consumer;
  }

  close(): void {
    this.#socket.terminate();
  }
}

async function sendAndHear(relay: TestRelay, host: FakeHost, good: GoodConsumer): Promise<void> {
  const account = relay.register(new FakeAccount(), host);
  const wanted = good.heard + eventsPerRound;
  for (let n = 0; n < eventsPerRound; n++) host.send(account.commit());
  await eventually('the good consumer hears everything', () => good.heard === wanted);
}

async function listed(relay: TestRelay): Promise<number> {
  return ((await (await relay.get('/admin/consumers/list', relay.operator)).json()) as unknown[]).length;
}

const brokenUpdates = [
  '', '{', 'null', '[]', '{"type":"options_update"}', '{"type":"options_update","payload":null}', '{"type":"options_update","payload":{"wantedCollections":"x"}}',
  '{"type":"options_update","payload":{"wantedCollections":["not an nsid"]}}', '{"type":"options_update","payload":{"wantedDids":["x"]}}', '{"type":"options_update","payload":{"maxMessageSizeBytes":-1}}',
  '{"type":"nothing"}', '\u0000', `${'['.repeat(20_000)}`, `{"type":"options_update","payload":{"wantedCollections":${JSON.stringify(Array.from({ length: 101 }, (_, n) => `a.b.c${n}`))}}}`,
];
const brokenQueries = ['cursor=x', 'cursor=-1', 'cursor=99999999999999999999', 'wantedCollections=*', 'wantedCollections=x', 'wantedDids=x', 'compress=maybe', 'maxMessageSizeBytes=x', 'collections=%', 'kinds=nothing', 'dids=x'];

/** One wave of them: all come, the good ones are served meanwhile, all go. */
class Round {
  readonly #url: URL;
  readonly #random: Seeded;
  readonly #closers: (() => void)[] = [];

  constructor(url: string, random: Seeded) {
    this.#url = new URL(url);
    this.#random = random;
  }

  async last(meanwhile: () => Promise<void>): Promise<void> {
    const coming = Array.from({ length: consumersPerRound }, () => this.#random.pick([this.#comeAndGo, this.#sleep, this.#halfOpen, this.#flood, this.#wantMuch, this.#ask, this.#nonsense]).call(this));
    await meanwhile();
    await Promise.all(coming);
    await meanwhile();
    for (const close of this.#closers.splice(0)) close();
  }

  /** Addresses of the loopback, so that the bound of each address is not what is tested. */
  #address(): string {
    return `127.1.${this.#random.below(200)}.${1 + this.#random.below(250)}`;
  }

  #path(): string {
    const query = this.#random.pick(['', 'cursor=0', 'cursor=1', 'compress=true&cursor=0', 'requireHello=true', 'wantedCollections=app.bsky.*']);
    return `${this.#random.pick(['/subscribe', '/subscribe', '/xrpc/com.atproto.sync.subscribeRepos'])}?${query}`;
  }

  #open(path: string): Promise<WebSocket | null> {
    const socket = new WebSocket(`ws://${this.#url.host}${path}`, { localAddress: this.#address(), handshakeTimeout: handshakeMs });
    this.#closers.push(() => socket.terminate());
    return new Promise((resolve) => {
      socket.once('open', () => resolve(socket));
      socket.on('error', () => resolve(null));
    });
  }

  async #comeAndGo(): Promise<void> {
    for (let n = 0; n < 8; n++) {
      const socket = await this.#open(this.#path());
      assert(socket !== null, 'a right consumer was not let in');
      if (n % 2 === 0) socket.terminate();
      else socket.close();
    }
  }

  /** Reads nothing, though everything is wanted. */
  async #sleep(): Promise<void> {
    const socket = await this.#open(this.#path());
    socket?.pause();
  }

  async #halfOpen(): Promise<void> {
    const request = `GET ${this.#path()} HTTP/1.1\r\nHost: ${this.#url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
    const socket: Socket = connect({ port: Number(this.#url.port), host: this.#url.hostname, localAddress: this.#address() });
    this.#closers.push(() => void socket.destroy());
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => void socket.once('connect', () => resolve()).once('close', () => resolve()));
    socket.write(request.slice(0, this.#random.pick([5, 60, request.length])));
    // Half a frame, or one without a mask, and then nothing more.
    if (this.#random.chance(0.5)) socket.write(Buffer.from(this.#random.pick([[0x81], [0x81, 0x05, 1, 2, 3], [0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0], [0xff, 0xff]])));
  }

  async #flood(): Promise<void> {
    const socket = await this.#open('/subscribe?requireHello=true');
    for (let n = 0; n < 200 && socket?.readyState === WebSocket.OPEN; n++) socket.send(this.#random.chance(0.9) ? this.#update(this.#random.below(50)) : this.#random.pick(brokenUpdates));
  }

  async #wantMuch(): Promise<void> {
    const socket = await this.#open('/subscribe');
    if (socket === null) return;
    for (let n = 0; n < 3; n++) socket.send(this.#update(10_000));
    if (this.#random.chance(0.2)) socket.send('x'.repeat(10_000_001));
  }

  #update(dids: number): string {
    const wantedDids = Array.from({ length: dids }, () => `did:plc:${Array.from({ length: 24 }, () => 'abcdefghijklmnopqrstuvwxyz234567'[this.#random.below(32)]).join('')}`);
    return JSON.stringify({ type: 'options_update', payload: { wantedCollections: ['app.bsky.feed.post', `a.b.c${this.#random.below(1_000)}`], wantedDids, maxMessageSizeBytes: this.#random.below(100_000) } });
  }

  /** Long polls and event streams, left open. */
  #ask(): Promise<void> {
    const path = this.#random.pick(['/events', '/poll', '/events?cursor=0', '/poll?cursor=0', ...brokenQueries.map((query) => `/poll?${query}`)]);
    return new Promise((resolve) => {
      const request = get({ host: this.#url.hostname, port: this.#url.port, path, localAddress: this.#address(), agent: false }, (answer) => {
        if (this.#random.chance(0.5)) answer.resume();
        resolve();
      });
      this.#closers.push(() => void request.destroy());
      request.on('error', () => resolve());
      // A poll waits for news before it answers.
      request.once('finish', () => resolve());
    });
  }

  async #nonsense(): Promise<void> {
    const path = this.#random.pick(['/subscribe', '/xrpc/com.atproto.sync.subscribeRepos', '/events']);
    const socket = await this.#open(`${path}?${this.#random.pick(brokenQueries)}`);
    socket?.send(this.#random.pick(brokenUpdates));
  }
}
