/**
 * Authorization requests under way: pushed by a client, bound to a device, answered by a person, redeemed for a token.
 * A code is redeemed once: taking it removes the request, in one statement. Codes are kept as SHA-256.
 * How many requests there may be, and how large each, is bounded. Source: RequestStore of @atproto/oauth-provider; RFC 9126.
 */
import type { FoundRequestResult, RequestData, RequestId, RequestStore, UpdateRequestData } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { SignInEras } from './sign-in-eras.ts';

/** Most requests kept, of which each lives five minutes; one more takes the place of one that is over, else of the one nobody has opened for longest. */
export const maxOpenRequests = 20_000;

/** Longest parameters of one request, as JSON, in characters. */
export const maxParametersLength = 16_384;

interface RequestRow {
  id: string;
  client_id: string;
  client_auth: string | null;
  parameters: string;
  expires_at: number;
  device: string | null;
  did: string | null;
  code_hash: Buffer | null;
}

/** Requests in the database. Reads are at once, writes resolve when they are durable. */
export class OAuthRequests implements RequestStore {
  readonly #accounts: AccountStore;
  readonly #groups: GroupCommit;
  readonly #eras: SignInEras;
  readonly #clock: Clock;
  readonly #onTaken: (code: string, accountId: number) => void;
  readonly #count: Statement<[], number>;
  readonly #find: Statement<[string], RequestRow>;
  readonly #byCode: Statement<[Uint8Array], RequestRow>;
  readonly #insert: Statement<[string, string, string | null, string, number, string | null], unknown>;
  readonly #update: Statement<[string, number, string | null, number | null, Uint8Array | null, string], unknown>;
  readonly #delete: Statement<[string], unknown>;
  readonly #deleteAll: Statement<[number], unknown>;
  readonly #makePlace: Statement<[number], unknown>;

  /** `onTaken` is told of each code that is taken, within its group. */
  constructor(database: Database, o: { accounts: AccountStore; groups: GroupCommit; eras: SignInEras; clock: Clock; onTaken: (code: string, accountId: number) => void }) {
    this.#accounts = o.accounts;
    this.#groups = o.groups;
    this.#eras = o.eras;
    this.#clock = o.clock;
    this.#onTaken = o.onTaken;
    const rows = 'SELECT oauth_request.*, account.did FROM oauth_request LEFT JOIN account ON account.id = account';
    this.#count = database.prepare<[], number>('SELECT count(*) FROM oauth_request').pluck();
    this.#find = database.prepare(`${rows} WHERE oauth_request.id = ?`);
    this.#byCode = database.prepare(`${rows} WHERE code_hash = ?`);
    this.#insert = database.prepare('INSERT INTO oauth_request (id, client_id, client_auth, parameters, expires_at, device) VALUES (?, ?, ?, ?, ?, ?)');
    this.#update = database.prepare('UPDATE oauth_request SET parameters = ?, expires_at = ?, device = ?, account = ?, code_hash = ? WHERE id = ?');
    this.#delete = database.prepare('DELETE FROM oauth_request WHERE id = ?');
    this.#deleteAll = database.prepare('DELETE FROM oauth_request WHERE account = ?');
    this.#makePlace = database.prepare(`DELETE FROM oauth_request WHERE id = coalesce(
      (SELECT id FROM oauth_request WHERE expires_at < ? ORDER BY expires_at LIMIT 1),
      (SELECT id FROM oauth_request WHERE device IS NULL ORDER BY expires_at LIMIT 1),
      (SELECT id FROM oauth_request ORDER BY expires_at LIMIT 1))`);
  }

  async createRequest(requestId: RequestId, data: RequestData): Promise<void> {
    const parameters = toBoundedJson(data.parameters);
    await this.#groups.write(() => {
      // Anybody may begin as many as they like: who fills the table shall keep nobody from signing in.
      if ((this.#count.get() ?? 0) >= maxOpenRequests) this.#makePlace.run(this.#clock.nowMs());
      this.#insert.run(requestId, data.clientId, data.clientAuth && JSON.stringify(data.clientAuth), parameters, data.expiresAt.getTime(), data.deviceId);
    });
  }

  readRequest(requestId: RequestId): RequestData | null {
    const row = this.#find.get(requestId);
    return row ? toRequest(row, null) : null;
  }

  async updateRequest(requestId: RequestId, changes: UpdateRequestData): Promise<void> {
    await this.#groups.write(() => {
      const row = this.#find.get(requestId);
      if (row === undefined) return;
      const did = changes.did === undefined ? row.did : changes.did;
      const account = did === null ? null : this.#accounts.byDid(did);
      // All sessions may have ended since the provider looked at the browser's.
      if (changes.did && account !== null && row.device !== null && this.#eras.of(row.device, account) !== account.sessionEra) throw new XrpcError(401, 'SignInAgain', 'the sign-in was ended');
      this.#update.run(
        changes.parameters ? toBoundedJson(changes.parameters) : row.parameters,
        changes.expiresAt?.getTime() ?? row.expires_at,
        changes.deviceId === undefined ? row.device : changes.deviceId,
        account?.id ?? null,
        changes.code === undefined ? row.code_hash : changes.code && sha256(changes.code),
        requestId,
      );
    });
  }

  async deleteRequest(requestId: RequestId): Promise<void> {
    await this.#groups.write(() => this.#delete.run(requestId));
  }

  /** Ends the requests an account has answered and no client has redeemed yet; called within a group. */
  deleteAll(accountId: number): void {
    this.#deleteAll.run(accountId);
  }

  consumeRequestCode(code: NonNullable<RequestData['code']>): Promise<FoundRequestResult | null> {
    return this.#groups.write(() => {
      const row = this.#byCode.get(sha256(code));
      if (row === undefined) return null;
      this.#delete.run(row.id);
      const account = row.did === null ? null : this.#accounts.byDid(row.did);
      if (account !== null) this.#onTaken(code, account.id);
      return { requestId: row.id as RequestId, data: toRequest(row, code) };
    });
  }
}

/** `code` is the plain code where it is known; else a row that has one shows that it has, and no more. */
function toRequest(row: RequestRow, code: RequestData['code']): RequestData {
  return {
    clientId: row.client_id,
    clientAuth: row.client_auth === null ? null : (JSON.parse(row.client_auth) as RequestData['clientAuth']),
    parameters: JSON.parse(row.parameters) as RequestData['parameters'],
    expiresAt: new Date(row.expires_at),
    deviceId: row.device as RequestData['deviceId'],
    did: row.did as RequestData['did'],
    code: row.code_hash === null ? null : (code ?? 'cod-given'),
  };
}

function toBoundedJson(parameters: RequestData['parameters']): string {
  const json = JSON.stringify(parameters);
  if (json.length > maxParametersLength) throw new XrpcError(413, 'PayloadTooLarge', `authorization request is too large: characters=${json.length} max=${maxParametersLength}`);
  return json;
}
