/**
 * Reactions as rows, and the counts taken over them: each person once, per source, per value and per class.
 * Not for reading records (reactions/sources.ts) nor for JSON (views/). Accounts that are not visible never count.
 * Source: ours, tables in schema.ts; counting rules in docs/gateway.md.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { LRUCache } from 'lru-cache';
import type { ReactionSource } from '../reactions/sources.ts';

/** People of one source who gave one value. */
export interface SourceTotal {
  readonly collection: string;
  readonly class: string;
  readonly value: string;
  readonly key: string;
  readonly people: number;
}

/** People who gave one value, each once over the sources of a class. */
export interface ValueCount {
  readonly class: string;
  readonly value: string;
  readonly key: string;
  readonly people: number;
}

/** People of a class, each once over all its values and sources. */
export interface ClassCount {
  readonly class: string;
  readonly people: number;
}

/** All counts of a subject. */
export interface SubjectCounts {
  readonly classes: readonly ClassCount[];
  readonly values: readonly ValueCount[];
  readonly totals: readonly SourceTotal[];
}

/** One reaction of one visible person. */
export interface ReactionRow {
  readonly id: number;
  readonly did: string;
  readonly handle: string | null;
  readonly collection: string;
  readonly class: string;
  readonly rkey: string;
  readonly value: string;
  readonly key: string;
  readonly indexedAt: number;
}

/** What a list of reactions is narrowed to. Null: not narrowed. */
export interface ReactionFilter {
  readonly subject: string;
  readonly key: string | null;
  readonly collection: string | null;
  readonly did: string | null;
  /** Only rows older than this id. */
  readonly beforeId: number | null;
  readonly limit: number;
}

/** What is written for one record. */
export interface NewReaction {
  readonly accountId: number;
  readonly collection: string;
  readonly rkey: string;
  readonly subject: string;
  readonly key: string;
  readonly value: string;
  readonly indexedAt: number;
}

/** Most lines in each part of a count (lexicon bound); the largest are kept. */
export const maxCountLines = 64;
const maxCachedSubjects = 50_000;

const counted = `FROM reaction r JOIN source s ON s.id = r.source_id JOIN account a ON a.id = r.account_id
  WHERE r.subject_id = ? AND s.is_counted = 1 AND a.is_visible = 1`;

/** Reads and writes reactions. */
export class ReactionStore {
  readonly #sourceIds = new Map<string, number>();
  readonly #subjectIds = new LRUCache<string, number>({ max: maxCachedSubjects });
  readonly #insertSubject: Statement<[string], { id: number }>;
  readonly #selectSubject: Statement<[string], { id: number }>;
  readonly #upsert: Statement<[number, number, string, number, string, string, number]>;
  readonly #replaced: Statement<[number, number, string], { uri: string }>;
  readonly #remove: Statement<[number, number, string], { uri: string }>;
  readonly #removeAll: Statement<[number]>;
  readonly #subjectsOf: Statement<[number], { uri: string }>;
  readonly #classes: Statement<[number], ClassCount>;
  readonly #values: Statement<[number], ValueCount>;
  readonly #totals: Statement<[number], SourceTotal>;
  readonly #list: Statement<[Record<string, string | number | null>], ReactionRow>;

