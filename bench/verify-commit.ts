/**
 * How many commits a second does one core verify — scan, CAR, hashes, canonical form, signature, inversion — against how many bare
 * libsecp256k1 verifications of the very same signatures? Takes the captured stream when there is one, else a repository made up here and written to.
 * Prints one JSON line a figure; both are measured in turn in the same run, the best of several rounds counts.
 */
import secp256k1 from 'secp256k1';
import { readCar } from '@dunlin/protocol/car/read';
import { uncompressedPoint, type PublicKey } from '@dunlin/protocol/crypto/did-key';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidAt } from '@dunlin/protocol/data/cid';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { verifyCommit } from '@dunlin/protocol/repo/verify-commit';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { readCapture } from '../tests/protocol/repo/capture.ts';
import { frameOf, WrittenRepo, writtenAtMs } from '../tests/protocol/repo/writer.ts';

interface Sample {
  readonly bytes: Uint8Array;
  readonly key: PublicKey;
}

const collections = ['app.bsky.feed.like', 'app.bsky.feed.post', 'app.bsky.graph.follow'];
const rounds = 15;
const sliceLength = 50;
const nowMs = writtenAtMs + 86_400_000;

/** A repository of many records in three collections, and commits of one create each, as most commits in life are. */
function madeUpSamples(records: number, commits: number): Sample[] {
  const repo = new WrittenRepo();
  let micros = 1_700_000_000_000_000;
  const nextPath = (): string => `${collections[micros % 3]!}/${tidFromMicros((micros += 1_000_003), 1)}`;
  for (let made = 0; made < records; made += 100) repo.put(...Array.from({ length: 100 }, nextPath));
  return Array.from({ length: commits }, () => ({ bytes: frameOf(repo.put(nextPath())), key: repo.keypair.publicKey }));
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
  const commit = decodeCommit(readCar(bytes.subarray(scan.blocksOffset, scan.blocksOffset + scan.blocksLength)).blocks.get(cidAt(bytes, scan.commitOffset))!);
  const { sig, ...unsigned } = commit;
  return { signature: sig, digest: sha256(encode(unsigned)), point: uncompressedPoint(key) };
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
