/**
 * Reads a CAR v1 that comes in pieces, block by block, holding one block and one piece at a time.
 * Checks what car/read checks, each block before it is handed on. For imports, getRepo of others, backfill.
 * Closes the source when it is read to its end, when a fault is found, or when the reader of the blocks stops early.
 * Source: ipld.io/specs/transport/car/carv1.
 */
import { ProtocolError } from '../base/errors.ts';
import { maxCarHeaderBytes } from '../base/limits.ts';
import { isSha256At } from '../crypto/hash.ts';
import { cidByteLength, cidAt, isBlockCidAt } from '../data/cid.ts';
import type { Cid } from '../data/cid.ts';
import { parseCarHeader } from './header.ts';
import { fullLimits } from './limits.ts';
import type { CarLimits } from './limits.ts';

/** A CAR that is being read. */
export interface CarStream {
  readonly roots: Cid[];
  /** The blocks in order. Read to the end, or `return()` it, so that the source is closed. The bytes may be views into a larger piece. */
  readonly blocks: AsyncGenerator<readonly [Cid, Uint8Array], void, undefined>;
}

/**
 * Reads the head of a CAR and gives the blocks as they come.
 * @throws ProtocolError InvalidCar, here for the head, from `blocks` for the rest; and whatever the source throws
 */
export async function readCarStream(chunks: AsyncIterable<Uint8Array>, limits: CarLimits = {}): Promise<CarStream> {
  const bounds = fullLimits(limits);
  const reader = new ChunkReader(chunks, bounds.maxBytes);
  try {
    const headerLength = await reader.varint();
    if (headerLength === null) throw new ProtocolError('InvalidCar', 'car is empty');
    if (headerLength > maxCarHeaderBytes) throw new ProtocolError('InvalidCar', `car header is too large: bytes=${headerLength} max=${maxCarHeaderBytes}`);
    const roots = parseCarHeader(await reader.take(headerLength));
    const blocks = readBlocks(reader, bounds);
    const stop = blocks.return.bind(blocks);
    // A generator that was never started runs no `finally`, so the source is closed here.
    blocks.return = async (value) => {
      await reader.close();
      return stop(value);
    };
    return { roots, blocks };
  } catch (fault) {
    await reader.close();
    throw fault;
  }
}

async function* readBlocks(reader: ChunkReader, bounds: Required<CarLimits>): AsyncGenerator<readonly [Cid, Uint8Array], void, undefined> {
  try {
    for (let count = 1; ; count++) {
      const length = await reader.varint();
      if (length === null) return;
      if (count > bounds.maxBlocks) throw new ProtocolError('InvalidCar', `too many blocks: max=${bounds.maxBlocks}`);
      if (length > bounds.maxBlockBytes + cidByteLength) throw new ProtocolError('InvalidCar', `section is too large: bytes=${length} max=${bounds.maxBlockBytes}`);
      const section = await reader.take(length);
      if (!isBlockCidAt(section, 0)) throw new ProtocolError('InvalidCar', `not the cid of a block: block=${count}`);
      const bytes = section.subarray(cidByteLength);
      if (!isSha256At(section, 4, bytes)) throw new ProtocolError('InvalidCar', `block does not hash to its cid: block=${count}`);
      yield [cidAt(section, 0), bytes];
    }
  } finally {
    await reader.close();
  }
}

/** Takes exact numbers of bytes out of pieces of any size. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #bytesLeft: number;
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #isClosed = false;

  constructor(chunks: AsyncIterable<Uint8Array>, maxBytes: number) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#bytesLeft = maxBytes;
  }

  /** Gives the next varint, or null when the source has ended before it. */
  async varint(): Promise<number | null> {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#offset >= this.#chunk.length && !(await this.#advance())) {
        if (shift === 0) return null;
        throw new ProtocolError('InvalidCar', 'car is cut short in a section length');
      }
      const byte = this.#chunk[this.#offset++]!;
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) throw new ProtocolError('InvalidCar', 'section length is not in its shortest form');
      return value;
    }
    throw new ProtocolError('InvalidCar', 'section length is too large');
  }

  /** Gives the next `length` bytes: a view when they lie in one piece, else a copy. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#chunk.length - this.#offset >= length) {
      this.#offset += length;
      return this.#chunk.subarray(this.#offset - length, this.#offset);
    }
    const taken = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      if (this.#offset >= this.#chunk.length && !(await this.#advance())) throw new ProtocolError('InvalidCar', 'car is cut short in a section');
      const part = this.#chunk.subarray(this.#offset, this.#offset + length - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#offset += part.length;
    }
    return taken;
  }

  /** Tells the source that no more is wanted; does nothing the second time. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#chunk = new Uint8Array(0);
    await this.#chunks.return?.();
  }

  async #advance(): Promise<boolean> {
    if (this.#isClosed) return false;
    for (;;) {
      const next = await this.#chunks.next();
      if (next.done) {
        this.#isClosed = true;
        return false;
      }
      const { buffer, byteOffset, byteLength } = next.value;
      if (byteLength === 0) continue;
      this.#bytesLeft -= byteLength;
      if (this.#bytesLeft < 0) throw new ProtocolError('InvalidCar', 'car is too large');
      this.#chunk = new Uint8Array(buffer, byteOffset, byteLength);
      this.#offset = 0;
      return true;
    }
  }
}