  /** Brings the table of sources up to date with the configuration. */
  constructor(database: Database, sources: readonly ReactionSource[]) {
    database.transaction(() => {
      database.exec('UPDATE source SET is_counted = 0');
      const insert = database.prepare<[string, string], { id: number }>(
        'INSERT INTO source (collection, class, is_counted) VALUES (?, ?, 1) ON CONFLICT (collection) DO UPDATE SET class = excluded.class, is_counted = 1 RETURNING id',
      );
      for (const source of sources) this.#sourceIds.set(source.collection, insert.get(source.collection, source.class)?.id ?? 0);
    })();
    this.#insertSubject = database.prepare('INSERT INTO subject (uri) VALUES (?) RETURNING id');
    this.#selectSubject = database.prepare('SELECT id FROM subject WHERE uri = ?');
    this.#upsert = database.prepare(
      `INSERT INTO reaction (account_id, source_id, rkey, subject_id, key, value, indexed_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (account_id, source_id, rkey) DO UPDATE SET subject_id = excluded.subject_id, key = excluded.key, value = excluded.value, indexed_at = excluded.indexed_at`,
    );
    this.#replaced = database.prepare(
      'SELECT uri FROM subject WHERE id = (SELECT subject_id FROM reaction WHERE account_id = ? AND source_id = ? AND rkey = ?)',
    );
    this.#remove = database.prepare(
      'DELETE FROM reaction WHERE account_id = ? AND source_id = ? AND rkey = ? RETURNING (SELECT uri FROM subject WHERE subject.id = subject_id) AS uri',
    );
    this.#removeAll = database.prepare('DELETE FROM reaction WHERE account_id = ?');
    this.#subjectsOf = database.prepare('SELECT DISTINCT subject.uri FROM reaction JOIN subject ON subject.id = subject_id WHERE account_id = ?');
    this.#classes = database.prepare(`SELECT s.class, COUNT(DISTINCT r.account_id) AS people ${counted} GROUP BY s.class ORDER BY people DESC, s.class LIMIT ${maxCountLines}`);
    this.#values = database.prepare(
      `SELECT s.class, MAX(r.value) AS value, r.key, COUNT(DISTINCT r.account_id) AS people ${counted} GROUP BY s.class, r.key ORDER BY people DESC, r.key LIMIT ${maxCountLines}`,
    );
    this.#totals = database.prepare(
      `SELECT s.collection, s.class, MAX(r.value) AS value, r.key, COUNT(DISTINCT r.account_id) AS people ${counted}
       GROUP BY s.id, r.key ORDER BY people DESC, s.collection, r.key LIMIT ${maxCountLines}`,
    );
    this.#list = database.prepare(
      `SELECT r.id, a.did, a.handle, s.collection, s.class, r.rkey, r.value, r.key, r.indexed_at AS indexedAt ${counted.replace('?', '$subject')}
         AND ($key IS NULL OR r.key = $key) AND ($collection IS NULL OR s.collection = $collection)
         AND ($did IS NULL OR a.did = $did) AND ($beforeId IS NULL OR r.id < $beforeId)
       ORDER BY r.id DESC LIMIT $limit`,
    );
  }

  /** Writes the reaction of one record; gives the subject that the record was about before, or null. */
  put(reaction: NewReaction): string | null {
    const sourceId = this.#sourceId(reaction.collection);
    const before = this.#replaced.get(reaction.accountId, sourceId, reaction.rkey)?.uri ?? null;
    const subjectId = this.#subjectId(reaction.subject);
    this.#upsert.run(reaction.accountId, sourceId, reaction.rkey, subjectId, reaction.key, reaction.value, reaction.indexedAt);
    return before;
  }

  /** Takes away the reaction of one record; gives its subject, or null when there was none. */
  remove(accountId: number, collection: string, rkey: string): string | null {
    return this.#remove.get(accountId, this.#sourceId(collection), rkey)?.uri ?? null;
  }

  /** Takes away everything of an account. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
  }

  /** Goes through the subjects an account has reacted to. */
  subjectsOf(accountId: number): IterableIterator<{ uri: string }> {
    return this.#subjectsOf.iterate(accountId);
  }

  /** Counts a subject given in its normal form; one nobody reacted to has empty parts. */
  count(subject: string): SubjectCounts {
    const id = this.#selectSubject.get(subject)?.id;
    if (id === undefined) return { classes: [], values: [], totals: [] };
    const totals = this.#totals.all(id);
    // Where no class has two sources nobody can be in two lines of a value, and most subjects are like that.
    const isOneSourced = totals.length < maxCountLines && new Set(totals.map((line) => line.class)).size === new Set(totals.map((line) => line.collection)).size;
    const values = isOneSourced ? totals.map(({ class: name, value, key, people }) => ({ class: name, value, key, people })) : this.#values.all(id);
    const classes = values.length === 1 ? values.map(({ class: name, people }) => ({ class: name, people })) : this.#classes.all(id);
    return { classes, values, totals };
  }

  /** Lists reactions of visible people, newest first. */
  list(filter: ReactionFilter): ReactionRow[] {
    const id = this.#selectSubject.get(filter.subject)?.id;
    return id === undefined ? [] : this.#list.all({ ...filter, subject: id });
  }

  /** Forgets cached ids; called when a transaction was rolled back. */
  forgetIds(): void {
    this.#subjectIds.clear();
  }

  #sourceId(collection: string): number {
    const id = this.#sourceIds.get(collection);
    if (id === undefined) throw new Error(`collection is no source of reactions: ${collection}`);
    return id;
  }

  #subjectId(uri: string): number {
    const cached = this.#subjectIds.get(uri);
    if (cached !== undefined) return cached;
    const id = (this.#selectSubject.get(uri) ?? this.#insertSubject.get(uri))?.id ?? 0;
    this.#subjectIds.set(uri, id);
    return id;
  }
}
