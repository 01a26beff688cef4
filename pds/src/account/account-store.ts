/**
 * The rows of accounts: look-ups by id, DID, handle and e-mail, and every change of a row.
 * Runs on the one connection; whoever changes something here does it inside a group commit (`sequencer/group-commit.ts`).
 * Not here: sessions, preferences, keys in use. Handles and e-mail addresses are kept in lower case.
 * Source: ours.
 */
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account, InactiveStatus } from './account.ts';

interface AccountRow {
  id: number;
  did: string;
  handle: string;
  email: string | null;
  email_confirmed_at: number | null;
  created_at: number;
  deactivated_at: number | null;
  delete_after: string | null;
  takedown_ref: string | null;
  invites_disabled: number;
  session_era: number;
}

/** What a new account begins with. */
export interface NewAccount {
  readonly did: string;
  readonly handle: string;
  readonly email: string | null;
  readonly passwordHash: string | null;
  /** The 32 private bytes of its k256 signing key. */
  readonly signingKey: Uint8Array;
  readonly createdAtMs: number;
  readonly deactivatedAtMs: number | null;
}

const columns = 'id, did, handle, email, email_confirmed_at, created_at, deactivated_at, delete_after, takedown_ref, invites_disabled, session_era';

/** States of accounts that are here. */
export type ListedState = 'active' | Exclude<InactiveStatus, 'deleted'>;

const stateOfRow = "iif(takedown_ref IS NOT NULL, 'takendown', iif(deactivated_at IS NOT NULL, 'deactivated', 'active'))";

function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    did: row.did,
    handle: row.handle,
    email: row.email,
    emailConfirmedAtMs: row.email_confirmed_at,
    createdAtMs: row.created_at,
    deactivatedAtMs: row.deactivated_at,
    deleteAfter: row.delete_after,
    takedownRef: row.takedown_ref,
    areInvitesDisabled: row.invites_disabled === 1,
    sessionEra: row.session_era,
  };
}

/** Most accounts held in memory. */
const maxCachedAccounts = 10_000;

/** Accounts in the database. Every method is synchronous. */
export class AccountStore {
  readonly #database: Database;
  /** Holds what is durable: filled outside of transactions only, and emptied by every change before it is. */
  readonly #cache = growingCache<number | string, Account>(2 * maxCachedAccounts);
  readonly #byId: Statement<[number], AccountRow>;
  readonly #byDid: Statement<[string], AccountRow>;
  readonly #byHandle: Statement<[string], AccountRow>;
  readonly #byEmail: Statement<[string], AccountRow>;
  readonly #page: Statement<[number, string, number], AccountRow>;
  readonly #search: Statement<[{ email: string; afterId: number; limit: number }], AccountRow>;
  readonly #list: Statement<[{ text: string; as: string; state: string; below: number; limit: number }], AccountRow>;
  readonly #countByState: Statement<[], { state: ListedState; count: number }>;
  readonly #toDelete: Statement<[], AccountRow>;
  readonly #passwordHash: Statement<[number], { password_hash: string | null }>;
  readonly #signingKey: Statement<[number], { signing_key: Buffer }>;
  readonly #insert: Statement<[string, string, string | null, string | null, Uint8Array, number, number | null], unknown>;
  readonly #setHandle: Statement<[string, number], unknown>;
  readonly #setEmail: Statement<[string, number], unknown>;
  readonly #setEmailConfirmed: Statement<[number, number], unknown>;
  readonly #setPasswordHash: Statement<[string | null, number], unknown>;
  readonly #setSigningKey: Statement<[Uint8Array, number], unknown>;
  readonly #setInvitesDisabled: Statement<[number, number], unknown>;
  readonly #endEra: Statement<[number], unknown>;
  readonly #setDeactivated: Statement<[number | null, string | null, number], unknown>;
  readonly #setTakedown: Statement<[string | null, number], unknown>;
  readonly #delete: Statement<[number], unknown>;
  readonly #count: Statement<[], { count: number }>;

