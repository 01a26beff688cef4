/**
 * The bytes of blobs, as files `<folder>/<did>/<cid>`; a file that has its name is whole and durable.
 * An upload goes to the temporary folder on the same file system, is synced, and is then renamed, so a crash leaves no half blob.
 * Not here: whether a blob is served (`blob-store.ts`). Source: ours; layout as the reference PDS, so that a tree can be taken over.
 */
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { toHex } from '@dunlin/protocol/base/bytes';
import { cidFromDigest, rawCode, type Cid } from '@dunlin/protocol/data/cid';
import { Sha256Stream } from '@dunlin/protocol/crypto/hash';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { sniffBytes } from './sniff.ts';

/** A file that was received and waits for its name. */
export interface ReceivedFile {
  readonly cid: Cid;
  readonly size: number;
  /** The first bytes, for telling its kind. */
  readonly head: Uint8Array;
  /** Gives the file its name among the account's blobs. */
  keep(): Promise<void>;
  /** Throws it away; nothing happens after `keep`. */
  discard(): Promise<void>;
}

/** A part of a file: first byte and length. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** Gives the folder of an account's blobs; each is named by its CID. */
export function accountFolder(folder: string, did: string): string {
  return join(folder, did.replaceAll('/', '_'));
}

/** Blob files in a folder. */
export class BlobFiles {
  readonly #folder: string;
  readonly #temporary: string;

  /** Makes the folders, and empties the temporary one of what a crash left. */
  constructor({ folder, temporary }: { folder: string; temporary: string }) {
    this.#folder = folder;
    this.#temporary = temporary;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    mkdirSync(temporary, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true, force: true });
  }

  /** Receives a stream into a temporary file while hashing it. A fault of the stream (too large, cut short) leaves nothing behind. */
  async receive(did: string, body: Readable): Promise<ReceivedFile> {
    const path = join(this.#temporary, toHex(randomBytes(16)));
    try {
      const { digest, size, head } = await writeHashed(path, body);
      const cid = cidFromDigest(rawCode, digest);
      return { cid, size, head, keep: () => this.#keep(path, did, cid), discard: () => rm(path, { force: true }) };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Reads a file, or a part of it; the stream fails when there is no such file. */
  read(did: string, cid: Cid, range: ByteRange | null = null): Readable {
    const path = join(this.#accountFolder(did), cid.toString());
    return range === null ? createReadStream(path) : createReadStream(path, { start: range.start, end: range.start + range.length - 1 });
  }

  /** Gives the size of a file in bytes, or null when there is none. */
  async sizeOf(did: string, cid: Cid): Promise<number | null> {
    try {
      return (await stat(join(this.#accountFolder(did), cid.toString()))).size;
    } catch {
      return null;
    }
  }

  /** Removes a file; nothing happens when there is none. */
  async remove(did: string, cid: Cid): Promise<void> {
    await rm(join(this.#accountFolder(did), cid.toString()), { force: true });
  }

  /** Removes all files of an account. */
  async removeAll(did: string): Promise<void> {
    await rm(this.#accountFolder(did), { recursive: true, force: true });
  }

  async #keep(path: string, did: string, cid: Cid): Promise<void> {
    const folder = this.#accountFolder(did);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rename(path, join(folder, cid.toString()));
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #accountFolder(did: string): string {
    return accountFolder(this.#folder, did);
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
