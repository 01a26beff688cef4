/**
 * Refresh tokens by their `jti`: which are alive, and which token follows which.
 * A used token stays alive for a grace time and always leads to the same next `jti`, so that a client which lost the answer,
 * or asked twice at once, is not logged out. Not here: minting and checking the JWTs, see `session-token.ts`.
 * Source: behaviour of the reference PDS (rotation with two hours of grace).
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** How long a refresh token still works after its first use, in ms. */
export const refreshGraceMs = 2 * 60 * 60 * 1000;

interface TokenRow {
  account: number;
  expires_at: number;
  next_jti: string | null;
}

/** Refresh tokens in the database. Every method is synchronous. */
export class RefreshTokenStore {
  readonly #find: Statement<[string], TokenRow>;
  readonly #insert: Statement<[string, number, number], unknown>;
  readonly #retire: Statement<[number, string, string], unknown>;
  readonly #delete: Statement<[string], unknown>;
  readonly #deleteExpired: Statement<[number, number], unknown>;
  readonly #deleteAll: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT account, expires_at, next_jti FROM refresh_token WHERE jti = ?');
    this.#insert = database.prepare('INSERT INTO refresh_token (jti, account, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    this.#retire = database.prepare('UPDATE refresh_token SET expires_at = ?, next_jti = ? WHERE jti = ?');
    this.#delete = database.prepare('DELETE FROM refresh_token WHERE jti = ?');
    this.#deleteExpired = database.prepare('DELETE FROM refresh_token WHERE account = ? AND expires_at <= ?');
    this.#deleteAll = database.prepare('DELETE FROM refresh_token WHERE account = ?');
  }

  /** Remembers a token; one that is known already is left as it is. */
  add(jti: string, accountId: number, expiresAtMs: number): void {
    this.#insert.run(jti, accountId, expiresAtMs);
  }

  /**
   * Uses a token: gives the `jti` of the one that follows, or null when the token is unknown, of another account, or past its grace.
   * The first use offers `candidate` as the next; later uses within the grace get what the first use fixed.
   */
  rotate(jti: string, accountId: number, candidate: string, nowMs: number): string | null {
    this.#deleteExpired.run(accountId, nowMs);
    const row = this.#find.get(jti);
    if (row === undefined || row.account !== accountId) return null;
    const next = row.next_jti ?? candidate;
    this.#retire.run(Math.min(row.expires_at, nowMs + refreshGraceMs), next, jti);
    return next;
  }

  /** Ends the session of one token; nothing happens when it is unknown. */
  revoke(jti: string): void {
    this.#delete.run(jti);
  }

  /** Ends every session of an account. */
  revokeAll(accountId: number): void {
    this.#deleteAll.run(accountId);
  }
}
