/**
 * How quick is strict DAG-CBOR here, against @ipld/dag-cbor and against cbor-x without any check, on real blocks?
 * Takes the blocks of a captured stream when there is one, else blocks of the same shapes made up here.
 * Prints one JSON line a figure; each pair is measured in turn in the same run, the best of several rounds counts.
 */
import * as dagCbor from '@ipld/dag-cbor';
import { Decoder, Encoder } from 'cbor-x/decode';
import { join } from 'node:path';
import { readCar } from '@dunlin/protocol/car/read';
import { checkCanonical } from '@dunlin/protocol/data/cbor-canon';
import { decode, decodeSequence, encode } from '@dunlin/protocol/data/cbor';
import type { CborMap } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidForRaw } from '@dunlin/protocol/data/cid';
import { captureFolder } from '../tests/harness/vectors.ts';
import { readFrames } from '../tests/harness/capture.ts';

const rounds = 7;
const roundMs = 150;
const looseOptions = { useRecords: false, variableMapSize: true, tagUint8Array: false, mapsAsObjects: true };
const looseDecoder = new Decoder(looseOptions);
const looseEncoder = new Encoder(looseOptions);

type Samples = Record<'record' | 'node' | 'commit' | 'frame body', Uint8Array[]>;

function capturedSamples(folder: string): Samples {
  const samples: Samples = { record: [], node: [], commit: [], 'frame body': [] };
  for (const frame of readFrames(join(folder, 'frames.bin'), 3000)) {
    const [header, body] = decodeSequence(frame, 2) as [CborMap, CborMap];
    if (header['t'] !== '#commit') continue;
    samples['frame body'].push(new Uint8Array(frame.subarray(frame.length - encode(body).length)));
    for (const [, bytes] of readCar(body['blocks'] as Uint8Array).blocks) {
      const block = decode(bytes) as CborMap;
      const kind = 'e' in block && 'l' in block ? 'node' : 'sig' in block ? 'commit' : 'record';
      samples[kind].push(bytes.slice());
    }
  }
  return samples;
}

function link(text: string): unknown {
  return cidForCbor(new TextEncoder().encode(text));
}

function many(make: (index: number) => unknown): Uint8Array[] {
  return Array.from({ length: 500 }, (_, index) => encode(make(index)));
}

const madeUp: Record<keyof Samples, (index: number) => unknown> = {
  record: (index) => ({
    $type: 'app.bsky.feed.post', text: `text number ${index} with a few words in it, é`, langs: ['en'], createdAt: '2026-11-01T10:00:00.000Z',
    embed: { $type: 'app.bsky.embed.images', images: [{ alt: '', image: { $type: 'blob', ref: cidForRaw(new Uint8Array(index)), mimeType: 'image/png', size: index } }] },
  }),
  node: (index) => ({
    l: null, e: Array.from({ length: 5 }, (_, entry) => ({ p: entry * 3, k: new Uint8Array(32 - entry * 3).fill(97), v: link(`v${index}${entry}`), t: entry % 2 ? null : link(`t${index}`) })),
  }),
  commit: (index) => ({ did: 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', rev: '3l4lhdz3jk22b', data: link(String(index)), prev: null, version: 3, sig: new Uint8Array(64).fill(index) }),
  'frame body': (index) => ({
    seq: index, repo: 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', commit: link('c'), rev: '3l4lhdz3jk22b', since: '3l4lhdz3jk22a', blocks: new Uint8Array(3000).fill(index), tooBig: false, rebase: false,
    ops: [{ action: 'create', path: 'app.bsky.feed.post/3l4lhdz3jk22b', cid: link('o') }], blobs: [], prevData: link('p'), time: '2026-11-01T10:00:00.000Z',
  }),
};

function madeUpSamples(): Samples {
  return { record: many(madeUp.record), node: many(madeUp.node), commit: many(madeUp.commit), 'frame body': many(madeUp['frame body']) };
}

/** Best number of calls a second over several rounds, for each of the named functions in turn. */
function race<T>(inputs: readonly T[], runners: Record<string, (input: T) => unknown>): Record<string, number> {
  const best: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(runners)) {
      let calls = 0;
      const start = process.hrtime.bigint();
      let elapsedMs = 0;
      while (elapsedMs < roundMs) {
        for (const input of inputs) run(input);
        calls += inputs.length;
        elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
      }
      best[name] = Math.max(best[name] ?? 0, (calls / elapsedMs) * 1000);
    }
  }
  return best;
}

function print(figure: string, rates: Record<string, number>): void {
  const ours = rates['ours'] ?? 0;
  for (const [against, rate] of Object.entries(rates)) {
    if (against === 'ours') continue;
    const line = { bench: 'cbor', figure, value: Math.round(ours), unit: 'calls/s', ratio: Number((ours / rate).toFixed(2)), against };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

const folder = captureFolder();
const samples = folder === null ? madeUpSamples() : capturedSamples(folder);
for (const [kind, all] of Object.entries(samples)) {
  const blocks = all.slice(0, 1000);
  const values = blocks.map((bytes) => decode(bytes));
  // As an application has them: keys in the order of writing, not in canonical order.
  const unordered = values.map((value) => Object.fromEntries(Object.entries(value as CborMap).toReversed()));
  print(`check ${kind}`, race(blocks, { ours: (bytes) => checkCanonical(bytes), 'cbor-x loose decode': (bytes) => looseDecoder.decode(bytes) }));
  print(`decode ${kind}`, race(blocks, { ours: decode, '@ipld/dag-cbor': (bytes) => dagCbor.decode(bytes), 'cbor-x loose': (bytes) => looseDecoder.decode(bytes) }));
  print(`encode ${kind}`, race(values, { ours: encode, '@ipld/dag-cbor': (value) => dagCbor.encode(value), 'cbor-x loose': (value) => looseEncoder.encode(value) }));
  print(`encode unordered ${kind}`, race(unordered, { ours: encode, '@ipld/dag-cbor': (value) => dagCbor.encode(value) }));
}
