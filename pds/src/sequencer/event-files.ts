/**
 * The files that events go to from the table: nothing but WebSocket frames, side by side, as replay sends them.
 * Only appended to, and overwritten with zeros where an event was forgotten. What lies where say the rows (`run-store.ts`): at the
 * start, bytes no row names are cut off and files no row names are removed; files that lack bytes are damage, and stop the process.
 * Source: ours; decision 0027.
 */
import { closeSync, existsSync, ftruncateSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { makeDurable } from '@dunlin/service/disk/make-durable';
import type { EventFile } from './run-store.ts';

/** Most files that stay open for reading when nobody reads them. */
export const maxOpenFiles = 16;

const names = /^(\d{16})\.frames$/;

/** Gives the folder of event files within a data directory, or a backup. */
export function eventFolder(directory: string): string {
  return join(directory, 'events');
}

/** Gives the path of a file; names sort as their seqs do. */
export function eventFilePath(folder: string, file: number): string {
  return join(folder, `${String(file).padStart(16, '0')}.frames`);
}

/** Gives the files that are in a folder, oldest first; none when it is not there. */
export function listEventFiles(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => names.exec(name)?.slice(1).map(Number) ?? []).sort((a, b) => a - b);
}

interface OpenFile {
  readonly file: number;
  readonly handle: Promise<FileHandle>;
  /** Reads under way. */
  users: number;
}

/** The files of one data directory. */
export class EventFiles {
  readonly #folder: string;
  readonly #open = new Map<number, OpenFile>();

  /** Makes files be what the rows say, after whatever ended the process before. @throws AssertionFailure when bytes are missing */
  constructor(folder: string, known: readonly EventFile[]) {
    this.#folder = folder;
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) syncFolderNow(dirname(folder));
    const isKnown = new Set(known.map(({ file }) => file));
    for (const file of listEventFiles(folder)) if (!isKnown.has(file)) rmSync(eventFilePath(folder, file));
    for (const { file, bytes } of known) cutTo(eventFilePath(folder, file), bytes);
  }

  /** Fills a buffer from a place in a file; false when the file is not there, or ends before. */
  async read(file: number, start: number, target: Buffer): Promise<boolean> {
    const reading = this.#use(file);
    try {
      const handle = await reading.handle;
      for (let done = 0; done < target.length;) {
        const { bytesRead } = await handle.read(target, done, target.length - done, start + done);
        if (bytesRead === 0) return false;
        done += bytesRead;
      }
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    } finally {
      reading.users -= 1;
      await this.#closeIdle(reading);
    }
  }

  /** Writes pieces at the end that the rows know, which is `end`; what is behind it was never told of. Durable when this resolves. */
  async append(file: number, end: number, pieces: readonly Buffer[]): Promise<void> {
    const path = eventFilePath(this.#folder, file);
    const handle = await open(path, end === 0 ? 'w' : 'r+', 0o600);
    try {
      if ((await handle.stat()).size > end) await handle.truncate(end);
      let at = end;
      for (const piece of pieces) {
        await writeAll(handle, piece, at);
        at += piece.length;
      }
      await handle.datasync();
    } finally {
      await handle.close();
    }
    if (end === 0) await makeDurable(this.#folder);
  }

  /** Cuts off what is behind the end that the rows know, if there is anything. */
  async cut(file: number, end: number): Promise<void> {
    if (end === 0) return await this.remove(file);
    const handle = await open(eventFilePath(this.#folder, file), 'r+').catch(nullIfGone);
    try {
      await handle?.truncate(end);
    } finally {
      await handle?.close();
    }
  }

  /** Overwrites ranges with zeros. Durable when this resolves; false when the file is not there. */
  async erase(file: number, ranges: readonly { start: number; bytes: number }[]): Promise<boolean> {
    const handle = await open(eventFilePath(this.#folder, file), 'r+').catch(nullIfGone);
    try {
      for (const { start, bytes } of ranges) if (handle) await writeAll(handle, Buffer.alloc(bytes), start);
      await handle?.datasync();
      return handle !== null;
    } finally {
      await handle?.close();
    }
  }

  /** Removes a file that no row names any more; who reads it finishes. */
  async remove(file: number): Promise<void> {
    await this.#letGo(file);
    await unlink(eventFilePath(this.#folder, file)).catch(nullIfGone);
  }

  /** Closes what is open, reads that are under way after they have ended. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((file) => this.#letGo(file)));
  }

  #use(file: number): OpenFile {
    const reading = this.#open.get(file) ?? { file, handle: open(eventFilePath(this.#folder, file), 'r'), users: 0 };
    reading.users += 1;
    this.#open.delete(file);
    this.#open.set(file, reading);
    return reading;
  }

  /** Closes a file that nobody reads any more when it was let go or could not be opened; if it stays, another when there are too many. */
  async #closeIdle(reading: OpenFile): Promise<void> {
    if (reading.users > 0) return;
    const isOpen = await reading.handle.then(() => true, () => false);
    if (reading.users > 0) return;
    const isKept = this.#open.get(reading.file) === reading;
    if (isKept && isOpen) return await this.#closeOneTooMany();
    if (isKept) this.#open.delete(reading.file);
    if (isOpen) await (await reading.handle).close();
  }

  async #closeOneTooMany(): Promise<void> {
    if (this.#open.size <= maxOpenFiles) return;
    const oldest = this.#open.values().find(({ users }) => users === 0);
    if (oldest !== undefined) await this.#letGo(oldest.file);
  }

  async #letGo(file: number): Promise<void> {
    const reading = this.#open.get(file);
    if (reading === undefined) return;
    this.#open.delete(file);
    await this.#closeIdle(reading);
  }
}

function cutTo(path: string, bytes: number): void {
  const size = existsSync(path) ? statSync(path).size : 0;
  if (size < bytes) throw new AssertionFailure(`events are missing: path=${path} wanted=${bytes} has=${size}; the folder of events belongs to the database beside it, also when it is copied (what helps: dunlin admin pds events fsck)`);
  if (size === bytes) return;
  const file = openSync(path, 'r+');
  try {
    ftruncateSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, start: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, start + done);
    done += bytesWritten;
  }
}

function syncFolderNow(folder: string): void {
  const file = openSync(folder, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Tells that a file was removed. */
function isGone(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ENOENT';
}

function nullIfGone(error: unknown): null {
  if (isGone(error)) return null;
  throw error;
}
