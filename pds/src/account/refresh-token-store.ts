/**
 * Refresh tokens by their `jti`: which are alive, which token follows which, and what session they belong to.
 * A used token stays alive for a grace time and always leads to the same next `jti`, so that a client which lost the answer,
 * or asked twice at once, is not logged out. A session keeps its name through all its tokens, so that it can be listed and ended.
 * Not here: minting and checking the JWTs, see `session-token.ts`.
 * Source: behaviour of the reference PDS (rotation with two hours of grace).
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** How long a refresh token still works after its first use, in ms. */
export const refreshGraceMs = 2 * 60 * 60 * 1000;

/** What a session was begun with, and by what program. */
export interface SessionOrigin {
  /** Name of the app password; null for the account's own. */
  readonly appPassword: string | null;
  /** What the program calls itself (User-Agent); null when it does not say. */
  readonly agent: string | null;
}

/** A session that can still be renewed. Times are ms since 1970. */
export interface OpenSession extends SessionOrigin {
  readonly id: string;
  readonly beganAtMs: number;
  readonly renewedAtMs: number;
}

/** A token to remember. */
export interface NewRefreshToken extends SessionOrigin {
  readonly jti: string;
  readonly accountId: number;
  readonly expiresAtMs: number;
  readonly session: string;
  readonly beganAtMs: number;
  readonly madeAtMs: number;
}

/** The token that follows a used one, and the session both belong to. */
export interface NextRefreshToken extends SessionOrigin {
  readonly jti: string;
  readonly session: string;
  readonly beganAtMs: number;
}

interface TokenRow {
  account: number;
  expires_at: number;
  next_jti: string | null;
  app_password: string | null;
  session: string | null;
  began_at: number | null;
  agent: string | null;
}

interface SessionRow {
  id: string;
  began_at: number;
  renewed_at: number;
  app_password: string | null;
  agent: string | null;
}

/** Refresh tokens in the database. Every method is synchronous. */
export class RefreshTokenStore {
  readonly #find: Statement<[string], TokenRow>;
  readonly #insert: Statement<[string, number, number, string | null, string, number, number, string | null], unknown>;
  readonly #retire: Statement<[number, string, string], unknown>;
  readonly #deleteExpired: Statement<[number, number], unknown>;
  readonly #deleteOf: Statement<[number, string], unknown>;
  readonly #deleteSession: Statement<[number, string], unknown>;
  readonly #deleteAll: Statement<[number], unknown>;
  readonly #sessions: Statement<[number, number], SessionRow>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT account, expires_at, next_jti, app_password, session, began_at, agent FROM refresh_token WHERE jti = ?');
    this.#insert = database.prepare(
      `INSERT INTO refresh_token (jti, account, expires_at, app_password, session, began_at, made_at, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#retire = database.prepare('UPDATE refresh_token SET expires_at = ?, next_jti = ? WHERE jti = ?');
    this.#deleteExpired = database.prepare('DELETE FROM refresh_token WHERE account = ? AND expires_at <= ?');
    this.#deleteOf = database.prepare('DELETE FROM refresh_token WHERE account = ? AND app_password = ?');
    this.#deleteSession = database.prepare('DELETE FROM refresh_token WHERE account = ? AND coalesce(session, jti) = ?');
    this.#deleteAll = database.prepare('DELETE FROM refresh_token WHERE account = ?');
    this.#sessions = database.prepare(
      `SELECT coalesce(session, jti) AS id, coalesce(min(began_at), 0) AS began_at, coalesce(max(made_at), 0) AS renewed_at, app_password, agent
       FROM refresh_token WHERE account = ? AND expires_at > ? GROUP BY id ORDER BY renewed_at DESC`,
    );
  }

  /** Remembers a token; one that is known already is left as it is. */
  add(token: NewRefreshToken): void {
    const { jti, accountId, expiresAtMs, appPassword, session, beganAtMs, madeAtMs, agent } = token;
    this.#insert.run(jti, accountId, expiresAtMs, appPassword, session, beganAtMs, madeAtMs, agent);
  }

  /**
   * Uses a token: gives the one that follows, or null when the token is unknown, of another account, or past its grace.
   * The first use offers `candidate` as the next; later uses within the grace get what the first use fixed.
   */
  rotate(jti: string, accountId: number, candidate: string, nowMs: number): NextRefreshToken | null {
    this.#deleteExpired.run(accountId, nowMs);
    const row = this.#find.get(jti);
    if (row === undefined || row.account !== accountId) return null;
    const next = row.next_jti ?? candidate;
    this.#retire.run(Math.min(row.expires_at, nowMs + refreshGraceMs), next, jti);
    return { jti: next, session: row.session ?? jti, beganAtMs: row.began_at ?? nowMs, appPassword: row.app_password, agent: row.agent };
  }

  /** Lists the sessions of an account, the last renewed first. */
  sessions(accountId: number, nowMs: number): OpenSession[] {
    return this.#sessions.all(accountId, nowMs).map((row) => ({
      id: row.id, beganAtMs: row.began_at, renewedAtMs: row.renewed_at, appPassword: row.app_password, agent: row.agent,
    }));
  }

  /** Ends the session of a token, with those that came before and after it; nothing happens when it is unknown. */
  revoke(jti: string): void {
    const row = this.#find.get(jti);
    if (row !== undefined) this.#deleteSession.run(row.account, row.session ?? jti);
  }

  /** Ends one session by its name, with all its tokens. */
  revokeSession(accountId: number, session: string): void {
    this.#deleteSession.run(accountId, session);
  }

  /** Ends the sessions an app password began. */
  revokeOf(accountId: number, appPassword: string): void {
    this.#deleteOf.run(accountId, appPassword);
  }

  /** Ends every session of an account. */
  revokeAll(accountId: number): void {
    this.#deleteAll.run(accountId);
  }
}
