/**
 * The parsers of protocol/ under spoilt input: every one is given the same bytes, whatever it is for.
 * Not for: the relay (hostile-host.ts). Source: ours.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { encode, decode } from '@dunlin/protocol/data/cbor';
import type { Cid } from '@dunlin/protocol/data/cid';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { readCar } from '@dunlin/protocol/car/read';
import { readCarStream } from '@dunlin/protocol/car/read-stream';
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { decodeNode, encodeNode } from '@dunlin/protocol/mst/node';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { verifyCommit } from '@dunlin/protocol/repo/verify-commit';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { verifySync } from '@dunlin/protocol/repo/verify-sync';
import { decodeEvent, encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { captureFolder } from '../harness/vectors.ts';
import { readFrames } from '../harness/capture.ts';
import { mutate } from './mutate.ts';
import { mutateEvent } from './mutate-event.ts';
import type { Seeded } from './seeded.ts';
import { FlatMemory } from './memory.ts';
import type { SoakRun } from './soak.ts';

const nowMs = Date.parse('2026-01-02T03:04:05.678Z');
const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';
/** An input of some kilobytes is done in a millisecond; this much means that time grows with something it should not. */
const maxInputMs = 400;

/** What is spoilt, and what judges it. */
interface Corpus {
  readonly inputs: Uint8Array[];
  /** Those of them that are events. */
  readonly frames: Uint8Array[];
  readonly account: FakeAccount;
}

/** Goes on for its minutes and gives a sentence of what was done. @throws at the first input that breaks a promise */
export async function fuzzParsers({ random, minutes, step }: SoakRun): Promise<string> {
  const corpus = makeCorpus(random);
  const memory = new FlatMemory(40_000_000);
  const counts = { inputs: 0, accepted: 0, slowestMs: 0 };
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) {
    step(`parsers, input ${counts.inputs}`);
    const source = random.pick(corpus.inputs);
    const bytes = random.chance(0.02) ? source : random.chance(0.3) ? mutateEvent(random.pick(corpus.frames), random, random.pick(corpus.frames)) : mutate(source, random, random.pick(corpus.inputs));
    const began = process.cpuUsage();
    try {
      counts.accepted += await tryAll(bytes, corpus.account, random);
    } catch (error) {
      throw new Error(`input ${counts.inputs} (${Buffer.from(bytes).toString('base64')})`, { cause: error });
    }
    const { user, system } = process.cpuUsage(began);
    counts.slowestMs = Math.max(counts.slowestMs, (user + system) / 1000);
    assert(counts.slowestMs < maxInputMs, `an input took too long: ms=${counts.slowestMs} bytes=${bytes.length}`);
    if (++counts.inputs % 20_000 === 0) memory.look();
  }
  return `parsers: ${counts.inputs} inputs, ${counts.accepted} accepted by one parser or another, slowest ${Math.round(counts.slowestMs)} ms, memory ${memory.judge()}`;
}

function makeCorpus(random: Seeded): Corpus {
  const account = new FakeAccount({ did, nowMs });
  account.keypair = Keypair.fromPrivateBytes('k256', random.bytes(32).fill(1, 0, 1));
  const inputs: Uint8Array[] = [];
  const cars: Uint8Array[] = [];
  for (let n = 0; n < 60; n++) {
    const event = account.commit();
    inputs.push(encodeEvent({ ...event, seq: n + 1 }));
    cars.push(event.blocks);
  }
  const sync = account.sync();
  inputs.push(encodeEvent(sync), encodeEvent(account.identity()), encodeEvent(account.identity(null)), encodeEvent(account.account(false, 'deactivated')));
  inputs.push(encodeEvent({ kind: 'info', name: 'OutdatedCursor', message: 'too old' }));
  const captured = captureFolder();
  if (captured !== null) inputs.push(...readFrames(join(captured, 'frames.bin'), 300), ...readFrames(join(captured, 'frames-pds-b.bin'), 60));
  const frames = inputs.filter((bytes) => decodeEvent(bytes).kind !== 'info');
  const { data, cid } = account.head!;
  const blocks = [...walkEntries(account.blocks, data)].map(({ value }) => value);
  inputs.push(writeCar(cid, [cid, data, ...blocks].map((each): [Cid, Uint8Array] => [each, account.blocks.get(each)!])), ...cars.slice(-8));
  for (const car of cars.slice(-8)) for (const [, bytes] of readCar(car).blocks) inputs.push(bytes);
  inputs.push(encode({ a: [1, -1, null, true, 'é', new Uint8Array(3), cid, { '': {} }], bb: { ccc: [[[[]]]] } }));
  return { inputs, frames, account };
}

