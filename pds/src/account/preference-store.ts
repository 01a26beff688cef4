/**
 * Preferences of an account: a list of objects that clients keep here, whole, for every device.
 * Their contents are the clients' business; the namespace is checked by the caller.
 * Source: lexicon app.bsky.actor.putPreferences.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** One preference; its `$type` names its kind. */
export type Preference = Readonly<Record<string, unknown>> & { readonly $type: string };

/** Preferences in the database. Every method is synchronous. */
export class PreferenceStore {
  readonly #find: Statement<[number], string>;
  readonly #put: Statement<[number, string], unknown>;
  readonly #remove: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare<[number], string>('SELECT json FROM preferences WHERE account = ?').pluck();
    this.#put = database.prepare('INSERT INTO preferences (account, json) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET json = excluded.json');
    this.#remove = database.prepare('DELETE FROM preferences WHERE account = ?');
  }

  /** Gives the preferences of an account, in the order they were put. */
  list(accountId: number): Preference[] {
    const json = this.#find.get(accountId);
    return json === undefined ? [] : (JSON.parse(json) as Preference[]);
  }

  /** Puts a whole list in the place of the one before. */
  replace(accountId: number, preferences: readonly Preference[]): void {
    this.#put.run(accountId, JSON.stringify(preferences));
  }

  /** Removes all of them. */
  removeAll(accountId: number): void {
    this.#remove.run(accountId);
  }
}
