/**
 * The rows of intents: changes of identities that a did:plc directory is being asked for, each written before it is asked.
 * Runs on the one connection; whoever changes something here does it inside a group commit. At most one row a DID, at most one a handle.
 * Not here: what becomes of them (`identity-changes.ts`). Source: ours, decisions/0032.
 */
import { parsePlcOperation, type SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** A change that the directory may have taken or not. */
export interface Intent {
  readonly did: string;
  /** Null while there is no account: the DID is made for one to be. */
  readonly accountId: number | null;
  /** Handle that is held for the DID; null when it is to have no other, or the name was let go. */
  readonly handle: string | null;
  /** The 32 private bytes of the k256 key the account is to sign with; null when it keeps its own. */
  readonly signingKey: Uint8Array | null;
  /** What the directory is asked to take. */
  readonly operation: SignedPlcOperation;
  readonly begunAtMs: number;
}

interface Row {
  did: string;
  account: number | null;
  handle: string | null;
  signing_key: Buffer | null;
  operation: string;
  begun_at: number;
}

/** Intents in the database. Every method is synchronous. */
export class IntentStore {
  readonly #find: Statement<[string], Row>;
  readonly #holder: Statement<[string], string>;
  readonly #next: Statement<[string], string>;
  readonly #count: Statement<[], number>;
  readonly #add: Statement<[string, number | null, string | null, Uint8Array | null, string, number], unknown>;
  readonly #letGo: Statement<[string], unknown>;
  readonly #remove: Statement<[string], unknown>;
  readonly #removeOfAccount: Statement<[number], unknown>;
  readonly #removeUnborn: Statement<[], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT did, account, handle, signing_key, operation, begun_at FROM identity_intent WHERE did = ?');
    this.#holder = database.prepare<[string], string>('SELECT did FROM identity_intent WHERE handle = ?').pluck();
    this.#next = database.prepare<[string], string>('SELECT did FROM identity_intent WHERE did > ? ORDER BY did LIMIT 1').pluck();
    this.#count = database.prepare<[], number>('SELECT count(*) FROM identity_intent').pluck();
    this.#add = database.prepare('INSERT INTO identity_intent (did, account, handle, signing_key, operation, begun_at) VALUES (?, ?, ?, ?, ?, ?)');
    this.#letGo = database.prepare('UPDATE identity_intent SET handle = NULL WHERE did = ?');
    this.#remove = database.prepare('DELETE FROM identity_intent WHERE did = ?');
    this.#removeOfAccount = database.prepare('DELETE FROM identity_intent WHERE account = ?');
    this.#removeUnborn = database.prepare('DELETE FROM identity_intent WHERE account IS NULL');
  }

  /** Gives the intent of a DID, or null. */
  find(did: string): Intent | null {
    const row = this.#find.get(did);
    if (row === undefined) return null;
    const { account: accountId, handle, signing_key: signingKey, operation, begun_at: begunAtMs } = row;
    return { did, accountId, handle, signingKey, operation: parsePlcOperation(JSON.parse(operation)), begunAtMs };
  }

  /** Gives the DID that a handle is held for, or null. */
  holderOf(handle: string): string | null {
    return this.#holder.get(handle.toLowerCase()) ?? null;
  }

  /** Gives the first DID with an intent after one ('' for the first of all), or null. */
  after(did: string): string | null {
    return this.#next.get(did) ?? null;
  }

  /** How many there are. */
  count(): number {
    return this.#count.get() ?? 0;
  }

  /** Adds one; a DID that has one already and a handle that is held are the caller's to rule out before. */
  add({ did, accountId, handle, signingKey, operation, begunAtMs }: Intent): void {
    this.#add.run(did, accountId, handle?.toLowerCase() ?? null, signingKey, JSON.stringify(operation), begunAtMs);
  }

  /** Holds the handle no more. */
  letGo(did: string): void {
    this.#letGo.run(did);
  }

  /** Removes the intent of a DID. */
  remove(did: string): void {
    this.#remove.run(did);
  }

  /** Removes those of an account. */
  removeOfAccount(accountId: number): void {
    this.#removeOfAccount.run(accountId);
  }

  /** Removes those of DIDs that have no account. */
  removeUnborn(): void {
    this.#removeUnborn.run();
  }
}
