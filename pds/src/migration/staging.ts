/**
 * Where the blocks of an import wait until all of them are there: a database file without durability, read and written with flat
 * memory whatever the order of blocks. It also keeps what was learnt of the records while they were checked.
 * Lives for one import; the file goes with `close`, and what a crash left goes when the next one starts (`clearStaging`).
 * Source: ours.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { cidByteLength, cidFromBytes, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { openDatabase, type Database, type Statement } from '@dunlin/service/sqlite/database';
import { cidTagAt } from '../repo/cid-key.ts';
import type { RecordPlace } from '../repo/record-path.ts';
import { stagingIndex, stagingSchema } from './schema.ts';

/** Memory for pages of one staging file, in KiB: while blocks come they are only put behind each other, then they are read in any order. */
const pageCacheKib = { coming: 2_000, sealed: 16_000 } as const;

/** Makes the folder of staging files and empties it of what a crash left. */
export function clearStaging(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
}

/** The blocks of one import. Every method is synchronous. */
export class Staging {
  readonly #path: string;
  readonly #database: Database;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #add: Statement<[number, Uint8Array, Uint8Array], unknown>;
  readonly #addBlob: Statement<[string, string, Uint8Array], unknown>;
  readonly #addLink: Statement<[string, string, string], unknown>;
  #find: Statement<[number, Uint8Array], Buffer> | null = null;
  #size = 0;

  constructor(folder: string) {
    this.#path = join(folder, `import-${toHex(randomBytes(8))}.sqlite`);
    const pragmas = { journal_mode: 'MEMORY', synchronous: 'OFF', locking_mode: 'EXCLUSIVE', cache_size: -pageCacheKib.coming };
    this.#database = openDatabase(this.#path, { migrations: [stagingSchema], pragmas });
    this.#begin = this.#database.prepare('BEGIN');
    this.#commit = this.#database.prepare('COMMIT');
    this.#add = this.#database.prepare('INSERT INTO block (tag, cid, bytes) VALUES (?, ?, ?)');
    this.#addBlob = this.#database.prepare('INSERT INTO named_blob (collection, rkey, cid) VALUES (?, ?, ?)');
    this.#addLink = this.#database.prepare('INSERT INTO link (collection, rkey, subject) VALUES (?, ?, ?)');
    this.#begin.run();
  }

  /** Adds a block; the bytes are copied. A block may come twice. */
  add(cid: Cid, bytes: Uint8Array): void {
    const cidBytes = cidToBytes(cid);
    this.#add.run(cidTagAt(cidBytes, 0), cidBytes, bytes);
    this.#size += bytes.length;
  }

  /** Bytes of all blocks added. */
  get size(): number {
    return this.#size;
  }

  /** Says that every block is there; they can be found from now on. */
  seal(): void {
    this.#commit.run();
    this.#database.exec(`PRAGMA cache_size = ${-pageCacheKib.sealed}`);
    this.#database.exec(stagingIndex);
    this.#find = this.#database.prepare<[number, Uint8Array], Buffer>('SELECT bytes FROM block WHERE tag = ? AND cid = ? LIMIT 1').pluck();
    this.#begin.run();
  }

  /** Gives a block by the 36 bytes of its CID, which may stand within others. */
  getBytes(cidBytes: Uint8Array, offset = 0): Uint8Array | undefined {
    return this.#find?.get(cidTagAt(cidBytes, offset), cidBytes.subarray(offset, offset + cidByteLength));
  }

  /** Remembers that a record names a blob. */
  addBlob({ collection, rkey }: RecordPlace, cid: Cid): void {
    this.#addBlob.run(collection, rkey, cidToBytes(cid));
  }

  /** Remembers what a record points at. */
  addLink({ collection, rkey }: RecordPlace, subject: string): void {
    this.#addLink.run(collection, rkey, subject);
  }

  /** Gives each blob that a record names, in the order they were added. */
  *blobs(): Generator<RecordPlace & { cid: Cid }, void, undefined> {
    const rows = this.#database.prepare<[], RecordPlace & { cid: Buffer }>('SELECT collection, rkey, cid FROM named_blob ORDER BY id');
    for (const row of rows.iterate()) yield { ...row, cid: cidFromBytes(row.cid) };
  }

  /** Gives what each record points at. */
  links(): Iterable<RecordPlace & { subject: string }> {
    return this.#database.prepare<[], RecordPlace & { subject: string }>('SELECT collection, rkey, subject FROM link ORDER BY id').iterate();
  }

  /** Closes and removes the file. */
  close(): void {
    this.#database.close();
    rmSync(this.#path, { force: true });
  }
}
