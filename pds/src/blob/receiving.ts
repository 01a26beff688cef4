/**
 * Where uploads arrive: each into a temporary file of its own, hashed on its way, so that no blob is ever whole in memory.
 * What a crash left is removed by `clear`, which only the one process that receives may call.
 * Not for blobs that are kept (`blob-files.ts`). Source: ours.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { toHex } from '@dunlin/protocol/base/bytes';
import { Sha256Stream } from '@dunlin/protocol/crypto/hash';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { cidFromDigest, rawCode, type Cid } from '@dunlin/protocol/data/cid';
import { sniffBytes } from './sniff.ts';

/** A temporary file that is whole and durable. */
export interface TemporaryFile {
  readonly path: string;
  readonly cid: Cid;
  /** SHA-256 of all of it, 32 bytes. */
  readonly digest: Uint8Array;
  readonly size: number;
  /** The first bytes, for telling its kind. */
  readonly head: Uint8Array;
}

/** The folder of uploads under way. */
export class ReceivingFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder, and empties it of what a crash left. */
  clear(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#folder)) rmSync(join(this.#folder, name), { recursive: true, force: true });
  }

  /** Receives a stream; a fault of it leaves nothing behind. */
  async receive(body: Readable): Promise<TemporaryFile> {
    const path = join(this.#folder, toHex(randomBytes(16)));
    try {
      const written = await writeHashed(path, body);
      return { path, cid: cidFromDigest(rawCode, written.digest), ...written };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }
}

async function writeHashed(path: string, body: Readable): Promise<{ digest: Uint8Array; size: number; head: Uint8Array }> {
  const hash = new Sha256Stream();
  let head = Buffer.alloc(0);
  let size = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
      if (head.length < sniffBytes) head = Buffer.concat([head, chunk.subarray(0, sniffBytes - head.length)]);
      let written = 0;
      while (written < chunk.length) written += (await file.write(chunk, written)).bytesWritten;
    }
    await file.sync();
    return { digest: hash.digest(), size, head };
  } finally {
    await file.close();
  }
}
