/**
 * Runs the scenarios in relay/*.json: accounts, messages and what a relay makes of each, for every line of the verdict
 * order in docs/wire.md. A step's `expect` is "accept", "drop:REASON", "ignore" or "held".
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { fromJson } from '@dunlin/protocol/data/json';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { decodeFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { FakeAccount, createWrite } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';
import type { FakeHost, TestConsumer } from '../relay/fixture/test-relay.ts';
import { eventually } from '../harness/wait.ts';
import { addBlock, padBlocks, spoils } from './relay-spoil.ts';
import type { Body } from './relay-spoil.ts';

interface Step {
  /** One of these says what is done; the value is an account's name, or what the comment says. */
  commit?: string;
  sync?: string;
  identity?: string;
  account?: string;
  /** Raw bytes in hex. */
  hex?: string;
  /** A text message. */
  text?: string;
  /** A frame of another kind: [t, body]. */
  frame?: [string, Record<string, unknown>];
  /** Makes the account's next key; the directory knows it unless `unpublished`. */
  rotate?: string;
  /** Publishes the account's present key and handle. */
  publish?: string;
  move?: string;
  to?: string;
  forget?: string;
  directory?: 'up' | 'down';
  takedown?: string;
  reverse?: string;
  reconnect?: true;
  /** Of commits. */
  writes?: 'none' | 'update' | 'delete' | number;
  /** The commit is made, and never sent. */
  unsent?: true;
  /** Minutes from now, or a name: the same rev as before, or one before it. */
  revMinutesAhead?: number;
  rev?: 'same' | 'older';
  spoil?: string;
  set?: Record<string, unknown>;
  omit?: string[];
  padFrameTo?: number;
  padBlocksTo?: number;
  addBlockOf?: number;
  /** Of #account and #identity. */
  active?: boolean;
  status?: string;
  handle?: string | null;
  /** The host that sends; the account's own unless told. */
  from?: string;
  unpublished?: true;
  /** Sends under this seq instead of the next. */
  seqBack?: number;
  expect?: string;
  /** What comes out for held events once they can be decided. */
  later?: string[];
  /** What the frame that comes out says, where it is not the frame that went in. */
  out?: Record<string, unknown>;
}

interface Scenario {
  name: string;
  curve?: 'p256';
  options?: Record<string, unknown>;
  steps: Step[];
}

const folder = join(import.meta.dirname, 'relay');
const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();

for (const file of files) {
  const { options, scenarios } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { options?: Record<string, unknown>; scenarios: Scenario[] };
  describe(file.replace('.json', ''), () => {
    let relay: TestRelay;
    let consumer: TestConsumer;
    beforeAll(async () => {
      relay = await TestRelay.start(options, { random: () => 0.02 });
      consumer = await relay.consume();
    });
    afterAll(() => relay.close());
    for (const scenario of scenarios) {
      test(scenario.name, async () => {
        const run = new Run(relay, consumer, scenario);
        for (const step of scenario.steps) await run.step(step);
        expect(consumer.frames.length).toBe(await relay.metric('relay_log_head_seq') - 4_294_967_296);
        expect(relay.faults).toEqual([]);
      });
    }
  });
}

class Run {
  readonly #relay: TestRelay;
  readonly #consumer: TestConsumer;
  readonly #curve: 'p256' | 'k256';
  readonly #hosts = new Map<string, FakeHost>();
  readonly #accounts = new Map<string, { account: FakeAccount; home: string }>();
  #held: Uint8Array[] = [];

  constructor(relay: TestRelay, consumer: TestConsumer, scenario: Scenario) {
    this.#relay = relay;
    this.#consumer = consumer;
    this.#curve = scenario.curve ?? 'k256';
  }

