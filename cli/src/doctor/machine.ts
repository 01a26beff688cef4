/**
 * What the doctor looks at on the machine: Node, the data folder, room on its disk, open files, the clock.
 * Looks only, but for one file it makes and removes in the data folder. Not for what the network sees (`pds.ts`).
 * Source: ours; bounds are what a PDS of some hundred people takes.
 */
import { readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@dunlin/protocol/base/clock';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';

/** Oldest Node that runs Dunlin. */
const oldestNode = 24;

/** Room below which the doctor warns, and below which it calls it a failure, in bytes. */
const littleRoomBytes = 2 * 1024 ** 3;
const noRoomBytes = 256 * 1024 ** 2;

/** Open files below which the doctor warns. */
const fewOpenFiles = 4_096;

/** How wrong a clock may be, in ms: revisions a few minutes ahead are dropped by relays, and tokens live a minute. */
const skewWarnMs = 5_000;
const skewFailMs = 60_000;

/** Looks at the version of Node. */
export function checkNode(version: string): Finding {
  const isNew = Number(/^v?(\d+)/.exec(version)?.[1] ?? 0) >= oldestNode;
  return isNew ? ok('node', version) : fail('node', version, `install Node ${oldestNode} or later`);
}

/** Looks whether the data folder is there, ours to write, and closed to others. */
export async function checkFolder(folder: string, setting = 'PDS_DATA_DIRECTORY'): Promise<Finding> {
  const check = 'data folder';
  try {
    const { mode } = await stat(folder);
    const probe = join(folder, `doctor-${process.pid}`);
    await writeFile(probe, '', { flag: 'wx', mode: 0o600 });
    await rm(probe);
    if ((mode & 0o077) !== 0) return warn(check, `${folder} is open to other users (mode ${(mode & 0o777).toString(8)})`, `chmod 700 ${folder}: what is inside is the server's alone`);
    return ok(check, folder);
  } catch (fault) {
    const isAbsent = (fault as { code?: unknown } | null)?.code === 'ENOENT';
    return isAbsent
      ? fail(check, `${folder} is not there`, `set ${setting} as the server has it (an absolute path), or start the server once`)
      : fail(check, reasonOf(fault), `give ${folder} to the user the server runs as, and run the doctor as that user`);
  }
}

/** Looks at the room on the disk of a folder. */
export async function checkRoom(folder: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return judgeRoom(bavail * bsize);
  } catch (fault) {
    return warn('disk', reasonOf(fault), 'see the data folder');
  }
}

/** Judges how much room there is. */
export function judgeRoom(bytes: number): Finding {
  const found = `${(bytes / 1024 ** 3).toFixed(1)} GiB free`;
  if (bytes < noRoomBytes) return fail('disk', found, 'make room: writes fail when the disk is full');
  return bytes < littleRoomBytes ? warn('disk', found, 'make room soon, or move the blobs with PDS_BLOBSTORE_DISK_LOCATION') : ok('disk', found);
}

/** Looks at how many files this shell lets a process open; elsewhere than on Linux nothing is found out. */
export async function checkOpenFiles(limitsFile = '/proc/self/limits'): Promise<Finding | null> {
  const text = await readFile(limitsFile, 'utf8').catch(() => '');
  const limit = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  if (limit === undefined) return null;
  return Number(limit) >= fewOpenFiles ? ok('open files', limit) : warn('open files', `at most ${limit}`, 'ulimit -n 65536, or LimitNOFILE=65536 in the unit: each subscriber and caller takes one');
}

/** Compares the clock with the Date of an answer, which is whole seconds. */
export async function checkClock(url: string, { fetch, clock }: { fetch: typeof globalThis.fetch; clock: Clock }): Promise<Finding> {
  try {
    const begin = clock.nowMs();
    const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(10_000) });
    const theirs = Date.parse(answer.headers.get('date') ?? '') + 500;
    if (Number.isNaN(theirs)) return warn('clock', `${url} does not say its time`, 'name another address');
    const skewMs = Math.abs((begin + clock.nowMs()) / 2 - theirs);
    const found = `${(skewMs / 1000).toFixed(1)} s from ${new URL(url).host}`;
    if (skewMs < skewWarnMs) return ok('clock', found);
    const advice = 'let the machine set its clock by NTP (timedatectl set-ntp true)';
    return skewMs < skewFailMs ? warn('clock', found, advice) : fail('clock', found, advice);
  } catch (fault) {
    return warn('clock', `${url}: ${reasonOf(fault)}`, 'name another address');
  }
}
