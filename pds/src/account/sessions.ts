/**
 * Sessions: begun with a password, renewed with a refresh token, ended with it.
 * An app password begins sessions too, which can do less and end when it is taken back.
 * Every refresh token that is handed out is durable first. Not here: HTTP and its errors (`api/server`).
 * Source: behaviour of the reference PDS; rotation with grace is explained in `refresh-token-store.ts`.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Account } from './account.ts';
import type { AccountStore } from './account-store.ts';
import type { AppPassword, AppPasswordStore } from './app-password-store.ts';
import type { AppPasswords } from './app-passwords.ts';
import type { PasswordCheck } from './password-check.ts';
import type { NextRefreshToken, OpenSession, RefreshTokenStore } from './refresh-token-store.ts';
import { newRefreshId, type AccessScope, type MintedRefresh, type RefreshClaims, type SessionTokens } from './session-token.ts';

/** The pair of tokens a client gets. */
export interface TokenPair {
  readonly accessJwt: string;
  readonly refreshJwt: string;
}

/** Somebody who gave the right password. */
export interface Authenticated {
  readonly account: Account;
  /** The app password it was; null when it was the account's own. */
  readonly appPassword: AppPassword | null;
}

/** Longest identifier that is looked up, in characters: a DID may have 2,048. */
const maxIdentifierLength = 2_048;

/** Most characters that are kept of what a program calls itself. */
const maxAgentLength = 200;

/** Begins, renews and ends sessions. */
export class Sessions {
  readonly #accounts: AccountStore;
  readonly #refreshTokens: RefreshTokenStore;
  readonly #appPasswordStore: AppPasswordStore;
  readonly #appPasswords: AppPasswords;
  readonly #tokens: SessionTokens;
  readonly #passwords: PasswordCheck;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;

  constructor(o: {
    accounts: AccountStore; refreshTokens: RefreshTokenStore; appPasswordStore: AppPasswordStore; appPasswords: AppPasswords;
    tokens: SessionTokens; passwords: PasswordCheck; groups: GroupCommit; clock: Clock;
  }) {
    this.#accounts = o.accounts;
    this.#refreshTokens = o.refreshTokens;
    this.#appPasswordStore = o.appPasswordStore;
    this.#appPasswords = o.appPasswords;
    this.#tokens = o.tokens;
    this.#passwords = o.passwords;
    this.#groups = o.groups;
    this.#clock = o.clock;
  }

