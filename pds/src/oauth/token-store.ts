/**
 * Tokens given to clients: one row a session of a client, renewed in place; refresh tokens that were used lead to their session.
 * Refresh tokens and codes are kept as SHA-256, so a copy of the database opens no session.
 * Not for signing or checking tokens, which is the provider's. Source: TokenStore of @atproto/oauth-provider.
 */
import type { CreateTokenData, NewTokenData, RefreshToken, TokenData, TokenId, TokenInfo, TokenStore } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import { equalBytes, toHex } from '@dunlin/protocol/base/bytes';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { AccountCards } from './account-card.ts';

/** Most sessions of clients an account has; the one used longest ago makes place. */
export const maxTokensPerAccount = 500;

/** Most codes that were taken and have opened no session yet; the oldest are worth nothing any more. */
const maxTakenCodes = 10_000;

interface TokenRow {
  id: number;
  token_id: string;
  account: number;
  client_id: string;
  client_auth: string;
  parameters: string;
  scope: string;
  device: string | null;
  code_hash: Buffer | null;
  refresh_hash: Buffer | null;
  created_at: number;
  updated_at: number;
  expires_at: number;
}

type NewRow = [string, number, string, string, string, string, string | null, Uint8Array | null, Uint8Array | null, number, number, number];

/** Tokens in the database. Reads are at once, writes resolve when they are durable. */
export class OAuthTokens implements TokenStore {
  readonly #accounts: AccountStore;
  readonly #cards: AccountCards;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  /** Accounts by the digests of codes that were taken: documents are looked up before their sessions begin, and all may be ended meanwhile. */
  readonly #taken = growingCache<string, number>(maxTakenCodes);
  readonly #insert: Statement<NewRow, unknown>;
  readonly #byTokenId: Statement<[string], TokenRow>;
  readonly #byCode: Statement<[Uint8Array], TokenRow>;
  readonly #byRefresh: Statement<[Uint8Array, Uint8Array], TokenRow>;
  readonly #ofAccount: Statement<[number], TokenRow>;
  readonly #rotate: Statement<[string, Uint8Array, string, string, number, number, number], unknown>;
  readonly #retire: Statement<[Uint8Array, number, number], unknown>;
  readonly #isUsed: Statement<[Uint8Array], number>;
  readonly #trim: Statement<[number, number, number], unknown>;
  readonly #delete: Statement<[string], unknown>;
  readonly #deleteAll: Statement<[number], unknown>;

