/**
 * Consumers read while events are told, filed, forgotten, erased and go by age, all at once: each sees what there is in order and once,
 * nothing of an account after it was forgotten, and no bytes that change before they were sent.
 */
import { expect, test } from '@jest/globals';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { Outbox } from '@dunlin/service/firehose/outbox';
import * as fc from 'fast-check';
import { FakeConnection, splitFrames } from '../../service/firehose/fake-connection.ts';
import { EventHome, windowMs } from './event-home.ts';

/** Gives the seq of an event out of its bytes: the unsigned number behind the key. */
function seqOf(payload: Buffer): number {
  const at = payload.indexOf('cseq', 0, 'latin1') + 4;
  const first = payload[at]!;
  return first < 0x18 ? first : first === 0x18 ? payload[at + 1]! : payload.readUInt16BE(at + 1);
}

/** A consumer that looks at what it is sent when it is sent, and again when it takes it. */
class Reader extends FakeConnection {
  readonly from: number;
  readonly seqs: number[] = [];
  readonly #gone: ReadonlySet<number>;
  #sent: Buffer[] = [];

  constructor(roomBytes: number, from: number, gone: ReadonlySet<number>) {
    super(roomBytes);
    this.from = from;
    this.#gone = gone;
  }

  override sendFrames(frames: Uint8Array): boolean {
    if (this.isOpen) {
      for (const payload of splitFrames(Buffer.from(frames))) this.#take(payload);
    }
    return super.sendFrames(frames);
  }

  #take(payload: Buffer): void {
    this.#sent.push(payload);
    // Not the last word to a consumer who is cut off.
    if (!payload.includes('cseq', 0, 'latin1')) return;
    const seq = seqOf(payload);
    if (seq <= (this.seqs.at(-1) ?? this.from)) throw new Error(`event came again: seq=${seq} after=${this.seqs.at(-1)}`);
    if (this.#gone.has(seq)) throw new Error(`event of a forgotten account was sent: seq=${seq}`);
    this.seqs.push(seq);
  }

  override read(): void {
    super.read();
    const sent = this.#sent;
    this.#sent = [];
    if (!Buffer.concat(this.received.splice(0)).equals(Buffer.concat(sent))) throw new Error('bytes changed before they were sent');
  }
}

class Turmoil {
  readonly home: EventHome;
  readonly outbox: Outbox;
  readonly faults: unknown[] = [];
  readonly #held = new Map<number, number>();
  readonly #gone = new Set<number>();
  readonly #readers: Reader[] = [];
  readonly #underWay: Promise<unknown>[] = [];
  readonly #metrics = createMetrics('test');

  constructor(home: EventHome) {
    this.home = home;
    this.outbox = new Outbox(home.replay, { metrics: this.#metrics, logger: silentLogger, clock: home.clock, readBytes: home.runBytes, ringBytes: 1, stallMs: 1e12, onAssertionFailure: (failure) => void this.faults.push(failure) });
  }

  /** Makes every third read of a file wait, as a disk may: what is told may have changed when it comes. */
  slowReads(): void {
    const read = this.home.files.read.bind(this.home.files);
    let count = 0;
    this.home.files.read = async (...given) => {
      if (count++ % 3 === 0) await this.home.groups.write(() => undefined).then(() => this.home.erasure.erase());
      return await read(...given);
    };
  }

  begin(work: Promise<unknown>): void {
    this.#underWay.push(work.catch((fault: unknown) => void this.faults.push(fault)));
  }

  async tell(account: number, padding: number): Promise<void> {
    await this.home.groups.write(() => {
      const seq = this.home.sequencer.stage(account, { kind: 'identity', did: `did:web:account${account}.org`, handle: 'x'.repeat(padding) });
      this.#held.set(seq, account);
    });
  }

  async forget(account: number): Promise<void> {
    const forgotten: number[] = [];
    await this.home.groups.write(() => {
      this.home.sequencer.forget(account);
      for (const [seq, its] of this.#held) if (its === account) forgotten.push(seq);
      for (const seq of forgotten) this.#held.delete(seq);
    });
    for (const seq of forgotten) this.#gone.add(seq);
    this.home.sequencer.refreshOldest();
    this.outbox.forget();
    await this.home.erasure.erase();
  }

  attach(share: number, roomBytes: number): void {
    const oldest = this.home.sequencer.oldestSeq() - 1;
    const from = oldest + Math.floor((this.home.sequencer.headSeq() - oldest) * share);
    this.#readers.push(new Reader(roomBytes, from, this.#gone));
    this.outbox.attach(this.#readers.at(-1)!, from);
  }

  take(which: number): void {
    this.#readers[which % Math.max(1, this.#readers.length)]?.read();
  }

  /** Waits for what is under way. */
  async rest(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
  }

  /** Lets everything come to rest, and looks whether everybody has got everything. */
  async end(): Promise<void> {
    await this.rest();
    const isBehind = (reader: Reader): boolean => reader.isOpen && (reader.bufferedBytes > 0 || this.#missing(reader).length > 0);
    for (const deadlineMs = performance.now() + 10_000; this.#readers.some(isBehind) && performance.now() < deadlineMs;) {
      for (const reader of this.#readers) reader.read();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.outbox.close();
    this.#metrics.close();
    expect(this.#readers.filter(({ isOpen }) => isOpen).flatMap((reader) => this.#missing(reader))).toEqual([]);
    expect([...this.faults, ...this.home.faults]).toEqual([]);
  }

  #missing({ from, seqs }: Reader): number[] {
    const has = new Set(seqs);
    return [...this.#held.keys()].filter((seq) => seq > from && seq >= this.home.sequencer.oldestSeq() && !has.has(seq));
  }
}

const account = fc.integer({ min: 1, max: 4 });
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('tell' as const), account, count: fc.integer({ min: 1, max: 12 }), padding: fc.constantFrom(0, 100, 400, 1_500) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'file' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), account }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prune' as const), ms: fc.constantFrom(1_000, windowMs / 10, windowMs / 2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('attach' as const), share: fc.constantFrom(0, 0.1, 0.5, 0.9, 1), roomBytes: fc.constantFrom(0, 500, 100_000) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('take' as const), which: fc.nat(20) }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('turn' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'rest' as const }) },
);

test('whatever happens at once, every consumer sees what there is, in order and once, and nothing that was forgotten', async () => {
  await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 80 }), async (acts) => {
    const home = await EventHome.make();
    try {
      const turmoil = new Turmoil(home);
      turmoil.slowReads();
      for (let n = 0; n < 24; n++) turmoil.begin(turmoil.tell(1 + (n % 3), 300));
      await turmoil.rest();
      turmoil.begin(home.filing.file());
      for (const each of acts) {
        if (each.kind === 'tell') for (let n = 0; n < each.count; n++) turmoil.begin(turmoil.tell(each.account, each.padding));
        else if (each.kind === 'file') turmoil.begin(home.filing.file());
        else if (each.kind === 'forget') turmoil.begin(turmoil.forget(each.account));
        else if (each.kind === 'prune') {
          home.clock.advance(each.ms);
          turmoil.begin(home.retention.prune());
        } else if (each.kind === 'attach') turmoil.attach(each.share, each.roomBytes);
        else if (each.kind === 'take') turmoil.take(each.which);
        else if (each.kind === 'rest') await turmoil.rest();
        else for (let n = 0; n < each.count; n++) await new Promise((resolve) => setImmediate(resolve));
      }
      await turmoil.end();
    } finally {
      await home.remove();
    }
  }), { numRuns: 60 });
});
