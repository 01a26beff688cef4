/**
 * Copies the files of events that go with a copied database, and checks that they hold what its rows say, run by run.
 * They are taken hold of before the database is copied, so that none of those it names goes by age meanwhile. What does change under
 * the copy is events of a deleted account: they are overwritten, and the copied database still shows them. Then it is too old.
 * Not for restoring them into their place: that is a plain copy (`restore.ts`). Source: ours; decision 0027.
 */
import { copyFile, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDurable } from '@dunlin/service/disk/make-durable';
import type { Database } from '@dunlin/service/sqlite/database';
import { eventFilePath, eventFolder, listEventFiles } from '../sequencer/event-files.ts';
import { gapsOf, holdsEvents, RunStore, type EventFile, type PlacedRun } from '../sequencer/run-store.ts';

const pieceBytes = 1024 * 1024;

/** Files of events that stay readable, removed or not, until they are let go of. */
export interface HeldEvents {
  /** Copies what a copied database names; false when the files are not what it says any more. */
  copyTo(folder: string, database: Database): Promise<boolean>;
  letGo(): Promise<void>;
}

/** Takes hold of all files of a data directory. */
export async function holdEvents(dataDirectory: string): Promise<HeldEvents> {
  const from = eventFolder(dataDirectory);
  const held = new Map<number, FileHandle>();
  const letGo = async (): Promise<void> => {
    for (const handle of held.values()) await handle.close();
  };
  try {
    for (const file of listEventFiles(from)) {
      const handle = await openIfThere(eventFilePath(from, file));
      if (handle !== null) held.set(file, handle);
    }
  } catch (error) {
    await letGo();
    throw error;
  }
  const source = async (file: number): Promise<FileHandle | null> => {
    const handle = held.get(file) ?? (await openIfThere(eventFilePath(from, file)));
    if (handle !== null) held.set(file, handle);
    return handle;
  };
  return { letGo, copyTo: (folder, database) => copyAll(database, eventFolder(folder), source) };
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return null;
    throw error;
  }
}

async function copyAll(database: Database, to: string, source: (file: number) => Promise<FileHandle | null>): Promise<boolean> {
  const runs = new RunStore(database);
  const wanted = new Set<string>();
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const file of runs.files()) {
    const path = eventFilePath(to, file.file);
    wanted.add(path);
    const its = runs.runsOf(file);
    if (await isWhole(path, file, its)) continue;
    const handle = await source(file.file);
    if (handle === null) return false;
    await copyStart(handle, file, `${path}.new`);
    await overwrite(`${path}.new`, its);
    if (!(await isWhole(`${path}.new`, file, its))) return false;
    await rename(`${path}.new`, path);
  }
  for (const name of await readdir(to)) if (!wanted.has(join(to, name))) await rm(join(to, name), { force: true });
  return true;
}

/** Copies as much of a file as the rows know; it may be longer by now. */
async function copyStart(from: FileHandle, { bytes }: EventFile, to: string): Promise<void> {
  const target = await open(to, 'w', 0o600);
  try {
    const piece = Buffer.allocUnsafeSlow(pieceBytes);
    for (let at = 0; at < bytes;) {
      const { bytesRead } = await from.read(piece, 0, Math.min(piece.length, bytes - at), at);
      if (bytesRead === 0) return;
      await target.writeFile(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await target.close();
  }
}

/** Overwrites in a copy what was forgotten: the server may not have come to it yet. */
async function overwrite(path: string, runs: readonly PlacedRun[]): Promise<void> {
  const file = await open(path, 'r+');
  try {
    for (const { start, bytes } of runs.flatMap(gapsOf)) await file.write(Buffer.alloc(bytes), 0, bytes, start);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Tells whether a file has the bytes its rows say, and no others. */
async function isWhole(path: string, { bytes }: EventFile, runs: readonly PlacedRun[]): Promise<boolean> {
  const size = await stat(path).then((found) => found.size, () => null);
  if (size !== bytes) return false;
  const handle = await open(path, 'r');
  try {
    for (const run of runs) {
      const read = Buffer.allocUnsafeSlow(run.bytes);
      const { bytesRead } = await handle.read(read, 0, run.bytes, run.start);
      if (bytesRead !== run.bytes || !holds(read, run)) return false;
    }
    return true;
  } finally {
    await handle.close();
  }
}

/** Tells whether the bytes of a run are those of its events, and of those that were forgotten nothing is left. */
function holds(bytes: Buffer, run: PlacedRun): boolean {
  return holdsEvents(bytes, run) && gapsOf(run).every(({ start, bytes: length }) => isZero(bytes.subarray(start - run.start, start - run.start + length)));
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Puts the files of events of a backup in their place. @throws Error when the backup lacks any that its database names */
export async function restoreEvents(from: string, dataDirectory: string, database: Database): Promise<void> {
  const [source, target] = [eventFolder(from), eventFolder(dataDirectory)];
  await mkdir(target, { recursive: true, mode: 0o700 });
  for (const { file, bytes } of new RunStore(database).files()) {
    const size = await stat(eventFilePath(source, file)).then((found) => found.size, () => 0);
    if (size < bytes) throw new Error(`backup lacks events: file=${eventFilePath(source, file)} wanted=${bytes} has=${size}`);
    await copyFile(eventFilePath(source, file), eventFilePath(target, file));
    await makeDurable(eventFilePath(target, file));
  }
  await makeDurable(target);
}
