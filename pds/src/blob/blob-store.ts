/**
 * The rows of blobs: what an account uploaded, and which of its records name which blob.
 * Life of a blob: uploaded (`unused_since` set, not served) → named by a committed record (served) → named by none (unused again)
 * → in the trash after the grace time (`trash-store.ts`). Not here: the bytes (`blob-files.ts`).
 * Source: atproto.com/specs/blob; error names and texts as the reference PDS.
 */
import { cidFromBytes, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** A blob that was uploaded. */
export interface StoredBlob {
  readonly mimeType: string;
  readonly size: number;
  readonly takedownRef: string | null;
  /** Since when no record names it, ms since 1970; null while one does. */
  readonly unusedSinceMs: number | null;
}

/** Whose blob it is. */
export interface BlobOwner {
  readonly id: number;
  readonly did: string;
}

/** A record that names blobs. */
export interface BlobUser {
  readonly collection: string;
  readonly rkey: string;
}

/** A blob that a record names and nobody uploaded. */
export interface MissingBlob {
  readonly cid: Cid;
  readonly collection: string;
  readonly rkey: string;
}

interface BlobRow {
  mime_type: string;
  size: number;
  takedown_ref: string | null;
  unused_since: number | null;
}

/** Uses of blobs that one step of a search looks at: some milliseconds. */
export const usesAtOnce = 2_000;

/** Blobs in the database. Every method is synchronous. */
export class BlobStore {
  readonly #find: Statement<[number, Uint8Array], BlobRow>;
  readonly #isUsed: Statement<[number, Uint8Array], number>;
  readonly #put: Statement<[number, Uint8Array, string, number, number | null, number], unknown>;
  readonly #untrash: Statement<[string, Uint8Array], unknown>;
  readonly #setUnused: Statement<[number, number, Uint8Array], unknown>;
  readonly #setUsed: Statement<[number, Uint8Array], unknown>;
  readonly #setTakedown: Statement<[string | null, number, Uint8Array], unknown>;
  readonly #use: Statement<[number, Uint8Array, string, string, string], unknown>;
  readonly #usedBy: Statement<[number, string, string], Buffer>;
  readonly #users: Statement<[number, Uint8Array, number], BlobUser>;
  readonly #unuse: Statement<[number, string, string], unknown>;
  readonly #usesFrom: Statement<[string, number, Uint8Array, string, string], [cid: Buffer, collection: string, rkey: string, isNewer: number]>;
  readonly #holders: Statement<[], number>;
  readonly #uploads: Statement<[number], { cid: Buffer; size: number; takedown_ref: string | null }>;
  readonly #unusedBytes: Statement<[number], number>;
  readonly #unusedBefore: Statement<[number, number], { account: number; cid: Buffer }>;
  readonly #remove: Statement<[number, Uint8Array], unknown>;
  readonly #removeAll: Statement<[number], unknown>;
  readonly #unuseSome: Statement<[{ account: number; rows: number }], unknown>;
  readonly #unuseAll: Statement<[number], unknown>;
  readonly #setAllUnused: Statement<[number, number], unknown>;
  readonly #countUsed: Statement<[number], number>;
  readonly #countHeld: Statement<[number], number>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT mime_type, size, takedown_ref, unused_since FROM blob WHERE account = ? AND cid = ?');
    this.#isUsed = database.prepare<[number, Uint8Array], number>('SELECT 1 FROM blob_use WHERE account = ? AND cid = ? LIMIT 1').pluck();
    this.#put = database.prepare(
      `INSERT INTO blob (account, cid, mime_type, size, unused_since, was_named) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, cid) DO UPDATE
       SET mime_type = iif(excluded.unused_since IS NULL, mime_type, excluded.mime_type), unused_since = excluded.unused_since`,
    );
    this.#untrash = database.prepare('DELETE FROM blob_trash WHERE did = ? AND cid = ?');
    this.#setUnused = database.prepare('UPDATE blob SET unused_since = ? WHERE account = ? AND cid = ?');
    this.#setUsed = database.prepare('UPDATE blob SET unused_since = NULL, was_named = 1 WHERE account = ? AND cid = ?');
    this.#setTakedown = database.prepare('UPDATE blob SET takedown_ref = ? WHERE account = ? AND cid = ?');
    this.#use = database.prepare(
      `INSERT INTO blob_use (account, cid, collection, rkey, rev) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (account, cid, collection, rkey) DO UPDATE SET rev = excluded.rev`,
    );
    this.#users = database.prepare('SELECT collection, rkey FROM blob_use WHERE account = ? AND cid = ? LIMIT ?');
    this.#usedBy = database
      .prepare<[number, string, string], Buffer>('SELECT cid FROM blob_use WHERE account = ? AND collection = ? AND rkey = ?')
      .pluck();
    this.#unuse = database.prepare('DELETE FROM blob_use WHERE account = ? AND collection = ? AND rkey = ?');
    this.#usesFrom = database
      .prepare<[string, number, Uint8Array, string, string], [Buffer, string, string, number]>(
        `SELECT cid, collection, rkey, rev > ? FROM blob_use WHERE account = ? AND (cid, collection, rkey) > (?, ?, ?) ORDER BY cid, collection, rkey LIMIT ${usesAtOnce}`,
      )
      .raw();
    this.#holders = database.prepare<[], number>('SELECT DISTINCT account FROM blob ORDER BY account').pluck();
    this.#uploads = database.prepare('SELECT cid, size, takedown_ref FROM blob WHERE account = ? ORDER BY cid');
    this.#unusedBytes = database.prepare<[number], number>('SELECT coalesce(sum(size), 0) FROM blob WHERE account = ? AND unused_since IS NOT NULL').pluck();
    this.#unusedBefore = database.prepare('SELECT account, cid FROM blob WHERE unused_since < ? LIMIT ?');
    this.#remove = database.prepare('DELETE FROM blob WHERE account = ? AND cid = ?');
    this.#removeAll = database.prepare('DELETE FROM blob WHERE account = ?');
    this.#unuseSome = database.prepare(`DELETE FROM blob_use WHERE account = :account AND (cid, collection, rkey) IN
      (SELECT cid, collection, rkey FROM blob_use WHERE account = :account LIMIT :rows)`);
    this.#unuseAll = database.prepare('DELETE FROM blob_use WHERE account = ?');
    this.#setAllUnused = database.prepare('UPDATE blob SET unused_since = ? WHERE account = ? AND unused_since IS NULL');
    this.#countUsed = database.prepare<[number], number>('SELECT count(DISTINCT cid) FROM blob_use WHERE account = ?').pluck();
    this.#countHeld = database
      .prepare<[number], number>(
        `SELECT count(*) FROM blob WHERE account = ? AND EXISTS
         (SELECT 1 FROM blob_use WHERE blob_use.account = blob.account AND blob_use.cid = blob.cid)`,
      )
      .pluck();
  }

  /** Gives an uploaded blob, used or not, or null. */
  find(accountId: number, cid: Cid): StoredBlob | null {
    const row = this.#find.get(accountId, cidToBytes(cid));
    return row ? { mimeType: row.mime_type, size: row.size, takedownRef: row.takedown_ref, unusedSinceMs: row.unused_since } : null;
  }

  /** Tells whether some committed record names the blob. */
  isUsed(accountId: number, cid: Cid): boolean {
    return this.#isUsed.get(accountId, cidToBytes(cid)) !== undefined;
  }

  /** Gives some records that name the blob. */
  users(accountId: number, cid: Cid, limit: number): BlobUser[] {
    return this.#users.all(accountId, cidToBytes(cid), limit);
  }

  /**
   * Remembers an upload, and takes it from the trash if it is there. One that is here already keeps its type while records name it,
   * else its grace and type begin anew.
   */
  put({ id, did }: BlobOwner, cid: Cid, blob: { mimeType: string; size: number; nowMs: number }): void {
    const [bytes, isUsed] = [cidToBytes(cid), this.isUsed(id, cid)];
    this.#put.run(id, bytes, blob.mimeType, blob.size, isUsed ? null : blob.nowMs, isUsed ? 1 : 0);
    this.#untrash.run(did, bytes);
  }

  /** Says that a record now names exactly these blobs; those that nobody names any more become unused. */
  setUses(accountId: number, user: BlobUser, cids: readonly Cid[], o: { rev: string; nowMs: number }): void {
    const before = this.#usedBy.all(accountId, user.collection, user.rkey);
    if (before.length > 0) this.#unuse.run(accountId, user.collection, user.rkey);
    for (const cid of cids) this.addUse(accountId, user, cid, o.rev);
    for (const bytes of before) {
      if (this.#isUsed.get(accountId, bytes) === undefined) this.#setUnused.run(o.nowMs, accountId, bytes);
    }
  }

  /** Says that a record names a blob beside those it is known to name. */
  addUse(accountId: number, { collection, rkey }: BlobUser, cid: Cid, rev: string): void {
    const bytes = cidToBytes(cid);
    this.#use.run(accountId, bytes, collection, rkey, rev);
    this.#setUsed.run(accountId, bytes);
  }

  /** Takes a blob down or lifts it with null; false when there is no such blob. */
  setTakedown(accountId: number, cid: Cid, ref: string | null): boolean {
    return this.#setTakedown.run(ref, accountId, cidToBytes(cid)).changes > 0;
  }

  /**
   * Looks for the blobs that records name, or records brought after a revision, in order of CID bytes, behind a cursor. In steps of
   * `usesAtOnce`: there may be millions that are no newer, or millions of records that name one. Gives those of each step, which may be none.
   */
  *search(accountId: number, { after, sinceRev }: { after: Cid | null; sinceRev: string | null }): Generator<Cid[], void, undefined> {
    let given: Buffer | null = null;
    for (const uses of this.#walk(accountId, { after, sinceRev })) {
      const found: Cid[] = [];
      for (const [cid, , , isNewer] of uses) {
        if (isNewer !== 1 || given?.equals(cid)) continue;
        given = cid;
        found.push(cidFromBytes(cid));
      }
      yield found;
    }
  }

  /** Looks for blobs that records name and that were never uploaded, each with the first record that names it, in the same order and steps. */
  *searchMissing(accountId: number, { after }: { after: Cid | null }): Generator<MissingBlob[], void, undefined> {
    let seen: Buffer | null = null;
    for (const uses of this.#walk(accountId, { after, sinceRev: null })) {
      const found: MissingBlob[] = [];
      for (const [cid, collection, rkey] of uses) {
        if (seen?.equals(cid)) continue;
        seen = cid;
        if (this.#find.get(accountId, cid) === undefined) found.push({ cid: cidFromBytes(cid), collection, rkey });
      }
      yield found;
    }
  }

  *#walk(accountId: number, { after, sinceRev }: { after: Cid | null; sinceRev: string | null }): Generator<[cid: Buffer, collection: string, rkey: string, isNewer: number][], void, undefined> {
    // Sorts behind every use of a blob: collections are letters, digits, dots and hyphens.
    let place: [Uint8Array, string, string] = after ? [cidToBytes(after), '~', ''] : [Buffer.alloc(0), '', ''];
    for (;;) {
      const uses = this.#usesFrom.all(sinceRev ?? '', accountId, ...place);
      yield uses;
      const last = uses.at(-1);
      if (last === undefined || uses.length < usesAtOnce) return;
      place = [last[0], last[1], last[2]];
    }
  }

  /** Gives every account that has uploads. */
  holders(): number[] {
    return this.#holders.all();
  }

  /** Gives the uploads of an account, used or not. */
  uploads(accountId: number): { cid: Cid; size: number; takedownRef: string | null }[] {
    return this.#uploads.all(accountId).map(({ cid, size, takedown_ref: takedownRef }) => ({ cid: cidFromBytes(cid), size, takedownRef }));
  }

  /** Gives how many bytes an account has uploaded that no record names. */
  unusedBytes(accountId: number): number {
    return this.#unusedBytes.get(accountId) ?? 0;
  }

  /** Gives some blobs that nobody has named since before a moment. */
  unusedBefore(ms: number, limit: number): { accountId: number; cid: Cid }[] {
    return this.#unusedBefore.all(ms, limit).map(({ account, cid }) => ({ accountId: account, cid: cidFromBytes(cid) }));
  }

  /** Forgets an upload. */
  remove(accountId: number, cid: Cid): void {
    this.#remove.run(accountId, cidToBytes(cid));
  }

  /** Forgets up to so many blobs that records name, for whom `unuseAll` is to follow; false when there was none left. */
  unuseSome(account: number, rows: number): boolean {
    return this.#unuseSome.run({ account, rows }).changes > 0;
  }

  /** Says that no record of an account names a blob any more; the uploads stay for their grace. */
  unuseAll(accountId: number, nowMs: number): void {
    this.#unuseAll.run(accountId);
    this.#setAllUnused.run(nowMs, accountId);
  }

  /** Forgets everything of an account. */
  removeAll(accountId: number): void {
    this.#unuseAll.run(accountId);
    this.#removeAll.run(accountId);
  }

  /** How many distinct blobs records name, and how many of those were uploaded. */
  counts(accountId: number): { named: number; held: number } {
    return { named: this.#countUsed.get(accountId) ?? 0, held: this.#countHeld.get(accountId) ?? 0 };
  }
}
