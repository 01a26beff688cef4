/**
 * Everything of an account as one archive: README.txt, account.json, preferences.json, repo.car, each file as blobs/CID, and types.json for
 * files whose bytes do not say what they are.
 * Streamed: the repository from a snapshot, files one after the other from the disk; nothing is gathered, in memory or on disk.
 * Not for who may have it (`archive-tickets.ts`). Bringing it to a server: `pds/web/restore.ts`, or any program that speaks XRPC.
 * Source: ours, docs/decisions/0024-an-archive-and-a-recovery-key.md.
 */
import type { Readable } from 'node:stream';
import type { Clock } from '@dunlin/protocol/base/clock';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import type { Cid } from '@dunlin/protocol/data/cid';
import { TooSlowError } from '@dunlin/service/http/pace';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { PreferenceStore } from '../account/preference-store.ts';
import type { BlobFiles } from '../blob/blob-files.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import { blobMimeType, sniffBytes } from '../blob/sniff.ts';
import type { PlcClient } from '../identity/plc-client.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { RepoExporter } from '../repo/export.ts';
import { archiveReadme, type ArchiveAbout } from './archive-about.ts';
import { ArchivePlaces } from './archive-places.ts';
import { tarEnd, tarHead, tarPadding } from './tar.ts';

/** Most files whose kind is written down; of all others the bytes say it. */
const maxTypes = 10_000;

/** Makes archives. */
export class Archives {
  readonly #exporter: RepoExporter;
  readonly #preferences: PreferenceStore;
  readonly #blobs: BlobStore;
  readonly #files: BlobFiles;
  readonly #plc: PlcClient;
  readonly #server: ServerIdentity;
  readonly #clock: Clock;
  readonly #onFault: (fault: unknown) => void;
  readonly #places: ArchivePlaces;

  /** `onFault` is told when an archive had to be cut short. */
  constructor(o: {
    exporter: RepoExporter; preferences: PreferenceStore; blobs: BlobStore; files: BlobFiles; plc: PlcClient; server: ServerIdentity; clock: Clock;
    onFault: (fault: unknown) => void;
  }) {
    this.#exporter = o.exporter;
    this.#preferences = o.preferences;
    this.#blobs = o.blobs;
    this.#files = o.files;
    this.#plc = o.plc;
    this.#server = o.server;
    this.#clock = o.clock;
    this.#onFault = o.onFault;
    this.#places = new ArchivePlaces(o.clock);
  }

  /** Gives the archive of an account; the reader must read or destroy it. @throws XrpcError 503 NotEnoughResources when too many are made */
  open(account: Account): Readable {
    const gone = new AbortController();
    const stream = this.#places.lend(account.id, this.#write(account, gone.signal));
    stream.once('error', (fault) => {
      if (!gone.signal.aborted && !(fault instanceof TooSlowError)) this.#onFault(fault);
    });
    stream.once('close', () => gone.abort(new Error('the reader of an archive went away')));
    return stream;
  }

  async *#write(account: Account, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const atMs = this.#clock.nowMs();
    const repo = await this.#exporter.exportMeasured(account.id, signal);
    try {
      const about = await this.#about(account, { atMs, rev: repo?.rev ?? null });
      yield* text('README.txt', archiveReadme({ ...about, handle: account.handle }), atMs);
      yield* text('account.json', json(about), atMs);
      yield* text('preferences.json', json({ preferences: this.#preferences.list(account.id) }), atMs);
      if (repo !== null) yield* file('repo.car', repo.bytes, repo.car, atMs);
    } finally {
      repo?.car.destroy();
    }
    const types: Record<string, string> = {};
    for (const page of this.#blobs.search(account.id, { after: null, sinceRev: null })) {
      for (const cid of page) yield* this.#blob(account, cid, { atMs, types });
      // A step may have found nothing new: others have their turn all the same.
      await new Promise((resolve) => void setImmediate(resolve));
      signal.throwIfAborted();
    }
    yield* text('types.json', json(types), atMs);
    yield tarEnd;
  }

  /** A file that is not here, or was taken down, is left out: account.json says how many there should be. */
  async *#blob({ id, did }: Account, cid: Cid, { atMs, types }: { atMs: number; types: Record<string, string> }): AsyncGenerator<Uint8Array, void, undefined> {
    const blob = this.#blobs.find(id, cid);
    const body = blob === null || blob.takedownRef !== null ? null : await this.#files.read(did, { cid, size: blob.size });
    if (blob === null || body === null) return;
    const head: Uint8Array[] = [];
    yield* file(`blobs/${cid.toString()}`, blob.size, withHead(body, head), atMs);
    if (blobMimeType(Buffer.concat(head), null) !== blob.mimeType && Object.keys(types).length < maxTypes) types[cid.toString()] = blob.mimeType;
  }

  async #about({ id, did, handle, createdAtMs }: Account, { atMs, rev }: { atMs: number; rev: string | null }): Promise<ArchiveAbout> {
    const { named, held } = this.#blobs.counts(id);
    return {
      format: 'app.dunlin.archive', version: 1,
      did, handle, server: this.#server.publicUrl, rev,
      createdAt: new Date(createdAtMs).toISOString(), archivedAt: new Date(atMs).toISOString(),
      blobs: held, missingBlobs: named - held,
      serverKeys: this.#plc.rotationKeys(),
      rotationKeys: did.startsWith('did:plc:') ? await this.#rotationKeys(did) : null,
    };
  }

  /** Null when the directory does not say: the archive matters more. */
  async #rotationKeys(did: string): Promise<readonly string[] | null> {
    try {
      return await this.#plc.rotationKeysOf(did);
    } catch (fault) {
      if (fault instanceof XrpcError) return null;
      throw fault;
    }
  }
}

async function* text(name: string, content: string, atMs: number): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = utf8Encode(content);
  yield* file(name, bytes.length, [bytes], atMs);
}

async function* file(name: string, bytes: number, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, modifiedAtMs: number): AsyncGenerator<Uint8Array, void, undefined> {
  yield tarHead({ name: `account/${name}`, bytes, modifiedAtMs });
  let left = bytes;
  for await (const chunk of chunks) {
    left -= chunk.length;
    yield chunk;
  }
  // A file that changed its length would shift everything behind it: the reader must see that the archive is cut short.
  if (left !== 0) throw new Error(`a file of an archive has another length than it had: bytes=${bytes} left=${left}`);
  yield tarPadding(bytes);
}

/** Gives what passes by, and copies the first of it: a piece may be written over when the next is asked for. */
async function* withHead(chunks: AsyncIterable<Uint8Array>, head: Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  let missing = sniffBytes;
  for await (const chunk of chunks) {
    if (missing > 0) {
      head.push(Uint8Array.from(chunk.subarray(0, missing)));
      missing -= Math.min(missing, chunk.length);
    }
    yield chunk;
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
