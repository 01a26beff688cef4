/**
 * The rows of did:web DIDs whose documents this server writes.
 * Runs on the one connection; whoever changes something here does it inside a group commit.
 * Not here: documents (`hosted-dids.ts`). Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Another home that a document names. */
export interface OtherHome {
  readonly signingKey: string;
  readonly endpoint: string;
}

/** A DID that is or was written here. */
export interface HostedDid {
  readonly host: string;
  /** Null when the account is gone from here. */
  readonly accountId: number | null;
  readonly handle: string;
  /** Null while it lives here. */
  readonly home: OtherHome | null;
  readonly hasEnded: boolean;
}

interface Row {
  host: string;
  account: number | null;
  handle: string;
  signing_key: string | null;
  endpoint: string | null;
  ended_at: number | null;
}

/** Hosted DIDs in the database. Every method is synchronous. */
export class HostedDidStore {
  readonly #find: Statement<[string], Row>;
  readonly #add: Statement<[string, number, string, number], unknown>;
  readonly #setHome: Statement<[string, string | null, string | null, string], unknown>;
  readonly #leave: Statement<[number], unknown>;
  readonly #end: Statement<[number, number], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT host, account, handle, signing_key, endpoint, ended_at FROM hosted_did WHERE host = ?');
    this.#add = database.prepare('INSERT INTO hosted_did (host, account, handle, created_at) VALUES (?, ?, ?, ?)');
    this.#setHome = database.prepare('UPDATE hosted_did SET handle = ?, signing_key = ?, endpoint = ? WHERE host = ?');
    this.#leave = database.prepare('UPDATE hosted_did SET account = NULL WHERE account = ? AND endpoint IS NOT NULL');
    this.#end = database.prepare('UPDATE hosted_did SET account = NULL, ended_at = ? WHERE account = ?');
  }

  /** Gives the DID of a host name, or null when there never was one. */
  find(host: string): HostedDid | null {
    const row = this.#find.get(host);
    if (row === undefined) return null;
    const { account, handle, signing_key: signingKey, endpoint, ended_at: endedAt } = row;
    return { host, accountId: account, handle, home: signingKey === null || endpoint === null ? null : { signingKey, endpoint }, hasEnded: endedAt !== null };
  }

  /** Adds the DID of an account; a host that is taken is the caller's to rule out before. */
  add(host: string, o: { accountId: number; handle: string; nowMs: number }): void {
    this.#add.run(host, o.accountId, o.handle, o.nowMs);
  }

  /** Says where a DID lives, and under which handle; null is here. */
  setHome(host: string, handle: string, home: OtherHome | null): void {
    this.#setHome.run(handle, home?.signingKey ?? null, home?.endpoint ?? null, host);
  }

  /** Notes that an account is gone: a DID that lives elsewhere goes on, one that lived here has ended. */
  accountGone(accountId: number, nowMs: number): void {
    this.#leave.run(accountId);
    this.#end.run(nowMs, accountId);
  }
}
