/**
 * The bytes of blobs as files `<folder>/<did>/<cid>`.
 * An upload is renamed from the temporary folder, which lies on the same file system, and its folder is synced.
 * Not for a bucket (`s3-files.ts`). Source: ours; layout as the reference PDS, so that a tree can be taken over.
 */
import { close, constants, createReadStream, fstat, open as openFile } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { toHex } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { Cid } from '@dunlin/protocol/data/cid';
import { makeDurable } from '@dunlin/service/disk/make-durable';
import { BlobStorageError, type BlobFiles, type ByteRange, type ListedFile, type ReceivedFile } from './blob-files.ts';
import type { ReceivingFolder } from './receiving.ts';

const [openFd, statFd, closeFd] = [promisify(openFile), promisify(fstat), promisify(close)];

/** Most bytes of a file that are read at once: fewer calls than Node's 64 KiB, and not much memory a slow reader. */
const maxPieceBytes = 128 * 1024;

/** Folders of the reference that are no accounts'. */
const otherFolders: ReadonlySet<string> = new Set(['quarantine']);

/** Blob files in a folder. */
export class DiskFiles implements BlobFiles {
  readonly #folder: string;
  readonly #receiving: ReceivingFolder;

  /** Opens nothing; the folder is made when the first blob comes. */
  constructor({ folder, receiving }: { folder: string; receiving: ReceivingFolder }) {
    this.#folder = folder;
    this.#receiving = receiving;
  }

  async receive(did: string, body: Readable): Promise<ReceivedFile> {
    const { path, cid, size, head } = await this.#receiving.receive(body);
    return { cid, size, head, keep: () => this.#keep(path, did, cid), discard: () => rm(path, { force: true }) };
  }

  async read(did: string, { cid, size }: { cid: Cid; size: number }, range: ByteRange | null = null): Promise<Readable | null> {
    const path = this.#path(did, cid);
    const fd = await unlessAbsent(openFd(path, 'r'));
    if (fd === null) return null;
    const found = (await statFd(fd)).size;
    if (found !== size || size === 0) {
      await closeFd(fd);
      return found === size ? Readable.from([]) : null;
    }
    const { start, length } = range ?? { start: 0, length: size };
    // A plain descriptor: streams of file handles cost a promise a piece.
    return createReadStream(path, { fd, start, end: start + length - 1, highWaterMark: Math.min(length, maxPieceBytes) });
  }

  async sizeOf(did: string, cid: Cid): Promise<number | null> {
    return (await unlessAbsent(stat(this.#path(did, cid))))?.size ?? null;
  }

  async copyTo(did: string, { cid, size }: { cid: Cid; size: number }, path: string): Promise<boolean> {
    if ((await this.sizeOf(did, cid)) !== size) return false;
    await copyFile(this.#path(did, cid), path, constants.COPYFILE_FICLONE);
    return true;
  }

  async remove(did: string, cid: Cid): Promise<void> {
    await rm(this.#path(did, cid), { force: true });
    // The last one out takes the folder along.
    await rmdir(this.#accountFolder(did)).catch((fault: unknown) => {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((fault as NodeJS.ErrnoException).code ?? '')) throw fault;
    });
  }

  async *list(did: string): AsyncGenerator<ListedFile, void, undefined> {
    const folder = this.#accountFolder(did);
    for (const name of (await unlessAbsent(readdir(folder))) ?? []) {
      const found = await unlessAbsent(stat(join(folder, name)));
      if (found !== null) yield { name, size: found.size };
    }
  }

  async *accounts(): AsyncGenerator<string, void, undefined> {
    const entries = (await unlessAbsent(readdir(this.#folder, { withFileTypes: true }))) ?? [];
    for (const entry of entries) if (entry.isDirectory() && !otherFolders.has(entry.name)) yield entry.name;
  }

  async probe(): Promise<void> {
    const [path, text] = [join(this.#folder, `probe-${toHex(randomBytes(8))}`), toHex(randomBytes(8))];
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(path, text, { mode: 0o600, flush: true });
      if ((await readFile(path, 'utf8')) !== text) throw new Error(`file does not hold what was written: ${path}`);
      await rm(path);
    } catch (fault) {
      throw new BlobStorageError(fault instanceof Error ? fault.message : String(fault), { isRefusal: true, cause: fault });
    }
  }

  async close(): Promise<void> {
    // Nothing stays open.
  }

  async #keep(path: string, did: string, cid: Cid): Promise<void> {
    const folder = this.#accountFolder(did);
    const move = async (): Promise<true> => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rename(path, join(folder, cid.toString()));
      return true;
    };
    // The folder may be taken along by a removal just then.
    if ((await unlessAbsent(move())) === null) await move();
    await makeDurable(folder);
  }

  #accountFolder(did: string): string {
    return join(this.#folder, did.replaceAll('/', '_'));
  }

  #path(did: string, cid: Cid): string {
    return join(this.#accountFolder(did), cid.toString());
  }
}

async function unlessAbsent<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw fault;
  }
}
