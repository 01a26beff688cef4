/**
 * What commits said about accounts while their hosts were being asked: said later than the answer may be, so it counts more.
 * Not kept for anybody else. Place in the flow: opened and closed by checks.ts, written by follower.ts.
 * Source: ours. Bounded by the questions under way and the collections one account may have.
 */

/** What was said about an account since its host was asked. */
export interface Journal {
  /** By collection: whether the account has records in it. The later word counts. */
  readonly facts: Map<string, boolean>;
  /** Something was missed since, so the answer may be older than that. */
  isDoubtful: boolean;
}

const maxFacts = 1_000;

/** The journals of the questions under way. */
export class Journals {
  readonly #open = new Map<number, Journal>();

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  has(row: number): boolean {
    return this.#open.has(row);
  }

  open(row: number): void {
    this.#open.set(row, { facts: new Map(), isDoubtful: false });
  }

  /** Notes what a commit said. */
  note(row: number, collection: string, isPresent: boolean): void {
    const journal = this.#open.get(row);
    if (!journal) return;
    if (journal.facts.size < maxFacts || journal.facts.has(collection)) journal.facts.set(collection, isPresent);
    else journal.isDoubtful = true;
  }

  /** Notes that something was missed. */
  doubt(row: number): void {
    const journal = this.#open.get(row);
    if (journal) journal.isDoubtful = true;
  }

  /** Ends a journal and gives it. */
  close(row: number): Journal {
    const journal = this.#open.get(row) ?? { facts: new Map<string, boolean>(), isDoubtful: true };
    this.#open.delete(row);
    return journal;
  }
}
