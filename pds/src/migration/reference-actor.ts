/**
 * Reads one account's folder of a reference PDS: its repository as a CAR, its signing key, its blobs, its preferences.
 * Only reads. Not for accounts as the server keeps them (`reference-data.ts`).
 * Source: layout of packages/pds of the reference (store.sqlite, key).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CarBlock } from '@dunlin/protocol/car/write';
import { writeCarStream } from '@dunlin/protocol/car/write';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';

/** A blob as the reference keeps it. */
export interface ReferenceBlob {
  readonly cid: Cid;
  readonly mimeType: string;
  readonly takedownRef: string | null;
  /** Where its bytes are; null when the file is missing. */
  readonly path: string | null;
}

/** One account's folder. */
export class ReferenceActor {
  readonly #folder: string;
  readonly #blobFolders: readonly string[];
  readonly #database: Database;

  /** Blobs that were taken down lie in the second of the blob folders. */
  constructor(folder: string, ...blobFolders: string[]) {
    this.#folder = folder;
    this.#blobFolders = blobFolders;
    this.#database = openDatabase(join(folder, 'store.sqlite'), { migrations: [], readonly: true });
  }

  /** Gives the private bytes of its signing key. */
  signingKey(): Uint8Array {
    return readFileSync(join(this.#folder, 'key'));
  }

  /** Gives the repository as a CAR, or null when there is none. */
  car(): AsyncIterable<Uint8Array> | null {
    const root = this.#database.prepare<[], string>('SELECT cid FROM repo_root LIMIT 1').pluck().get();
    return root === undefined ? null : writeCarStream(parseCid(root), this.#blocks());
  }

  /** How many records it has. */
  recordCount(): number {
    return this.#database.prepare<[], number>('SELECT count(*) FROM record').pluck().get() ?? 0;
  }

  /** Gives the records that were taken down, by at:// URI. */
  takenDownRecords(): { uri: string; takedownRef: string }[] {
    return this.#database.prepare<[], { uri: string; takedownRef: string }>('SELECT uri, takedownRef FROM record WHERE takedownRef IS NOT NULL').all();
  }

  /** Gives the blobs that were kept for good. */
  blobs(): ReferenceBlob[] {
    const rows = this.#database.prepare<[], { cid: string; mimeType: string; takedownRef: string | null }>('SELECT cid, mimeType, takedownRef FROM blob WHERE tempKey IS NULL');
    return rows.all().map(({ cid, mimeType, takedownRef }) => {
      const path = this.#blobFolders.map((folder) => join(folder, cid)).find((each) => existsSync(each)) ?? null;
      return { cid: parseCid(cid), mimeType, takedownRef, path };
    });
  }

  /** Gives the preferences in their order, each as its JSON text. */
  preferences(): string[] {
    return this.#database.prepare<[], string>('SELECT valueJson FROM account_pref ORDER BY id').pluck().all();
  }

  /** Closes what is open. */
  close(): void {
    this.#database.close();
  }

  *#blocks(): Generator<CarBlock, void, undefined> {
    const rows = this.#database.prepare<[], { cid: string; content: Buffer }>('SELECT cid, content FROM repo_block');
    for (const { cid, content } of rows.iterate()) yield [parseCid(cid), content];
  }
}