  async step(step: Step): Promise<void> {
    if (await this.#arrange(step)) return;
    const before = await this.#counts();
    const seen = this.#consumer.frames.length;
    const bytes = await this.#send(step);
    if (step.unsent || step.expect === undefined) return;
    if (step.expect === 'held') {
      this.#held.push(bytes);
      await eventually('the event is held', async () => (await this.#relay.metric('relay_held_bytes')) > 0);
      return;
    }
    const after = await eventually(`${JSON.stringify(step)} is decided`, async () => {
      const counts = await this.#counts();
      return counts.total > before.total ? counts : null;
    });
    expect({ step, outcome: outcome(before, after) }).toEqual({ step, outcome: step.expect });
    if (step.expect !== 'accept') return;
    const frames = await this.#consumer.take(seen + 1);
    this.#check(frames[seen] ?? Buffer.alloc(0), bytes, step);
  }

  #check(frame: Buffer, sent: Uint8Array, step: Step): void {
    const { seq } = scanFrame(frame);
    if (step.out === undefined) {
      expect(frame.equals(replaceSeq(sent, scanFrame(sent), seq))).toBe(true);
      return;
    }
    const [got, was] = [decodeFrame(frame), decodeFrame(sent)];
    if (got.op !== 1 || was.op !== 1) throw new Error('not an event');
    const expected: Record<string, unknown> = { ...was.body, seq, ...step.out };
    const account = this.#accounts.get(step.identity ?? '')?.account;
    if (expected['handle'] === 'HANDLE') expected['handle'] = account?.handle;
    for (const [name, value] of Object.entries(expected)) if (value === null) delete expected[name];
    expect(got.body).toEqual(expected);
  }

  /** Does what a step says about the world around; true when that was all. */
  async #arrange(step: Step): Promise<boolean> {
    const { directory, operator } = this.#relay;
    if (step.rotate) {
      const { account, home } = await this.#known(step.rotate);
      account.keypair = Keypair.generate(this.#curve);
      if (!step.unpublished) directory.add(account, (await this.#host(home)).origin);
    } else if (step.publish) {
      const { account, home } = await this.#known(step.publish);
      directory.add(account, (await this.#host(home)).origin);
    } else if (step.move) {
      const known = await this.#known(step.move);
      known.home = step.to ?? 'b';
      directory.add(known.account, (await this.#host(known.home)).origin);
    } else if (step.forget) {
      directory.documents.delete((await this.#known(step.forget)).account.did);
    } else if (step.directory) {
      directory.isDown = step.directory === 'down';
      if (step.later) await this.#later(step.later);
    } else if (step.takedown) {
      const { account } = await this.#known(step.takedown);
      const seen = this.#consumer.frames.length;
      const answer = await this.#relay.post('/admin/repo/takeDown', { did: account.did }, operator);
      expect(answer.status).toBe(200);
      await this.#consumer.take(seen + 1);
    } else if (step.reverse) {
      const { account } = await this.#known(step.reverse);
      const seen = this.#consumer.frames.length;
      expect((await this.#relay.post(`/admin/repo/reverseTakedown?did=${account.did}`, undefined, operator)).status).toBe(200);
      await this.#consumer.take(seen + 1);
    } else if (step.reconnect) {
      for (const host of this.#hosts.values()) {
        const count = host.firehose.connections.length;
        host.firehose.connections.at(-1)?.close();
        await host.firehose.connection(count + 1);
      }
    } else return false;
    return true;
  }

  async #later(outcomes: string[]): Promise<void> {
    const before = await this.#counts();
    const seen = this.#consumer.frames.length;
    const accepted = outcomes.filter((each) => each === 'accept').length;
    const after = await eventually('held events are decided', async () => {
      const counts = await this.#counts();
      return counts.total >= before.total + outcomes.length ? counts : null;
    });
    expect(after.accepted - before.accepted).toBe(accepted);
    const frames = (await this.#consumer.take(seen + accepted)).slice(seen);
    const sent = this.#held.filter((_bytes, i) => outcomes[i] === 'accept');
    for (const [i, frame] of frames.entries()) expect(frame.equals(replaceSeq(sent[i] ?? frame, scanFrame(sent[i] ?? frame), scanFrame(frame).seq))).toBe(true);
    this.#held = [];
  }

  async #send(step: Step): Promise<Uint8Array> {
    const name = step.commit ?? step.sync ?? step.identity ?? step.account;
    const known = name === undefined ? null : await this.#known(name);
    const host = await this.#host(step.from ?? known?.home ?? 'a');
    if (step.text !== undefined) {
      host.firehose.connections.at(-1)?.sendText(step.text);
      return new Uint8Array();
    }
    if (!step.unsent) host.seq += 1;
    const seq = host.seq - (step.seqBack ?? 0);
    const bytes = step.hex !== undefined ? Buffer.from(step.hex, 'hex') : step.frame ? encodeFrame(step.frame[0], { seq, ...step.frame[1] }) : this.#frame(step, known?.account, seq);
    if (!step.unsent) host.firehose.append({ seq, bytes });
    return bytes;
  }

  #frame(step: Step, account: FakeAccount | undefined, seq: number): Uint8Array {
    if (!account) throw new Error(`step says nothing to do: ${JSON.stringify(step)}`);
    const plain = encodeEvent({ ...this.#event(step, account), seq } as Parameters<typeof encodeEvent>[0]);
    const frame = decodeFrame(plain);
    if (frame.op !== 1) throw new Error('not an event');
    let body: Body = { ...frame.body };
    if (step.spoil) {
      const spoil = spoils[step.spoil];
      if (!spoil) throw new Error(`no such spoil: ${step.spoil}`);
      body = spoil(body, account);
    }
    for (const [field, value] of Object.entries(step.set ?? {})) body[field] = fromJson(value);
    for (const field of step.omit ?? []) delete body[field];
    if (step.addBlockOf) body = addBlock(body, step.addBlockOf);
    if (step.padBlocksTo) body = padBlocks(body, step.padBlocksTo);
    if (step.padFrameTo) body = padFrame(frame.t, body, step.padFrameTo);
    return encodeFrame(frame.t, body);
  }

  #event(step: Step, account: FakeAccount): Parameters<typeof encodeEvent>[0] {
    if (step.identity) return account.identity(step.handle === undefined ? account.handle : step.handle);
    if (step.account) return account.account(step.active ?? true, step.status ?? null);
    const rev = this.#rev(step, account);
    if (step.sync) {
      const event = account.sync(rev);
      return event;
    }
    const before = account.head;
    if (rev !== undefined && before && rev <= before.rev) account.head = { ...before, rev: tidFromMicros(1000, 1) };
    const event = account.commit(writesOf(step, account), rev);
    return event;
  }

  #rev(step: Step, account: FakeAccount): string | undefined {
    if (step.revMinutesAhead !== undefined) return tidFromMicros(Math.floor((Date.now() + step.revMinutesAhead * 60_000) * 1000), 7);
    if (step.rev === 'same') return account.head?.rev;
    if (step.rev === 'older') return tidFromMicros(2_000_000, 7);
    return undefined;
  }

  async #known(name: string): Promise<{ account: FakeAccount; home: string }> {
    let known = this.#accounts.get(name);
    if (!known) {
      known = { account: new FakeAccount({ curve: this.#curve }), home: 'a' };
      this.#accounts.set(name, known);
      this.#relay.register(known.account, await this.#host('a'));
    }
    return known;
  }

  async #host(name: string): Promise<FakeHost> {
    let host = this.#hosts.get(name);
    if (!host) {
      host = await this.#relay.crawledHost();
      this.#hosts.set(name, host);
      await host.firehose.connection(1);
    }
    return host;
  }

  async #counts(): Promise<Counts> {
    const text = await (await fetch(`${this.#relay.relay.metricsUrl}/metrics`)).text();
    const dropped = new Map<string, number>();
    let [accepted, ignored] = [0, 0];
    for (const line of text.split('\n')) {
      const match = /^relay_(events_accepted|events_dropped|frames_ignored|host_text_frames_ignored)_total(?:\{(?:kind|reason)="([^"]+)"\})? (\d+)$/.exec(line);
      if (!match) continue;
      const value = Number(match[3]);
      if (match[1] === 'events_accepted') accepted += value;
      else if (match[1] === 'events_dropped') dropped.set(match[2] ?? '', value);
      else ignored += value;
    }
    return { accepted, ignored, dropped, total: accepted + ignored + [...dropped.values()].reduce((sum, each) => sum + each, 0) };
  }
}

interface Counts {
  accepted: number;
  ignored: number;
  dropped: Map<string, number>;
  total: number;
}

function outcome(before: Counts, after: Counts): string {
  if (after.accepted > before.accepted) return 'accept';
  if (after.ignored > before.ignored) return 'ignore';
  for (const [reason, count] of after.dropped) if (count > (before.dropped.get(reason) ?? 0)) return `drop:${reason}`;
  return 'nothing';
}

function writesOf(step: Step, account: FakeAccount): PreparedWrite[] | undefined {
  if (step.writes === 'none') return [];
  if (step.writes === 'delete') return [{ action: 'delete', collection: 'app.bsky.feed.post', rkey: 'r00000001' }];
  if (step.writes === 'update') {
    const bytes = encode({ $type: 'app.bsky.feed.post', text: `again ${account.head?.rev}`, createdAt: 'now' });
    return [{ action: 'update', collection: 'app.bsky.feed.post', rkey: 'r00000001', cid: cidForCbor(bytes), bytes }];
  }
  const count = step.writes;
  return count === undefined ? undefined : Array.from({ length: count }, (_, i) => createWrite(`many${String(i).padStart(4, '0')}`));
}

function padFrame(t: string, body: Body, bytes: number): Body {
  for (let padding = bytes - encodeFrame(t, body).length; padding > 0; padding--) {
    const padded = { ...body, zzPadding: new Uint8Array(padding) };
    if (encodeFrame(t, padded).length === bytes) return padded;
  }
  throw new Error(`no frame of ${bytes} bytes`);
}
