/**
 * The bytes of blobs as objects of an S3 bucket, `<prefix>blocks/<did>/<cid>`.
 * An upload is received into a local temporary file and then put whole; the uploader is answered when the bucket has said yes.
 * Not for a folder (`disk-files.ts`). Source: ours; keys as the reference PDS, so that its bucket can be taken over.
 */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { equalBytes, toHex } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { Cid } from '@dunlin/protocol/data/cid';
import { BlobStorageError, type BlobFiles, type ByteRange, type ListedFile, type ReceivedFile } from './blob-files.ts';
import type { ReceivingFolder } from './receiving.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** Length of a probe, in bytes. */
const probeBytes = 16;

/** Blob files in a bucket. */
export class S3Files implements BlobFiles {
  readonly #bucket: S3Bucket;
  readonly #prefix: string;
  readonly #receiving: ReceivingFolder;
  readonly #close: () => Promise<void>;

  /** `prefix` is empty or ends in a slash; `close` ends the connections. */
  constructor(o: { bucket: S3Bucket; prefix: string; receiving: ReceivingFolder; close: () => Promise<void> }) {
    this.#bucket = o.bucket;
    this.#prefix = o.prefix;
    this.#receiving = o.receiving;
    this.#close = o.close;
  }

  async receive(did: string, body: Readable): Promise<ReceivedFile> {
    const file = await this.#receiving.receive(body);
    const { cid, size, head, path } = file;
    return { cid, size, head, keep: () => this.#bucket.put(this.#key(did, cid), file), discard: () => rm(path, { force: true }) };
  }

  read(did: string, { cid, size }: { cid: Cid; size: number }, range: ByteRange | null = null): Promise<Readable | null> {
    return this.#bucket.get(this.#key(did, cid), size, range);
  }

  sizeOf(did: string, cid: Cid): Promise<number | null> {
    return this.#bucket.sizeOf(this.#key(did, cid));
  }

  async copyTo(did: string, blob: { cid: Cid; size: number }, path: string): Promise<boolean> {
    const body = await this.read(did, blob);
    if (body === null) return false;
    await pipeline(body, createWriteStream(path, { mode: 0o600, flush: true }));
    return true;
  }

  remove(did: string, cid: Cid): Promise<void> {
    return this.#bucket.remove(this.#key(did, cid));
  }

  async *list(did: string): AsyncGenerator<ListedFile, void, undefined> {
    const folder = `${this.#prefix}blocks/${did}/`;
    for await (const { key, size } of this.#bucket.list(folder)) yield { name: key.slice(folder.length), size };
  }

  accounts(): AsyncIterable<string> {
    return this.#bucket.folders(`${this.#prefix}blocks/`);
  }

  async probe(): Promise<void> {
    const key = `${this.#prefix}tmp/probe-${toHex(randomBytes(8))}`;
    const bytes = randomBytes(probeBytes);
    await this.#bucket.putBytes(key, bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of ((await this.#bucket.get(key, probeBytes)) ?? Readable.from([])) as AsyncIterable<Buffer>) chunks.push(chunk);
    if (!equalBytes(Buffer.concat(chunks), bytes)) throw new BlobStorageError('bucket does not give back what was stored', { isRefusal: true });
    await this.#bucket.remove(key);
    // Who may not list is told that everything absent is forbidden, so this must be known beforehand.
    for await (const each of this.#bucket.list(key)) throw new BlobStorageError(`bucket keeps what was removed: ${each.key}`, { isRefusal: true });
  }

  /**
   * Takes over a blob that a reference PDS stored in the same bucket, by a copy within it unless it lies in its place already;
   * one that was taken down lies in another folder there. Gives its size, or null when there is none.
   */
  async adopt(did: string, cid: Cid): Promise<number | null> {
    const key = this.#key(did, cid);
    const present = await this.#bucket.sizeOf(key);
    if (present !== null) return present;
    for (const from of [`blocks/${did}/${cid.toString()}`, `quarantine/${did}/${cid.toString()}`]) {
      if (from !== key && (await this.#bucket.copy(from, key))) return this.#bucket.sizeOf(key);
    }
    return null;
  }

  close(): Promise<void> {
    return this.#close();
  }

  #key(did: string, cid: Cid): string {
    return `${this.#prefix}blocks/${did}/${cid.toString()}`;
  }
}
