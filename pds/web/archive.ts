/**
 * Reads an archive of an account without loading it: the heads of its files only, then parts of the file as they are asked for.
 * Source: POSIX ustar, as `pds/src/moving/tar.ts` writes it; archives packed again by other programs are read too.
 */

/** An archive. */
export interface Archive {
  readonly did: string;
  readonly handle: string;
  /** Rotation keys that were the old server's. */
  readonly serverKeys: readonly string[];
  /** MIME types by CID, of files whose bytes do not say it. */
  readonly types: Readonly<Record<string, string>>;
  /** Gives a file by its name within the archive, such as `repo.car`, as a part of the whole; null when it is not there. */
  file(name: string, type: string): Blob | null;
  /** How many files there are under `blobs/`. */
  readonly blobs: number;
}

const blockBytes = 512;

/** Heads are read in runs: small files follow each other closely. */
const runBytes = 1_048_576;

/** Reads the heads. @throws Error with a sentence */
export async function readArchive(file: File): Promise<Archive> {
  const found = await readHeads(file);
  const about = found.get('account.json');
  if (about === undefined || !found.has('repo.car')) throw new Error('this is no archive of an account, or it was cut short');
  const { did, handle, serverKeys } = JSON.parse(await file.slice(about.start, about.start + about.bytes).text()) as { did?: unknown; handle?: unknown; serverKeys?: unknown };
  if (typeof did !== 'string' || typeof handle !== 'string') throw new Error('this archive does not say whose it is');
  const typed = found.get('types.json');
  const types = typed === undefined ? {} : (JSON.parse(await file.slice(typed.start, typed.start + typed.bytes).text()) as Record<string, string>);
  return {
    did, handle, types,
    serverKeys: Array.isArray(serverKeys) ? serverKeys.filter((key) => typeof key === 'string') : [],
    blobs: [...found.keys()].filter((name) => name.startsWith('blobs/')).length,
    file(name, type) {
      const place = found.get(name);
      return place === undefined ? null : file.slice(place.start, place.start + place.bytes, type);
    },
  };
}

async function readHeads(file: File): Promise<Map<string, { start: number; bytes: number }>> {
  const found = new Map<string, { start: number; bytes: number }>();
  let run = new Uint8Array(0);
  let runStart = 0;
  for (let at = 0; at + blockBytes <= file.size;) {
    if (at + blockBytes > runStart + run.length) {
      run = new Uint8Array(await file.slice(at, at + runBytes).arrayBuffer());
      runStart = at;
    }
    const head = run.subarray(at - runStart, at - runStart + blockBytes);
    if (head.every((byte) => byte === 0)) return found;
    const { name, bytes, isFile } = readHead(head);
    const start = at + blockBytes;
    if (start + bytes > file.size) break;
    if (isFile) found.set(name, { start, bytes });
    at = start + Math.ceil(bytes / blockBytes) * blockBytes;
  }
  throw new Error('this archive was cut short, or is no archive: download it again if you can');
}

function readHead(head: Uint8Array): { name: string; bytes: number; isFile: boolean } {
  const text = (start: number, end: number): string => new TextDecoder('latin1').decode(head.subarray(start, end)).replace(/\0.*$/s, '');
  if (text(257, 262) !== 'ustar') throw new Error('this is no archive of an account');
  const prefix = text(345, 500);
  const path = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  const bytes = ((head[124] ?? 0) & 0x80) === 0
    ? Number.parseInt(text(124, 136).trim(), 8)
    : head.subarray(128, 136).reduce((sum, byte) => sum * 256 + byte, 0);
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Error('this archive is damaged');
  return { name: path.replace(/^.*?account\//, ''), bytes, isFile: text(156, 157) === '0' || text(156, 157) === '' };
}
