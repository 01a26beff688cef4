/**
 * Reads the answer of another service into memory, unpacked, within a bound on either side of the packing.
 * For answers this server changes or explains; others go through as they are.
 * Source: ours.
 */
import { pipeline } from 'node:stream/promises';
import { Readable, Writable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { RawAnswer } from '@dunlin/service/http/raw-exchange';

/** Packings that `readAnswer` undoes, for the accept-encoding of a request whose answer will be read. */
export const readablePackings = ['gzip', 'br', 'deflate', 'zstd'] as const;

/** Most packings on top of one another; each costs memory before the first byte is there. */
const maxPackings = 2;

/** Reads the body. @throws Error when it is too large, cannot be unpacked or is cut short */
export async function readAnswer({ headers, body }: RawAnswer, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const collector = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) return done(new Error(`answer is too large: max=${maxBytes}`));
      chunks.push(chunk);
      done();
    },
  });
  await pipeline([body, ...unpackers(headers['content-encoding']), collector] as [Readable, ...Transform[], Writable]);
  return Buffer.concat(chunks);
}

/** Gives an answer whose body is in memory as it was sent, or, when it is longer than a bound, one that can still go through whole. @throws what the body fails with */
export async function holdAnswer(answer: RawAnswer, maxBytes: number): Promise<{ answer: RawAnswer; held: readonly Buffer[] | null }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const rest = answer.body.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<Buffer>;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    chunks.push(next.value);
    bytes += next.value.length;
    if (bytes > maxBytes) return { answer: { ...answer, body: Readable.from(joined(chunks, rest), { objectMode: false }) }, held: null };
  }
  return { answer: { ...answer, body: Readable.from(chunks, { objectMode: false }) }, held: chunks };
}

async function* joined(chunks: readonly Buffer[], rest: AsyncIterableIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield* chunks;
  yield* rest;
}

function unpackers(encoding: string | string[] | undefined): Transform[] {
  const names = [encoding ?? []].flat().join(',').split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '' && name !== 'identity');
  if (names.length > maxPackings) throw new Error(`answer is packed too often: times=${names.length} max=${maxPackings}`);
  return names.toReversed().map(unpackerOf);
}

function unpackerOf(name: string): Transform {
  switch (name) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      return createInflate();
    case 'zstd':
      return createZstdDecompress();
    default:
      throw new Error(`answer is packed in a way that is not known: ${name.slice(0, 50)}`);
  }
}
