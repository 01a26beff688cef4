/**
 * The index as a whole: one SQLite database with a store for each noun, the version of its contents and the stream's cursor.
 * `write` is the only way to change it: rows and cursor become durable together or not at all (docs/invariants.md 12).
 * Not for what events mean (index/) nor for JSON (views/).
 * Source: ours, tables in schema.ts.
 */
import { openDatabase, type Database, type Statement } from '@dunlin/service/sqlite/database';
import type { ReactionSource } from '../reactions/sources.ts';
import { AccountStore } from './account-store.ts';
import { MessageStore } from './message-store.ts';
import { ReactionStore } from './reaction-store.ts';
import { RoomStore } from './room-store.ts';
import { migrations } from './schema.ts';

/** Page cache of SQLite, in KiB (negative is SQLite's way to say KiB). */
const cacheKib = -64_000;

/** The index. */
export class IndexStore {
  readonly accounts: AccountStore;
  readonly reactions: ReactionStore;
  readonly rooms: RoomStore;
  readonly messages: MessageStore;
  readonly #database: Database;
  readonly #readVersion: Statement<[], { version: number }>;
  readonly #raiseVersion: Statement<[]>;
  readonly #readCursor: Statement<[string], { seq: number }>;
  readonly #saveCursor: Statement<[string, number]>;
  #version: number;

  /** Opens or makes the database at the path; ':memory:' for one that is gone afterwards. */
  constructor(path: string, sources: readonly ReactionSource[]) {
    this.#database = openDatabase(path, { migrations, pragmas: { cache_size: cacheKib } });
    this.accounts = new AccountStore(this.#database);
    this.reactions = new ReactionStore(this.#database, sources);
    this.rooms = new RoomStore(this.#database);
    this.messages = new MessageStore(this.#database);
    this.#readVersion = this.#database.prepare('SELECT version FROM version');
    this.#raiseVersion = this.#database.prepare('UPDATE version SET version = version + 1');
    this.#readCursor = this.#database.prepare('SELECT seq FROM cursor WHERE service = ?');
    this.#saveCursor = this.#database.prepare('INSERT INTO cursor (service, seq) VALUES (?, ?) ON CONFLICT (service) DO UPDATE SET seq = excluded.seq');
    this.#version = this.#readVersion.get()?.version ?? 0;
  }

  /** Rises with every write; whoever reads a count reads this beside it. */
  get version(): number {
    return this.#version;
  }

  /** Runs `change` as one transaction, durable when this returns. @throws what `change` throws, with nothing kept */
  write<T>(change: () => T): T {
    try {
      const result = this.#database.transaction(() => {
        this.#raiseVersion.run();
        return change();
      }).immediate();
      this.#version += 1;
      return result;
    } catch (error) {
      this.accounts.forgetIds();
      this.reactions.forgetIds();
      throw error;
    }
  }

  /** Gives the seq up to which the stream of this service is in the index, or null when it was never read. */
  cursor(service: string): number | null {
    return this.#readCursor.get(service)?.seq ?? null;
  }

  /** Moves the cursor; only inside `write`, together with the rows of the same events. */
  saveCursor(service: string, seq: number): void {
    this.#saveCursor.run(service, seq);
  }

  close(): void {
    this.#database.close();
  }
}