  constructor(database: Database, o: { accounts: AccountStore; cards: AccountCards; groups: GroupCommit; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#cards = o.cards;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#insert = database.prepare(`INSERT INTO oauth_token
      (token_id, account, client_id, client_auth, parameters, scope, device, code_hash, refresh_hash, created_at, updated_at, expires_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#byTokenId = database.prepare('SELECT * FROM oauth_token WHERE token_id = ?');
    this.#byCode = database.prepare('SELECT * FROM oauth_token WHERE code_hash = ?');
    this.#byRefresh = database.prepare(`SELECT * FROM oauth_token WHERE refresh_hash = ?
      OR id = (SELECT token FROM oauth_used_refresh_token WHERE hash = ?) LIMIT 1`);
    this.#ofAccount = database.prepare('SELECT * FROM oauth_token WHERE account = ? ORDER BY updated_at DESC');
    this.#rotate = database.prepare('UPDATE oauth_token SET token_id = ?, refresh_hash = ?, client_auth = ?, scope = ?, updated_at = ?, expires_at = ? WHERE id = ?');
    this.#retire = database.prepare('INSERT INTO oauth_used_refresh_token (hash, token, used_at) VALUES (?, ?, ?)');
    this.#isUsed = database.prepare<[Uint8Array], number>('SELECT count(*) FROM oauth_used_refresh_token WHERE hash = ?').pluck();
    this.#trim = database.prepare(`DELETE FROM oauth_token WHERE account = ? AND id IN
      (SELECT id FROM oauth_token WHERE account = ? ORDER BY updated_at DESC LIMIT -1 OFFSET ?)`);
    this.#delete = database.prepare('DELETE FROM oauth_token WHERE token_id = ?');
    this.#deleteAll = database.prepare('DELETE FROM oauth_token WHERE account = ?');
  }

  async createToken(tokenId: TokenId, data: CreateTokenData, refreshToken?: RefreshToken): Promise<void> {
    await this.#groups.write(() => {
      const account = this.#accounts.byDid(data.did);
      if (account === null) throw new Error('account went away while its client signed in');
      if (data.code !== null && !this.#taken.delete(keyOf(data.code))) throw new XrpcError(400, 'invalid_grant', 'the code is over, or all sessions of the account were ended meanwhile');
      const refreshHash = refreshToken === undefined ? null : sha256(refreshToken);
      if (refreshHash !== null && this.#isUsed.get(refreshHash) !== 0) throw new Error('refresh token was given before');
      this.#insert.run(
        tokenId, account.id, data.clientId, JSON.stringify(data.clientAuth), JSON.stringify(data.parameters), data.scope, data.deviceId,
        data.code === null ? null : sha256(data.code), refreshHash, data.createdAt.getTime(), data.updatedAt.getTime(), data.expiresAt.getTime(),
      );
      this.#trim.run(account.id, account.id, maxTokensPerAccount);
    });
  }

  readToken(tokenId: TokenId): TokenInfo | null {
    return this.#info(this.#byTokenId.get(tokenId), null);
  }

  async deleteToken(tokenId: TokenId): Promise<void> {
    await this.#groups.write(() => this.#delete.run(tokenId));
  }

  async rotateToken(tokenId: TokenId, newTokenId: TokenId, newRefreshToken: RefreshToken, data: NewTokenData): Promise<void> {
    await this.#groups.write(() => {
      const row = this.#byTokenId.get(tokenId);
      // Another renewal came first: whoever shows the old refresh token next ends the session.
      if (row === undefined || row.refresh_hash === null) throw new Error('token was renewed or ended meanwhile');
      this.#retire.run(row.refresh_hash, row.id, this.#clock.nowMs());
      this.#rotate.run(newTokenId, sha256(newRefreshToken), JSON.stringify(data.clientAuth), data.scope, data.updatedAt.getTime(), data.expiresAt.getTime(), row.id);
    });
  }

  findTokenByRefreshToken(refreshToken: RefreshToken): TokenInfo | null {
    const hash = sha256(refreshToken);
    return this.#info(this.#byRefresh.get(hash, hash), refreshToken);
  }

  findTokenByCode(code: NonNullable<TokenData['code']>): TokenInfo | null {
    return this.#info(this.#byCode.get(sha256(code)), null);
  }

  listAccountTokens(did: TokenData['did']): TokenInfo[] {
    const account = this.#accounts.byDid(did);
    return account === null ? [] : this.#ofAccount.all(account.id).flatMap((row) => this.#info(row, null) ?? []);
  }

  /** How many sessions an account's clients have. */
  countOf(accountId: number): number {
    return this.#ofAccount.all(accountId).length;
  }

  /** Notes that a code was taken: it opens one session, unless all of its account are ended before. */
  noteTaken(code: string, accountId: number): void {
    this.#taken.set(keyOf(code), accountId);
  }

  /** Ends every session of an account's clients, also those that are about to begin; called within a group. */
  deleteAll(accountId: number): void {
    for (const [key, holder] of this.#taken) if (holder === accountId) this.#taken.delete(key);
    this.#deleteAll.run(accountId);
  }

  /** `shown` is the refresh token the caller has: it stands in the answer only when it is the present one. */
  #info(row: TokenRow | undefined, shown: RefreshToken | null): TokenInfo | null {
    const account = row === undefined ? null : this.#accounts.byId(row.account);
    if (row === undefined || account === null) return null;
    const isPresent = shown !== null && row.refresh_hash !== null && equalBytes(row.refresh_hash, sha256(shown));
    return { id: row.token_id as TokenId, account: this.#cards.of(account), currentRefreshToken: isPresent ? shown : null, data: toTokenData(row, account.did) };
  }
}

function keyOf(code: string): string {
  return toHex(sha256(code));
}

function toTokenData(row: TokenRow, did: string): TokenData {
  return {
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    expiresAt: new Date(row.expires_at),
    clientId: row.client_id,
    clientAuth: JSON.parse(row.client_auth) as TokenData['clientAuth'],
    deviceId: row.device as TokenData['deviceId'],
    did: did as TokenData['did'],
    parameters: JSON.parse(row.parameters) as TokenData['parameters'],
    details: null,
    code: null,
    scope: row.scope,
  };
}
