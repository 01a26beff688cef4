/**
 * Which accounts have records in which collections: the verbs on names, members and standings together.
 * Not for reading commits (follower.ts) nor for asking hosts (checks.ts).
 * Place in the flow: beside account state; changed only by events that are durable in the log, and by answers of hosts;
 * what is in memory is stored as one transaction with the log seq it contains.
 * Source: ours, docs/decisions/0010-collections-from-the-commits-own-blocks.md.
 */
import type { CollectionStore, Progress, StoredCollection } from './collection-store.ts';
import { CollectionNames, defaultNameBounds } from './collection-names.ts';
import type { CollectionName, NameBounds } from './collection-names.ts';
import { Members } from './members.ts';
import { rowsPerSet } from './row-set.ts';
import { Standings } from './standings.ts';
import type { Certainty, Proven } from './standings.ts';

/** Collections of an account beyond this are not listed; the same bound as the field's collection directory has. */
const maxCollectionsPerAccount = 1_000;

/** How an index is bounded. */
export interface IndexBounds {
  /** Memory for sets beside those that have changed. */
  readonly cacheBytes: number;
  readonly names?: NameBounds;
  /** Default 1,000. */
  readonly collectionsPerAccount?: number;
}

/** The index. */
export class CollectionIndex {
  readonly #store: CollectionStore;
  readonly #names: CollectionNames;
  readonly #members: Members;
  readonly #standings: Standings;
  readonly #perAccount: number;
  #progress: Progress | null;
  #refused = 0;

  constructor(store: CollectionStore, bounds: IndexBounds) {
    this.#store = store;
    this.#names = new CollectionNames(store, bounds.names ?? defaultNameBounds);
    this.#members = new Members(store, bounds.cacheBytes);
    this.#standings = new Standings(store);
    this.#perAccount = bounds.collectionsPerAccount ?? maxCollectionsPerAccount;
    this.#progress = store.progress();
  }

  /** How many collections there are names of. */
  get size(): number {
    return this.#names.size;
  }

  /** Bytes of sets in memory, about. */
  get byteLength(): number {
    return this.#members.byteLength;
  }

  /** Times an account was not put into a collection because of a bound. */
  get refused(): number {
    return this.#refused;
  }

  /** Pieces that have changed since the last `save`. */
  get changedCount(): number {
    return this.#names.changedCount + this.#members.changedCount + this.#standings.changedCount;
  }

  /** Last log seq contained in the store, or null for a new one. */
  get appliedSeq(): number | null {
    return this.#progress?.appliedSeq ?? null;
  }

  /** Accounts by how sure one is of them; `rows` is how many there are. */
  accounts(rows: number): Record<Certainty, number> {
    return this.#standings.accounts(rows);
  }

  certainty(row: number): Certainty {
    return this.#standings.certainty(row);
  }

  setCertainty(row: number, certainty: Certainty, proven: Proven = 'none'): void {
    if (this.#standings.certainty(row) !== certainty || this.#standings.proof(row) !== proven) this.#standings.setCertainty(row, certainty, proven);
  }

  /** How an account came to be exact. */
  proof(row: number): Proven {
    return this.#standings.proof(row);
  }

  /** Accounts whose collections are proven. */
  get proven(): number {
    return this.#standings.proven;
  }

  /** Puts an account into a collection. */
  add(row: number, nsid: string): void {
    const name = this.#names.find(nsid);
    if (name && this.#members.has(name.id, row)) return;
    const isFull = this.#standings.count(row) >= this.#perAccount;
    const to = isFull ? null : (name ?? this.#names.intern(nsid));
    if (to === null) {
      this.#refused += 1;
      return;
    }
    this.#members.add(to.id, row);
    this.#names.count(to, 1);
    this.#standings.addCount(row, 1);
  }

  /** Takes an account out of a collection; false when it is not in it. */
  remove(row: number, nsid: string): boolean {
    const name = this.#names.find(nsid);
    return name !== null && this.#remove(row, name);
  }

  /** Takes an account out of all collections. */
  clear(row: number): void {
    if (this.#standings.count(row) === 0) return;
    for (const id of this.#members.collectionsOf(row)) this.#removeId(row, id);
  }

  /** Makes these the collections of an account, and no others. */
  replace(row: number, nsids: ReadonlySet<string>): void {
    const wanted = new Set<number>();
    let present = 0;
    for (const nsid of nsids) {
      const name = this.#names.find(nsid);
      if (name === null || !this.#members.has(name.id, row)) continue;
      wanted.add(name.id);
      present += 1;
    }
    // Only who has others too is looked through: that means reading every set of its block.
    if (present < this.#standings.count(row)) {
      for (const id of this.#members.collectionsOf(row)) if (!wanted.has(id)) this.#removeId(row, id);
    }
    for (const nsid of nsids) this.add(row, nsid);
  }

  /** Gives the rows of a collection from one on, ascending. The index must not be changed before the last is taken. */
  rowsFrom(nsid: string, row: number): Iterable<number> {
    const name = this.#names.find(nsid);
    return name === null ? [] : this.#members.rowsFrom(name.id, row);
  }

  /** Gives the collections of an account, in the order of their text. */
  collectionsOf(row: number): string[] {
    if (this.#standings.count(row) === 0) return [];
    const ids = this.#members.collectionsOf(row);
    return ids.map((id) => this.#names.nsid(id)).filter((nsid) => nsid !== null).sort();
  }

  /** Gives collections behind an NSID with how many accounts each has, as last stored. */
  page(after: string, limit: number, prefix?: string): StoredCollection[] {
    return this.#store.page(after, limit, prefix);
  }

  /** Forgets rows from one on: their numbers are going to be given to other accounts. */
  trim(from: number): void {
    if ((this.#progress?.rows ?? 0) <= from) return;
    for (const block of this.#store.blocksFrom(Math.floor(from / rowsPerSet))) {
      const start = block * rowsPerSet;
      for (const id of this.#members.collectionsIn(block)) {
        const rows = [...this.#members.rowsFrom(id, Math.max(from, start))].filter((row) => row < start + rowsPerSet);
        for (const row of rows) this.#removeId(row, id);
      }
    }
    for (let row = from; row < this.#standings.rows; row++) this.setCertainty(row, 'unknown');
  }

  /** Says that nothing known may be believed any more; what is known is kept until it is asked for again. */
  doubtAll(rows: number): void {
    for (let row = 0; row < rows; row++) if (this.certainty(row) === 'exact') this.#standings.setCertainty(row, 'doubtful');
  }

  /** Stores everything as one: log events up to `appliedSeq` are contained, and rows below `rows`. */
  save(appliedSeq: number, rows: number): void {
    if (this.changedCount === 0 && this.#progress?.appliedSeq === appliedSeq && this.#progress.rows === rows) return;
    this.#store.write({ collections: this.#names.changed(), sets: this.#members.changed(), standings: this.#standings.changed(), appliedSeq, rows });
    this.#names.written();
    this.#members.written();
    this.#standings.written();
    this.#progress = { appliedSeq, rows };
  }

  #removeId(row: number, id: number): void {
    const nsid = this.#names.nsid(id);
    const name = nsid === null ? null : this.#names.find(nsid);
    if (name) this.#remove(row, name);
  }

  #remove(row: number, name: CollectionName): boolean {
    if (!this.#members.remove(name.id, row)) return false;
    this.#names.count(name, -1);
    this.#standings.addCount(row, -1);
    return true;
  }
}
