/**
 * How many commits a second does one core verify — scan, CAR, hashes, canonical form, signature, inversion — against how many bare
 * libsecp256k1 verifications of the very same signatures? Takes the captured stream when there is one, else a repository made up here and written to.
 * Prints one JSON line a figure; both are measured in turn in the same run, the best of several rounds counts.
 */
import secp256k1 from 'secp256k1';
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { uncompressedPoint, type PublicKey } from '@dunlin/protocol/crypto/did-key';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidFromBytes, type Cid } from '@dunlin/protocol/data/cid';
import { applyWrites, type RepoHead } from '@dunlin/protocol/repo/apply';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { verifyCommit } from '@dunlin/protocol/repo/verify-commit';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { readCapture } from '../tests/protocol/repo/capture.ts';

interface Sample {
  readonly bytes: Uint8Array;
  readonly key: PublicKey;
}

const rounds = 9;
const sliceLength = 100;
const nowMs = Date.now();

/** Repositories of several sizes, and one commit after another to each: creates mostly, as in life. */
function madeUpSamples(records: number, commits: number): Sample[] {
  const keypair = Keypair.generate();
  const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
  const blocks = new BlockMap();
  let micros = 1_700_000_000_000_000;
  let head: RepoHead | null = null;
  const samples: Sample[] = [];
  const commit = (count: number): Uint8Array => {
    const writes = Array.from({ length: count }, () => {
      const bytes = encode({ $type: 'app.bsky.feed.like', subject: { uri: `at://${did}/app.bsky.feed.post/${tidFromMicros(micros, 1)}`, cid: 'bafyreib2rxk3rh6kzwq' }, createdAt: '2026-11-24T02:35:13.275Z' });
      return { action: 'create' as const, collection: ['app.bsky.feed.like', 'app.bsky.feed.post', 'app.bsky.graph.follow'][micros % 3]!, rkey: tidFromMicros((micros += 1_000_003), 1), cid: cidForCbor(bytes), bytes };
    });
    const made = applyWrites({ source: blocks, head, did, keypair, rev: tidFromMicros((micros += 7), 3), writes });
    blocks.addAll(made.newBlocks);
    head = { cid: made.cid, rev: made.rev, data: made.data };
    return encodeEvent({
      kind: 'commit', seq: samples.length + 1, did, rev: made.rev, since: made.since, commit: made.cid, prevData: made.prevData,
      blocks: writeCar(made.cid, made.eventBlocks), ops: made.ops, blobs: [], time: '2026-11-24T02:35:13.275Z', tooBig: false, rebase: false,
    });
  };
  for (let made = 0; made < records; made += 100) commit(100);
  for (let index = 0; index < commits; index++) samples.push({ bytes: commit(1), key: keypair.publicKey });
  return samples;
}

function capturedSamples(): Sample[] {
  const capture = readCapture();
  if (capture === null) return [];
  return capture.framesOfA.flatMap((bytes) => {
    const scan = scanFrame(bytes);
    return scan.t === '#commit' ? [{ bytes, key: capture.keyOf(scan.did!, 'A') }] : [];
  });
}

/** Adds up, over slices of the samples, the least time that any round took for the slice: other work on the machine falls out. */
class BestTime {
  readonly #best: number[] = [];

  round<T>(samples: readonly T[], verify: (sample: T) => boolean): void {
    for (let from = 0, slice = 0; from < samples.length; from += sliceLength, slice++) {
      const start = performance.now();
      for (let index = from; index < Math.min(from + sliceLength, samples.length); index++) {
        if (!verify(samples[index]!)) throw new Error('a sample does not verify');
      }
      this.#best[slice] = Math.min(this.#best[slice] ?? Infinity, performance.now() - start);
    }
  }

  get seconds(): number {
    return this.#best.reduce((sum, time) => sum + time, 0) / 1000;
  }
}

/** The bare part of a sample's verification: its own signature, its digest and its key's point laid out beforehand. */
interface Bare {
  readonly signature: Uint8Array;
  readonly digest: Uint8Array;
  readonly point: Uint8Array;
}

function bareOf({ bytes, key }: Sample): Bare {
  const scan = scanFrame(bytes);
  const commit = decodeCommit(readCar(bytes.subarray(scan.blocksOffset, scan.blocksOffset + scan.blocksLength)).blocks.get(decodeCid(bytes, scan.commitOffset))!);
  const { sig, ...unsigned } = commit;
  return { signature: sig, digest: sha256(encode(unsigned)), point: uncompressedPoint(key) };
}

function decodeCid(bytes: Uint8Array, offset: number): Cid {
  return cidFromBytes(bytes.slice(offset, offset + 36));
}

const bare = ({ signature, digest, point }: Bare): boolean => secp256k1.ecdsaVerify(signature, digest, point);
const whole = ({ bytes, key }: Sample): boolean => verifyCommit({ scan: scanFrame(bytes), bytes, key, nowMs }).accepted;

function report(name: string, samples: readonly Sample[]): void {
  const bareSamples = samples.map(bareOf);
  const [wholeTime, bareTime] = [new BestTime(), new BestTime()];
  for (let round = 0; round < rounds; round++) {
    wholeTime.round(samples, whole);
    bareTime.round(bareSamples, bare);
  }
  const [bestWhole, bestBare] = [wholeTime.seconds, bareTime.seconds];
  const bytes = samples.reduce((sum, sample) => sum + sample.bytes.length, 0) / samples.length;
  const line = {
    bench: `verify-commit, ${name}`, figure: Math.round(samples.length / bestWhole), unit: 'commits/s on one core',
    ratio: Number((bestBare / bestWhole).toFixed(3)), against: `bare libsecp256k1, ${Math.round(samples.length / bestBare)} verifications/s`, goal: 0.5, bytesEach: Math.round(bytes),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const captured = capturedSamples();
if (captured.length > 0) report('captured stream', captured);
report('single creates in a repository of 10,000 records', madeUpSamples(10_000, 2_000));
