/**
 * Which clients a person has consented to, and to what, so that they are not asked the same again.
 * Not for tokens (`token-store.ts`): consent stays when a session ends, and goes when all of them
 * are ended at once: whoever had them may have consented too.
 * Source: AccountStore of @atproto/oauth-provider (authorized clients).
 */
import type { AuthorizedClientData, AuthorizedClients, ClientId } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { GroupCommit } from '../sequencer/group-commit.ts';

/** Most clients whose consent is remembered for one account; the one asked longest ago makes place. */
export const maxConsentsPerAccount = 500;

/** Consents in the database. Reads are at once, writes resolve when they are durable. */
export class OAuthConsents {
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #list: Statement<[number], { client_id: string; data: string }>;
  readonly #put: Statement<[number, string, string, number], unknown>;
  readonly #trim: Statement<[number, number, number], unknown>;
  readonly #deleteAll: Statement<[number], unknown>;

  constructor(database: Database, groups: GroupCommit, clock: Clock) {
    this.#groups = groups;
    this.#clock = clock;
    this.#list = database.prepare('SELECT client_id, data FROM oauth_consent WHERE account = ?');
    this.#put = database.prepare(`INSERT INTO oauth_consent (account, client_id, data, updated_at) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at`);
    this.#trim = database.prepare(`DELETE FROM oauth_consent WHERE account = ? AND client_id IN
      (SELECT client_id FROM oauth_consent WHERE account = ? ORDER BY updated_at DESC LIMIT -1 OFFSET ?)`);
    this.#deleteAll = database.prepare('DELETE FROM oauth_consent WHERE account = ?');
  }

  /** Gives what an account consented to, by client. */
  of(accountId: number): AuthorizedClients {
    return new Map(this.#list.all(accountId).map(({ client_id, data }) => [client_id as ClientId, JSON.parse(data) as AuthorizedClientData]));
  }

  /** Forgets every consent of an account; called within a group. */
  deleteAll(accountId: number): void {
    this.#deleteAll.run(accountId);
  }

  /** Remembers a consent. */
  async set(accountId: number, clientId: ClientId, data: AuthorizedClientData): Promise<void> {
    await this.#groups.write(() => {
      this.#put.run(accountId, clientId, JSON.stringify(data), this.#clock.nowMs());
      this.#trim.run(accountId, accountId, maxConsentsPerAccount);
    });
  }
}
