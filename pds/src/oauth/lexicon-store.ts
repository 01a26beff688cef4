/**
 * Permission sets that clients asked for by name, as they were last found, so that a renewal does not hang on the network.
 * A name that was not found is remembered for a few minutes, to ask no oftener than that.
 * Not for finding them. Source: LexiconStore of @atproto/oauth-provider.
 */
import type { LexiconData, LexiconStore } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { GroupCommit } from '../sequencer/group-commit.ts';

/** How long a name that was not found is remembered, in ms: what the provider waits before it asks again. */
export const unknownLifeMs = 5 * 60_000;

/** Most permission sets kept; the one refreshed longest ago makes place. */
export const maxLexicons = 2_000;

interface LexiconRow {
  uri: string | null;
  document: string | null;
  created_at: number;
  updated_at: number;
  succeeded_at: number | null;
}

/** Permission sets in the database. Reads are at once, writes resolve when they are durable. */
export class OAuthLexicons implements LexiconStore {
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #find: Statement<[string], LexiconRow>;
  readonly #put: Statement<[string, string | null, string | null, number, number, number | null], unknown>;
  readonly #delete: Statement<[string], unknown>;
  readonly #deleteUnknown: Statement<[number], unknown>;
  readonly #trim: Statement<[number], unknown>;

  constructor(database: Database, groups: GroupCommit, clock: Clock) {
    this.#groups = groups;
    this.#clock = clock;
    this.#find = database.prepare('SELECT uri, document, created_at, updated_at, succeeded_at FROM oauth_lexicon WHERE nsid = ?');
    this.#put = database.prepare(`INSERT INTO oauth_lexicon (nsid, uri, document, created_at, updated_at, succeeded_at) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET uri = excluded.uri, document = excluded.document, created_at = excluded.created_at,
      updated_at = excluded.updated_at, succeeded_at = excluded.succeeded_at`);
    this.#delete = database.prepare('DELETE FROM oauth_lexicon WHERE nsid = ?');
    this.#deleteUnknown = database.prepare('DELETE FROM oauth_lexicon WHERE document IS NULL AND updated_at < ?');
    this.#trim = database.prepare('DELETE FROM oauth_lexicon WHERE nsid IN (SELECT nsid FROM oauth_lexicon ORDER BY updated_at DESC LIMIT -1 OFFSET ?)');
  }

  findLexicon(nsid: string): LexiconData | null {
    const row = this.#find.get(nsid);
    if (row === undefined) return null;
    return {
      createdAt: new Date(row.created_at),
      updatedAt: new Date(row.updated_at),
      lastSucceededAt: row.succeeded_at === null ? null : new Date(row.succeeded_at),
      uri: row.uri,
      lexicon: row.document === null ? null : (JSON.parse(row.document) as LexiconData['lexicon']),
    };
  }

  async storeLexicon(nsid: string, { uri, lexicon, createdAt, updatedAt, lastSucceededAt }: LexiconData): Promise<void> {
    await this.#groups.write(() => {
      this.#deleteUnknown.run(this.#clock.nowMs() - unknownLifeMs);
      this.#put.run(nsid, uri, lexicon && JSON.stringify(lexicon), createdAt.getTime(), updatedAt.getTime(), lastSucceededAt?.getTime() ?? null);
      this.#trim.run(maxLexicons);
    });
  }

  async deleteLexicon(nsid: string): Promise<void> {
    await this.#groups.write(() => this.#delete.run(nsid));
  }
}
