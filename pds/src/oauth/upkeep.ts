/**
 * Removes what OAuth no longer needs: requests that are over, devices nobody signed in on, sessions past any renewal, used-up names.
 * Hourly, and at once when strangers have made very many devices: each visit of a sign-in page without our cookie makes one.
 * Not for what a person ends (`token-store.ts`, `device-store.ts`). Source: ours; lives as the provider's.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { GroupCommit } from '../sequencer/group-commit.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How often old rows are looked for, in ms. */
export const upkeepEveryMs = hourMs;

/** How long a request stays after its end, in ms, so that the page can say that it is over. */
export const requestGraceMs = 10 * 60_000;

/** How long a device stays on which nobody is signed in, in ms. */
export const strangerLifeMs = dayMs;

/** How long a device stays after it was last seen, in ms. */
export const deviceLifeMs = 400 * dayMs;

/** How long a client's session stays after its last renewal, in ms: the longest life of a refresh token and some. */
export const tokenLifeMs = 100 * dayMs;

/** Most devices on which nobody is signed in. */
export const maxStrangers = 50_000;

/** Keeps the OAuth tables small. */
export class OAuthUpkeep {
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #deletes: readonly { statement: Statement<[number], unknown>; ageMs: number }[];
  readonly #trimStrangers: Statement<[number], unknown>;

  constructor(database: Database, groups: GroupCommit, clock: Clock) {
    this.#groups = groups;
    this.#clock = clock;
    const isStranger = 'NOT EXISTS (SELECT 1 FROM oauth_device_account WHERE device = oauth_device.id)';
    this.#deletes = [
      { statement: database.prepare('DELETE FROM oauth_request WHERE expires_at < ?'), ageMs: requestGraceMs },
      { statement: database.prepare('DELETE FROM oauth_device_account WHERE ends_at < ?'), ageMs: 0 },
      { statement: database.prepare(`DELETE FROM oauth_device WHERE last_seen_at < ? AND ${isStranger}`), ageMs: strangerLifeMs },
      { statement: database.prepare('DELETE FROM oauth_device WHERE last_seen_at < ?'), ageMs: deviceLifeMs },
      { statement: database.prepare('DELETE FROM oauth_token WHERE updated_at < ?'), ageMs: tokenLifeMs },
      { statement: database.prepare('DELETE FROM oauth_used_refresh_token WHERE used_at < ?'), ageMs: tokenLifeMs },
    ];
    this.#trimStrangers = database.prepare(`DELETE FROM oauth_device WHERE id IN
      (SELECT id FROM oauth_device WHERE ${isStranger} ORDER BY last_seen_at DESC LIMIT -1 OFFSET ?)`);
  }

  /** Removes what is over. */
  async prune(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    for (const { statement, ageMs } of this.#deletes) await this.#groups.write(() => statement.run(nowMs - ageMs));
    await this.#groups.write(() => this.#trimStrangers.run(maxStrangers));
  }
}
