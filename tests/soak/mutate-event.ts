/**
 * Spoils an event where its meaning is: fields left out, exchanged for others or of another kind, blocks of its CAR left out, doubled,
 * moved, cut or exchanged under a right hash, roots and operations that lie. What comes out is canonical CBOR in a sound CAR, so it
 * passes the outer checks and reaches the inner ones; plain bytes are spoilt by mutate.ts. Source: ours.
 */
import { writeCar } from '@dunlin/protocol/car/write';
import { readCar } from '@dunlin/protocol/car/read';
import { cidForCbor, type Cid } from '@dunlin/protocol/data/cid';
import type { CborMap, CborValue } from '@dunlin/protocol/data/cbor';
import { decodeFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { mutate } from './mutate.ts';
import type { Seeded } from './seeded.ts';

type Body = Record<string, CborValue>;
type Change = (body: Body, random: Seeded, other: CborMap) => void;

const oddValues: readonly CborValue[] = [null, true, false, 0, -1, 2 ** 53 - 1, '', 'x', 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', '3zzzzzzzzzzzz', [], [null], {}, new Uint8Array(0), new Uint8Array(40), 'é'.repeat(5_000)];
const oddPaths = ['', '/', 'a', 'app.bsky.feed.post/', '/x', 'app.bsky.feed.post/../x', `app.bsky.feed.post/${'k'.repeat(512)}`, `app.bsky.feed.post/${'k'.repeat(513)}`, 'a.b.c/é', 'app.bsky.feed.post/a/b'];

const changes: readonly Change[] = [
  (body, random) => { delete body[random.pick(Object.keys(body))]; },
  (body, random) => { body[random.pick(Object.keys(body))] = random.pick(oddValues); },
  (body, random, other) => { const name = random.pick(Object.keys(other)); body[name] = other[name]!; },
  (body, random) => { const [a, b] = [random.pick(Object.keys(body)), random.pick(Object.keys(body))]; [body[a], body[b]] = [body[b]!, body[a]!]; },
  (body, random) => { body[random.pick(['extra', '__proto__x', '', 'seq2', 'z'.repeat(200)])] = random.pick(oddValues); },
  (body, random) => { changeOps(body, random); },
  (body, random) => { changeOps(body, random); },
  (body, random, other) => { changeCar(body, random, other); },
  (body, random, other) => { changeCar(body, random, other); },
  (body, random, other) => { changeCar(body, random, other); },
];

/** Gives a spoilt frame; bytes that are no event are spoilt as bytes. `other` lends fields and blocks. */
export function mutateEvent(bytes: Uint8Array, random: Seeded, other: Uint8Array): Uint8Array {
  const frame = decodeFrame(bytes);
  const lender = decodeFrame(other);
  if (frame.op !== 1 || lender.op !== 1) return mutate(bytes, random, other);
  const body: Body = { ...frame.body };
  for (let faults = random.pick([1, 1, 1, 2, 3]); faults > 0; faults--) if (Object.keys(body).length > 0) random.pick(changes)(body, random, lender.body);
  return encodeFrame(random.chance(0.03) ? random.pick(['#commit', '#sync', '#identity', '#account', '#info', '#new', '', 'commit']) : frame.t, body);
}

function changeOps(body: Body, random: Seeded): void {
  if (!Array.isArray(body['ops'])) return;
  const ops: CborValue[] = [...(body['ops'] as CborValue[])];
  const at = random.below(ops.length + 1);
  const op = ops[at];
  const first = ops[0];
  switch (random.below(7)) {
    case 0: ops.splice(at, 1); break;
    case 1: if (op !== undefined) ops.push(op); break;
    case 2: ops.reverse(); break;
    case 3: if (first !== undefined) ops.push(...Array.from({ length: 201 }, () => first)); break;
    case 4: ops[at] = random.pick(oddValues); break;
    default: {
      if (typeof op !== 'object' || op === null) break;
      const changed: Body = { ...(op as Body) };
      const name = random.pick(['path', 'action', 'cid', 'prev']);
      if (random.chance(0.3)) delete changed[name];
      else changed[name] = name === 'path' ? random.pick(oddPaths) : name === 'action' ? random.pick(['create', 'update', 'delete', 'x']) : random.pick([null, body['commit'] ?? null, ...oddValues]);
      ops[at] = changed;
    }
  }
  body['ops'] = ops;
}

function changeCar(body: Body, random: Seeded, other: CborMap): void {
  const car = blocksOf(body);
  if (car === null || car.blocks.length === 0) return;
  let { root, blocks } = car;
  const at = random.below(blocks.length);
  const [cid, block] = blocks[at]!;
  switch (random.below(8)) {
    case 0: blocks = blocks.filter((_each, index) => index !== at); break;
    case 1: blocks = [...blocks, [cid, block]]; break;
    case 2: blocks = blocks.toReversed(); break;
    case 3: blocks = blocks.with(at, [cid, mutate(block, random, blocks[random.below(blocks.length)]![1])]); break;
    case 4: {
      // The hash is right, so only whoever follows the links sees that it is another block.
      const spoilt = mutate(block, random, blocks[random.below(blocks.length)]![1]);
      const spoiltCid = cidForCbor(spoilt);
      if (String(root) === String(cid)) root = spoiltCid;
      blocks = blocks.with(at, [spoiltCid, spoilt]);
      break;
    }
    case 5: root = cid; break;
    case 6: blocks = [...blocks, ...(blocksOf(other)?.blocks ?? [])]; break;
    default: blocks = [...Array.from({ length: 50 }, (_, n): [Cid, Uint8Array] => { const extra = Uint8Array.of(0x18, 0x20 + n); return [cidForCbor(extra), extra]; }), ...blocks];
  }
  body['blocks'] = writeCar(root, blocks);
  if (random.chance(0.5)) body['commit'] = root;
}

function blocksOf(body: CborMap): { root: Cid; blocks: (readonly [Cid, Uint8Array])[] } | null {
  if (!(body['blocks'] instanceof Uint8Array)) return null;
  try {
    const { roots, blocks } = readCar(body['blocks']);
    return roots[0] === undefined ? null : { root: roots[0], blocks: [...blocks] };
  } catch {
    // An earlier fault has spoilt it already.
    return null;
  }
}