  /**
   * Gives the account that an identifier (handle, e-mail address or DID, in any case of letters) and a password belong to, or null.
   * Every refusal takes the same work and at least the same time. An account that was taken down is reached with its own password only.
   */
  async authenticate(identifier: string, password: string): Promise<Authenticated | null> {
    const startedMs = this.#clock.elapsedMs();
    const name = identifier.trim();
    const account = name.length <= maxIdentifierLength ? this.#find(name) : null;
    const stored = account ? this.#accounts.passwordHash(account.id) : null;
    if (await this.#passwords.compare(password, stored) && account !== null) return { account, appPassword: null };
    const appPassword = await this.#appPasswords.recognise(account, password);
    if (account !== null && appPassword !== null && account.takedownRef === null) return { account, appPassword };
    await this.#passwords.holdRefusal(startedMs);
    return null;
  }

  /**
   * Begins a session and resolves with its tokens when they are durable; `agent` is what the program calls itself.
   * Null when all sessions were ended, or the app password was taken back, since the password was looked at.
   */
  begin({ account, appPassword }: Authenticated, agent: string | null = null): Promise<TokenPair | null> {
    const refresh = this.#tokens.mintRefresh(account.did, newRefreshId());
    return this.#groups.write(() => {
      const isOver = !this.isOfPresentEra(account) || (appPassword !== null && this.#appPasswordStore.find(account.id, appPassword.name) === null);
      return isOver ? null : this.#remember(account, refresh, {
        session: refresh.jti, beganAtMs: this.#clock.nowMs(), appPassword, agent: agent?.slice(0, maxAgentLength) ?? null,
      });
    });
  }

  /** Gives tokens for an account that was taken down: they let it leave, and cannot be renewed. */
  beginTakendown({ did, sessionEra }: Account): TokenPair {
    return { accessJwt: this.#tokens.mintAccess(did, 'com.atproto.takendown', sessionEra), refreshJwt: this.#tokens.mintRefresh(did, newRefreshId()).token };
  }

  /** Tells whether an account's sessions are still of the era in which it was read: not all were ended since. */
  isOfPresentEra(account: Account): boolean {
    return this.#accounts.isOfPresentEra(account);
  }

  /** Gives one name for whatever way an identifier is written, for counting tries: the account's DID, or what nobody has. */
  nameOf(identifier: string): string {
    const name = identifier.trim();
    return (name.length <= maxIdentifierLength ? this.#find(name)?.did : undefined) ?? name.toLowerCase();
  }

  /** Begins the first session of an account within the group that makes it. */
  beginFirst(accountId: number, did: string, refresh: MintedRefresh): TokenPair {
    return this.#remember({ id: accountId, did }, refresh, { session: refresh.jti, beganAtMs: this.#clock.nowMs(), appPassword: null, agent: null });
  }

  /** Renews a session; null when its token or its app password was revoked, or its grace is over. */
  renew(account: Account, claims: RefreshClaims): Promise<TokenPair | null> {
    return this.#groups.write(() => {
      const next = this.#refreshTokens.rotate(claims.jti, account.id, newRefreshId(), this.#clock.nowMs());
      const appPassword = next && this.#appPasswordOf(account.id, next);
      if (next === null || appPassword === undefined) return null;
      return this.#remember(account, this.#tokens.mintRefresh(account.did, next.jti), { ...next, appPassword });
    });
  }

  /** Ends the session of a refresh token; one that has ended already is fine. */
  async end(jti: string): Promise<void> {
    await this.#groups.write(() => this.#refreshTokens.revoke(jti));
  }

  /** Lists the sessions of an account that can still be renewed, the last renewed first. */
  list(accountId: number): OpenSession[] {
    return this.#refreshTokens.sessions(accountId, this.#clock.nowMs());
  }

  /** Ends one of the listed sessions; its access token lives on for at most two hours. */
  async endListed(accountId: number, sessionId: string): Promise<void> {
    await this.#groups.write(() => this.#refreshTokens.revokeSession(accountId, sessionId));
  }

  /** Gives the app password a session was begun with, null for the account's own, undefined for one that was taken back. */
  #appPasswordOf(accountId: number, { appPassword }: NextRefreshToken): AppPassword | null | undefined {
    return appPassword === null ? null : (this.#appPasswordStore.find(accountId, appPassword) ?? undefined);
  }

  #find(identifier: string): Account | null {
    return this.#accounts.byIdentifier(identifier.startsWith('@') ? identifier.slice(1) : identifier);
  }

  #remember(
    { id, did }: { id: number; did: string },
    refresh: MintedRefresh,
    { session, beganAtMs, appPassword, agent }: { session: string; beganAtMs: number; appPassword: AppPassword | null; agent: string | null },
  ): TokenPair {
    const { jti, expiresAtMs } = refresh;
    this.#refreshTokens.add({ jti, accountId: id, expiresAtMs, session, beganAtMs, madeAtMs: this.#clock.nowMs(), appPassword: appPassword?.name ?? null, agent });
    return this.#pair({ id, did }, refresh, scopeOf(appPassword));
  }

  #pair({ id, did }: { id: number; did: string }, refresh: MintedRefresh, scope: AccessScope): TokenPair {
    return { accessJwt: this.#tokens.mintAccess(did, scope, this.#eraOf(id)), refreshJwt: refresh.token };
  }

  #eraOf(accountId: number): number {
    return this.#accounts.byId(accountId)?.sessionEra ?? 0;
  }
}

function scopeOf(appPassword: AppPassword | null): AccessScope {
  if (appPassword === null) return 'com.atproto.access';
  return appPassword.isPrivileged ? 'com.atproto.appPassPrivileged' : 'com.atproto.appPass';
}
