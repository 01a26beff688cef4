/**
 * What is different between what was told of an account and its repository as it stands: a merge of two lists in order of
 * their paths, piece by piece, so that neither is ever whole in memory.
 * Not for: telling it (see resync.ts).
 * Place in the flow: the second half of a resync; the tree is checked as it is walked.
 * Rule: a record that is unsure is told again, as it is or as deleted.
 * Source: ours.
 */
import { cidAt, cidToBytes, sameCid } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { walkTree } from '@dunlin/protocol/mst/walk';
import type { Ledger, LedgerRecord } from './ledger.ts';
import type { FetchedRepo } from './repo-fetch.ts';

/** One difference; `block` is the record, null when it was deleted or the repository came without it. `isWanted` false: it is only to be forgotten. */
export interface Difference {
  readonly action: 'create' | 'update' | 'delete';
  readonly path: string;
  readonly cid: Cid | null;
  readonly prev: Cid | null;
  readonly block: Uint8Array | null;
  readonly isWanted: boolean;
}

/** Records that are read from the ledger at once. */
const page = 1_000;
/** Entries of the tree between two looks at the rest of the world. */
const entriesPerTurn = 500;

/**
 * Gives the differences in order of their paths. The ledger may be written while it is read, for paths already given.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export async function* differences(did: string, repo: FetchedRepo, ledger: Ledger, wants: (collection: string) => boolean): AsyncGenerator<Difference, void, undefined> {
  const known = new KnownRecords(did, ledger);
  let entries = 0;
  for (const step of walkTree(repo.stage, cidToBytes(repo.data))) {
    if (++entries % entriesPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    if (step.kind === 'node' || !wants(collectionOf(step.key))) continue;
    const cid = cidAt(step.value, 0);
    for (let next = await known.first(); next && next.path < step.key; next = await known.first()) yield deletion(known.take(next), wants);
    const next = await known.first();
    const there = next?.path === step.key ? known.take(next) : null;
    if (there?.cid && sameCid(there.cid, cid)) continue;
    yield { action: there ? 'update' : 'create', path: step.key, cid, prev: there?.cid ?? null, block: repo.stage.getBytes(cid.bytes) ?? null, isWanted: true };
  }
  for (let next = await known.first(); next; next = await known.first()) yield deletion(known.take(next), wants);
}

function deletion({ path, cid }: LedgerRecord, wants: (collection: string) => boolean): Difference {
  return { action: 'delete', path, cid: null, prev: cid, block: null, isWanted: wants(collectionOf(path)) };
}

function collectionOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

/** The ledger's records, page by page. */
class KnownRecords {
  readonly #did: string;
  readonly #ledger: Ledger;
  #records: readonly LedgerRecord[] = [];
  #next = 0;
  #after = '';
  #isOver = false;

  constructor(did: string, ledger: Ledger) {
    this.#did = did;
    this.#ledger = ledger;
  }

  /** Gives the next record without taking it; null at the end. */
  async first(): Promise<LedgerRecord | null> {
    if (this.#next === this.#records.length && !this.#isOver) {
      this.#records = await this.#ledger.records(this.#did, this.#after, page);
      this.#next = 0;
      this.#isOver = this.#records.length === 0;
    }
    return this.#records[this.#next] ?? null;
  }

  take(record: LedgerRecord): LedgerRecord {
    this.#next += 1;
    this.#after = record.path;
    return record;
  }
}
