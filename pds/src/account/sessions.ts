/**
 * Sessions: begun with a password, renewed with a refresh token, ended with it.
 * Every refresh token that is handed out is durable first. Not here: HTTP and its errors (`api/server`).
 * Source: behaviour of the reference PDS; rotation with grace is explained in `refresh-token-store.ts`.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Account } from './account.ts';
import type { AccountStore } from './account-store.ts';
import type { PasswordCheck } from './password-check.ts';
import type { RefreshTokenStore } from './refresh-token-store.ts';
import { newRefreshId, type AccessScope, type MintedRefresh, type RefreshClaims, type SessionTokens } from './session-token.ts';

/** The pair of tokens a client gets. */
export interface TokenPair {
  readonly accessJwt: string;
  readonly refreshJwt: string;
}

/** Longest identifier that is looked up, in characters: a DID may have 2,048. */
const maxIdentifierLength = 2_048;

/** Begins, renews and ends sessions. */
export class Sessions {
  readonly #accounts: AccountStore;
  readonly #refreshTokens: RefreshTokenStore;
  readonly #tokens: SessionTokens;
  readonly #passwords: PasswordCheck;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;

  constructor(o: {
    accounts: AccountStore; refreshTokens: RefreshTokenStore; tokens: SessionTokens;
    passwords: PasswordCheck; groups: GroupCommit; clock: Clock;
  }) {
    this.#accounts = o.accounts;
    this.#refreshTokens = o.refreshTokens;
    this.#tokens = o.tokens;
    this.#passwords = o.passwords;
    this.#groups = o.groups;
    this.#clock = o.clock;
  }

  /** Gives the account that an identifier (handle, e-mail address or DID, in any case of letters) and a password belong to, or null. */
  async authenticate(identifier: string, password: string): Promise<Account | null> {
    const name = identifier.trim();
    const account = name.length <= maxIdentifierLength ? this.#find(name) : null;
    const stored = account ? this.#accounts.passwordHash(account.id) : null;
    return (await this.#passwords.matches(password, stored)) ? account : null;
  }

  /** Begins a session and resolves with its tokens when they are durable. */
  begin(account: Account): Promise<TokenPair> {
    const refresh = this.#tokens.mintRefresh(account.did, newRefreshId());
    return this.#groups.write(() => this.remember(account.id, refresh, account.did));
  }

  /** Gives tokens for an account that was taken down: they let it leave, and cannot be renewed. */
  beginTakendown(account: Account): TokenPair {
    return this.#pair(account.did, this.#tokens.mintRefresh(account.did, newRefreshId()), 'com.atproto.takendown');
  }

  /** Remembers a refresh token within a group and gives the pair; for those who make an account and its session in one. */
  remember(accountId: number, refresh: MintedRefresh, did: string): TokenPair {
    this.#refreshTokens.add(refresh.jti, accountId, refresh.expiresAtMs);
    return this.#pair(did, refresh, 'com.atproto.access');
  }

  /** Renews a session; null when its token was revoked or its grace is over. */
  renew(account: Account, claims: RefreshClaims): Promise<TokenPair | null> {
    return this.#groups.write(() => {
      const next = this.#refreshTokens.rotate(claims.jti, account.id, newRefreshId(), this.#clock.nowMs());
      return next === null ? null : this.remember(account.id, this.#tokens.mintRefresh(account.did, next), account.did);
    });
  }

  /** Ends the session of a refresh token; one that has ended already is fine. */
  async end(jti: string): Promise<void> {
    await this.#groups.write(() => this.#refreshTokens.revoke(jti));
  }

  #find(identifier: string): Account | null {
    return this.#accounts.byIdentifier(identifier.startsWith('@') ? identifier.slice(1) : identifier);
  }

  #pair(did: string, refresh: MintedRefresh, scope: AccessScope): TokenPair {
    return { accessJwt: this.#tokens.mintAccess(did, scope), refreshJwt: refresh.token };
  }
}