  constructor(database: Database) {
    this.#database = database;
    this.#byId = database.prepare(`SELECT ${columns} FROM account WHERE id = ?`);
    this.#byDid = database.prepare(`SELECT ${columns} FROM account WHERE did = ?`);
    this.#byHandle = database.prepare(`SELECT ${columns} FROM account WHERE handle = ?`);
    this.#byEmail = database.prepare(`SELECT ${columns} FROM account WHERE email = ?`);
    this.#page = database.prepare(`SELECT ${columns} FROM account WHERE (created_at, did) > (?, ?) ORDER BY created_at, did LIMIT ?`);
    this.#search = database.prepare(`SELECT ${columns} FROM account WHERE (@email = '' OR instr(email, @email) > 0) AND id > @afterId ORDER BY id LIMIT @limit`);
    this.#list = database.prepare(`SELECT ${columns} FROM account WHERE id < @below AND (@state = '' OR ${stateOfRow} = @state)
      AND (@text = '' OR instr(handle, @text) > 0 OR instr(email, @text) > 0 OR instr(did, @as) > 0) ORDER BY id DESC LIMIT @limit`);
    this.#countByState = database.prepare(`SELECT ${stateOfRow} AS state, count(*) AS count FROM account GROUP BY state`);
    this.#toDelete = database.prepare(`SELECT ${columns} FROM account WHERE delete_after IS NOT NULL AND deactivated_at IS NOT NULL`);
    this.#passwordHash = database.prepare('SELECT password_hash FROM account WHERE id = ?');
    this.#signingKey = database.prepare('SELECT signing_key FROM account WHERE id = ?');
    this.#insert = database.prepare(
      'INSERT INTO account (did, handle, email, password_hash, signing_key, created_at, deactivated_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#setHandle = database.prepare('UPDATE account SET handle = ? WHERE id = ?');
    this.#setEmail = database.prepare('UPDATE account SET email = ?, email_confirmed_at = NULL WHERE id = ?');
    this.#setEmailConfirmed = database.prepare('UPDATE account SET email_confirmed_at = ? WHERE id = ?');
    this.#setPasswordHash = database.prepare('UPDATE account SET password_hash = ? WHERE id = ?');
    this.#setSigningKey = database.prepare('UPDATE account SET signing_key = ? WHERE id = ?');
    this.#setInvitesDisabled = database.prepare('UPDATE account SET invites_disabled = ? WHERE id = ?');
    this.#endEra = database.prepare('UPDATE account SET session_era = session_era + 1 WHERE id = ?');
    this.#setDeactivated = database.prepare('UPDATE account SET deactivated_at = ?, delete_after = ? WHERE id = ?');
    this.#setTakedown = database.prepare('UPDATE account SET takedown_ref = ? WHERE id = ?');
    this.#delete = database.prepare('DELETE FROM account WHERE id = ?');
    this.#count = database.prepare('SELECT count(*) AS count FROM account');
  }

  /** Gives the account with this id, or null. */
  byId(id: number): Account | null {
    return this.#cache.get(id) ?? this.#remember(this.#byId.get(id));
  }

  /** Gives the account with this DID, or null when it lives elsewhere. */
  byDid(did: string): Account | null {
    return this.#cache.get(did) ?? this.#remember(this.#byDid.get(did));
  }

  /** Gives the account with this handle, in any case of letters, or null. */
  byHandle(handle: string): Account | null {
    const row = this.#byHandle.get(handle.toLowerCase());
    return row ? toAccount(row) : null;
  }

  /** Gives the account with this e-mail address, in any case of letters, or null. */
  byEmail(email: string): Account | null {
    const row = this.#byEmail.get(email.toLowerCase());
    return row ? toAccount(row) : null;
  }

  /** Gives the account that a DID, a handle or an e-mail address names, or null. */
  byIdentifier(identifier: string): Account | null {
    if (identifier.startsWith('did:')) return this.byDid(identifier);
    return identifier.includes('@') ? this.byEmail(identifier) : this.byHandle(identifier);
  }

  /** Gives up to `limit` accounts made after the given place, oldest first; the place is exclusive. */
  page(after: { createdAtMs: number; did: string }, limit: number): Account[] {
    return this.#page.all(after.createdAtMs, after.did, limit).map(toAccount);
  }

  /** Gives up to `limit` accounts whose e-mail address contains a text ('' for all), in order of making, after an id (exclusive). */
  search(email: string, afterId: number, limit: number): Account[] {
    return this.#search.all({ email: email.toLowerCase(), afterId, limit }).map(toAccount);
  }

  /** Gives up to `limit` accounts with an id below one, newest first: of a state (null for any) whose handle, address or DID contains a text ('' for all). */
  list({ text, state, below, limit }: { text: string; state: ListedState | null; below: number; limit: number }): Account[] {
    return this.#list.all({ text: text.toLowerCase(), as: text, state: state ?? '', below, limit }).map(toAccount);
  }

  /** How many accounts there are of each state. */
  countByState(): Readonly<Record<ListedState, number>> {
    const counted = Object.fromEntries(this.#countByState.all().map(({ state, count }) => [state, count]));
    return { active: 0, deactivated: 0, takendown: 0, ...counted };
  }

  /** Gives the deactivated accounts that asked to be deleted at some time. */
  withDeletionDate(): Account[] {
    return this.#toDelete.all().map(toAccount);
  }

  /** Gives the stored password hash, or null when the account has none. */
  passwordHash(id: number): string | null {
    return this.#passwordHash.get(id)?.password_hash ?? null;
  }

  /** Gives the 32 private bytes of the signing key, or null when there is no such account. */
  signingKey(id: number): Uint8Array | null {
    return this.#signingKey.get(id)?.signing_key ?? null;
  }

  /** Adds an account and gives its id; a taken DID, handle or e-mail address is the caller's to rule out before. */
  insert(account: NewAccount): number {
    const { did, handle, email, passwordHash, signingKey, createdAtMs, deactivatedAtMs } = account;
    const result = this.#insert.run(
      did,
      handle.toLowerCase(),
      email?.toLowerCase() ?? null,
      passwordHash,
      signingKey,
      createdAtMs,
      deactivatedAtMs,
    );
    return Number(result.lastInsertRowid);
  }

  /** Gives the account another handle. */
  setHandle(id: number, handle: string): void {
    this.#changed(id);
    this.#setHandle.run(handle.toLowerCase(), id);
  }

  /** Gives the account another e-mail address, not confirmed yet; a taken one is the caller's to rule out before. */
  setEmail(id: number, email: string): void {
    this.#changed(id);
    this.#setEmail.run(email.toLowerCase(), id);
  }

  /** Marks the e-mail address as the person's own since a moment. */
  setEmailConfirmed(id: number, atMs: number): void {
    this.#changed(id);
    this.#setEmailConfirmed.run(atMs, id);
  }

  /** Puts another password hash in the place of the old one; null lets no password in. */
  setPasswordHash(id: number, hash: string | null): void {
    this.#setPasswordHash.run(hash, id);
  }

  /** Puts another signing key in the place of the old one. */
  setSigningKey(id: number, privateBytes: Uint8Array): void {
    this.#setSigningKey.run(privateBytes, id);
  }

  /** Says whether the account gets invite codes. */
  setInvitesDisabled(id: number, areDisabled: boolean): void {
    this.#changed(id);
    this.#setInvitesDisabled.run(areDisabled ? 1 : 0, id);
  }

  /** Tells whether an account's sessions are still of the era in which it was read: not all were ended since. */
  isOfPresentEra({ id, sessionEra }: Pick<Account, 'id' | 'sessionEra'>): boolean {
    return this.byId(id)?.sessionEra === sessionEra;
  }

  /** Refuses what a session asked that was ended since it was looked at. @throws XrpcError 400 ExpiredToken */
  checkEra(account: Pick<Account, 'id' | 'sessionEra'>): void {
    if (!this.isOfPresentEra(account)) throw invalidRequest('Token has expired', 'ExpiredToken');
  }

  /** Begins another era: access tokens made until now hold no more. */
  endEra(id: number): void {
    this.#changed(id);
    this.#endEra.run(id);
  }

  /** Marks the account as deactivated since a moment, or as active again with null. */
  setDeactivated(id: number, atMs: number | null, deleteAfter: string | null = null): void {
    this.#changed(id);
    this.#setDeactivated.run(atMs, deleteAfter, id);
  }

  /** Takes the account down under a reference, or lifts the takedown with null. */
  setTakedown(id: number, ref: string | null): void {
    this.#changed(id);
    this.#setTakedown.run(ref, id);
  }

  /** Removes the row. */
  delete(id: number): void {
    this.#changed(id);
    this.#delete.run(id);
  }

  /** How many accounts there are, of any state. */
  count(): number {
    return this.#count.get()?.count ?? 0;
  }

  #remember(row: AccountRow | undefined): Account | null {
    if (row === undefined) return null;
    const account = toAccount(row);
    if (!this.#database.inTransaction) {
      this.#cache.set(account.id, account);
      this.#cache.set(account.did, account);
    }
    return account;
  }

  #changed(id: number): void {
    const did = this.#cache.peek(id)?.did ?? this.#byId.get(id)?.did;
    this.#cache.delete(id);
    if (did !== undefined) this.#cache.delete(did);
  }
}
