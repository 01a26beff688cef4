/**
 * What we do with objects of an S3 bucket: head, get, put, copy, delete, list. Keys are whole here, prefix included.
 * A large file goes up in parts, one after another, each hashed and signed by itself; none of it is ever whole in memory.
 * Not for what keys mean (`s3-files.ts`) nor for how a request is sent (`s3-request.ts`). Source: the S3 REST API of AWS.
 */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { toHex, utf8Encode } from '@dunlin/protocol/base/bytes';
import { sha256, Sha256Stream } from '@dunlin/protocol/crypto/hash';
import { BlobStorageError, type ByteRange } from './blob-files.ts';
import { encodeKey, type S3Requests } from './s3-request.ts';
import { errorOf, escapeXml, first, pageOf, type ListedPage } from './s3-xml.ts';

/** A file above this goes up in parts, in bytes. */
export const maxSinglePutBytes = 64 * 1024 * 1024;

/** Length of a part, in bytes; longer when there would be more parts than a bucket takes. */
const partBytes = 16 * 1024 * 1024;
const maxParts = 10_000;

/** A file on disk that is to be stored. */
export interface StorableFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of all of it. */
  readonly digest: Uint8Array;
}

/** One bucket. Every method throws BlobStorageError when it cannot do what it says. */
export class S3Bucket {
  readonly #name: string;
  readonly #reads: S3Requests;
  readonly #writes: S3Requests;

  /** Reads that wait on slow readers must not hold up the rest, so they have connections of their own. */
  constructor({ name, reads, writes }: { name: string; reads: S3Requests; writes: S3Requests }) {
    this.#name = name;
    this.#reads = reads;
    this.#writes = writes;
  }

  /** Gives the size of an object in bytes, or null when there is none. */
  async sizeOf(key: string): Promise<number | null> {
    const found = await this.#writes.textIfPresent({ method: 'HEAD', key });
    return found && Number(found.answer.headers['content-length']);
  }

  /** Opens an object, or a part of it; null when there is none, or one of another size. */
  async get(key: string, size: number, range: ByteRange | null = null): Promise<Readable | null> {
    const part = range === null ? null : { headers: { range: `bytes=${range.start}-${range.start + range.length - 1}` } };
    const answer = await this.#reads.streamIfPresent({ method: 'GET', key, ...part });
    if (answer === null) return null;
    const whole = answer.status === 206 ? /\/(\d+)$/.exec(String(answer.headers['content-range']))?.[1] : answer.headers['content-length'];
    if (answer.status === (range === null ? 200 : 206) && Number(whole) === size) return answer.body;
    answer.body.destroy();
    if (answer.status === 200 && Number(whole) === size) throw new BlobStorageError('bucket does not answer ranges', { isRefusal: true });
    return null;
  }

  /** Stores a file; resolves when the bucket said that it is durable. */
  async put(key: string, { path, size, digest }: StorableFile): Promise<void> {
    if (size > maxSinglePutBytes) return this.#putParts(key, path, size);
    await this.#writes.text({ method: 'PUT', key, body: { open: () => createReadStream(path), length: size, sha256: toHex(digest) } });
  }

  /** Stores a few bytes. */
  async putBytes(key: string, bytes: Uint8Array): Promise<void> {
    await this.#writes.text({ method: 'PUT', key, body: bodyOf(bytes) });
  }

  /** Copies an object within the bucket; false when there is none. */
  async copy(from: string, to: string): Promise<boolean> {
    // Not every service undoes the escape of a colon here; all take the colon.
    const source = `/${this.#name}/${encodeKey(from).replaceAll('%3A', ':')}`;
    const copied = await this.#writes.textIfPresent({ method: 'PUT', key: to, headers: { 'x-amz-copy-source': source } });
    if (copied !== null) refuseError(copied.text);
    return copied !== null;
  }

  /** Removes an object; nothing happens when there is none. */
  async remove(key: string): Promise<void> {
    await this.#writes.textIfPresent({ method: 'DELETE', key });
  }

  /** Lists objects whose keys begin with something, in order. */
  async *list(prefix: string): AsyncGenerator<{ key: string; size: number }, void, undefined> {
    for await (const { objects } of this.#pages({ prefix })) yield* objects;
  }

  /** Gives the names of folders below a prefix, which ends in a slash. */
  async *folders(prefix: string): AsyncGenerator<string, void, undefined> {
    for await (const { prefixes } of this.#pages({ prefix, delimiter: '/' })) {
      for (const each of prefixes) yield each.slice(prefix.length, -1);
    }
  }

  async *#pages(query: Readonly<Record<string, string>>): AsyncGenerator<ListedPage, void, undefined> {
    for (let next: string | null = ''; next !== null;) {
      const { text } = await this.#writes.text({ method: 'GET', key: null, query: { 'list-type': '2', ...query, ...(next !== '' && { 'continuation-token': next }) } });
      const page = pageOf(text);
      if (page === null || page.next === next) throw new BlobStorageError('bucket does not list what it has', { isRefusal: true });
      yield page;
      next = page.next;
    }
  }

  async #putParts(key: string, path: string, size: number): Promise<void> {
    const begun = await this.#writes.text({ method: 'POST', key, query: { uploads: '' } });
    const uploadId = first(begun.text, 'UploadId');
    if (uploadId === null) throw new BlobStorageError('bucket did not begin an upload in parts', { isRefusal: true });
    try {
      const length = Math.max(partBytes, Math.ceil(size / maxParts));
      const tags: string[] = [];
      for (let start = 0; start < size; start += length) {
        const end = Math.min(start + length, size) - 1;
        tags.push(await this.#putPart(key, { uploadId, partNumber: String(tags.length + 1) }, { path, start, end }));
      }
      const parts = tags.map((tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`);
      const body = bodyOf(utf8Encode(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`));
      const { text } = await this.#writes.text({ method: 'POST', key, query: { uploadId }, body });
      refuseError(text);
    } catch (fault) {
      // What is left of it costs room only; the bucket's own rules clear it away when this fails too.
      await this.#writes.textIfPresent({ method: 'DELETE', key, query: { uploadId } }).catch(() => undefined);
      throw fault;
    }
  }

  async #putPart(key: string, query: { uploadId: string; partNumber: string }, { path, start, end }: { path: string; start: number; end: number }): Promise<string> {
    const hash = new Sha256Stream();
    for await (const chunk of createReadStream(path, { start, end }) as AsyncIterable<Buffer>) hash.update(chunk);
    const body = { open: () => createReadStream(path, { start, end }), length: end - start + 1, sha256: toHex(hash.digest()) };
    const { answer } = await this.#writes.text({ method: 'PUT', key, query, body });
    return String(answer.headers['etag']);
  }
}

function bodyOf(bytes: Uint8Array): { open: () => Readable; length: number; sha256: string } {
  return { open: () => Readable.from([bytes]), length: bytes.length, sha256: toHex(sha256(bytes)) };
}

/** A bucket may say 200 before it knows that it will fail. */
function refuseError(text: string): void {
  const { code, message } = errorOf(text);
  if (code !== '') throw new BlobStorageError(`bucket answered ${code}: ${message}`, { isRefusal: false });
}