/** Gives how many parsers accepted. */
async function tryAll(bytes: Uint8Array, account: FakeAccount, random: Seeded): Promise<number> {
  const key = account.keypair.publicKey;
  let accepted = 0;
  const check = (parse: () => void): void => {
    try {
      parse();
      accepted++;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  };
  check(() => assert(Buffer.from(encode(decode(bytes))).equals(bytes), 'CBOR that was accepted is written differently'));
  check(() => checkFrame(bytes, key));
  check(() => checkEvent(bytes));
  check(() => checkNode(bytes));
  check(() => void verifyRepoCar(bytes, did, key));
  let car: ReturnType<typeof readCar> | null = null;
  check(() => { car = readCar(bytes); });
  const streamed = await readStreamed(bytes, random);
  assert.equal(streamed === null, car === null, 'the two readers of CARs disagree');
  if (car !== null && streamed !== null) checkCar(bytes, car, streamed);
  return accepted;
}

function checkFrame(bytes: Uint8Array, key: FakeAccount['keypair']['publicKey']): void {
  const scan = scanFrame(bytes);
  // A canonical frame stays one for whoever decodes it.
  if (scan.t === '#commit') void verifyCommit({ scan, bytes, key, nowMs });
  if (scan.t === '#sync') void verifySync({ scan, bytes, key, nowMs });
}

function checkEvent(bytes: Uint8Array): void {
  const event = decodeEvent(bytes);
  if (event.kind === 'error' || event.kind === 'unknown') return;
  // Fields that nobody knows are left out when written again, so the second time must be equal to the first.
  const once = encodeEvent(event);
  assert.deepEqual(decodeEvent(once), event);
  assert(Buffer.from(encodeEvent(decodeEvent(once) as typeof event)).equals(once), 'an event that was accepted is written differently');
  assert.equal(scanFrame(bytes).t, `#${event.kind}`);
}

function checkNode(bytes: Uint8Array): void {
  const node = decodeNode(bytes, cidForCbor(bytes).bytes, -1);
  assert(Buffer.from(encodeNode(node)).equals(bytes), 'a node that was accepted is written differently');
}

async function readStreamed(bytes: Uint8Array, random: Seeded): Promise<{ roots: Cid[]; blocks: BlockMap } | null> {
  const size = 1 + random.below(2_000);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  try {
    const { roots, blocks } = await readCarStream(pieces());
    const map = new BlockMap();
    for await (const [cid, block] of blocks) map.set(cid, block);
    return { roots, blocks: map };
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function checkCar(bytes: Uint8Array, car: ReturnType<typeof readCar>, streamed: { roots: Cid[]; blocks: BlockMap }): void {
  assert.deepEqual(streamed.roots.map(String), car.roots.map(String));
  assert.equal(streamed.blocks.size, car.blocks.size);
  if (car.roots.length !== 1) return;
  const again = writeCar(car.roots[0]!, car.blocks);
  // A block that comes twice is kept once.
  if (again.length === bytes.length) assert(Buffer.from(again).equals(bytes), 'a CAR that was accepted is written differently');
  else assert(again.length < bytes.length, 'a CAR that was accepted is written longer');
}
