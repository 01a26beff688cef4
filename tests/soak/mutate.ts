/**
 * Spoils bytes in the ways that parsers trip over: single bits, lengths, runs taken out or repeated, pieces of other inputs, and
 * whole CBOR items exchanged for others.
 * Not for: making right values (tests/harness/data-model-values). Source: ours.
 */
import type { Seeded } from './seeded.ts';

/** Items with an odd head: every major type, lengths that lie, floats, tags, indefinite and overlong forms. */
const oddItems: readonly (readonly number[])[] = [
  [0xf6], [0xf7], [0xf4], [0xf5], [0x00], [0x18, 0x17], [0x18, 0x18], [0x19, 0xff, 0xff], [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0], [0x1b, 255, 255, 255, 255, 255, 255, 255, 255],
  [0x20], [0x3b, 0, 0x1f, 255, 255, 255, 255, 255, 255], [0x40], [0x5f], [0x5a, 255, 255, 255, 255], [0x60], [0x61, 0xff], [0x63, 0xed, 0xa0, 0x80], [0x7b, 255, 255, 255, 255, 255, 255, 255, 255],
  [0x80], [0x9a, 0xff, 0xff, 0xff, 0xff], [0x9f], [0xa0], [0xba, 0xff, 0xff, 0xff, 0xff], [0xbf], [0xd8, 0x2a, 0x41, 0x00], [0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01], [0xc0], [0xff],
  [0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], [0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], [0xf9, 0x7e, 0x00], [0xa1, 0x69, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f, 0xf6],
];

type Mutation = (bytes: Uint8Array, random: Seeded, other: Uint8Array) => Uint8Array;

const mutations: readonly Mutation[] = [
  (bytes, random) => changed(bytes, (copy) => { copy[random.below(copy.length)]! ^= 1 << random.below(8); }),
  (bytes, random) => changed(bytes, (copy) => { copy[random.below(copy.length)] = random.pick([0, 1, 0x17, 0x18, 0x7f, 0x80, 0xa0, 0xff, random.below(256)]); }),
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => spliced(bytes, random, random.bytes(1 + random.below(8)), 0),
  (bytes, random) => spliced(bytes, random, new Uint8Array(0), 1 + random.below(40)),
  (bytes, random) => spliced(bytes, random, Uint8Array.from(random.pick(oddItems)), random.below(10)),
  (bytes, random, other) => spliced(bytes, random, piece(other, random), random.below(64)),
  (bytes, random) => spliced(bytes, random, piece(bytes, random), 0),
  (bytes, random) => spliced(bytes, random, new Uint8Array(1 + random.below(300)).fill(random.pick([0x81, 0xa1, 0x9f, 0xd8])), random.below(4)),
];

/** Gives a spoilt copy; one to four faults. `other` lends pieces. */
export function mutate(bytes: Uint8Array, random: Seeded, other: Uint8Array): Uint8Array {
  let result = bytes;
  for (let faults = random.pick([1, 1, 1, 2, 3, 4]); faults > 0; faults--) {
    if (result.length === 0) return Uint8Array.from(random.pick(oddItems));
    result = random.pick(mutations)(result, random, other);
  }
  return result;
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  // Not slice: a Buffer's gives a view of the same bytes.
  const copy = Uint8Array.from(bytes);
  change(copy);
  return copy;
}

function piece(bytes: Uint8Array, random: Seeded): Uint8Array {
  const start = random.below(bytes.length + 1);
  return bytes.slice(start, start + random.below(200));
}

function spliced(bytes: Uint8Array, random: Seeded, insert: Uint8Array, removed: number): Uint8Array {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + removed)]);
}
