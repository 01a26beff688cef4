/**
 * The ledger: what was told of each account, record by record, so that a gap can be noticed and what happened in it be told
 * as creates, updates and deletes. Here: the interface, and one in memory. On disk: sqlite-ledger.ts.
 * Not for: the records themselves (only their CIDs) or the cursor of the stream (see cursor-store.ts).
 * Place in the flow: read before a commit is believed to follow the one before, written around its delivery.
 * Rule: `telling` is durable before somebody hears of a record and `told` only after it was handled; what lies between at a
 * crash is unsure, and unsure means told again.
 * Source: ours, decision 0038.
 */
import type { Cid } from '@dunlin/protocol/data/cid';

/** Where the chain of an account's commits stands. */
export interface LedgerAccount {
  readonly did: string;
  /** Rev and tree of the last commit that was handled; null when there is none, or it does not count any more. */
  readonly head: { readonly rev: string; readonly data: Cid } | null;
  /** Whether something is missing and the repository has to be fetched. */
  readonly isStale: boolean;
  /** The least rev a fetched repository must have; null: any. */
  readonly neededRev: string | null;
  readonly isActive: boolean;
  /** Whether it was ever fetched, so that nothing from before it was heard of is missing. */
  readonly isWhole: boolean;
}

/** A record that was told: `cid` null when a crash left open which, or whether it is still there. */
export interface LedgerRecord {
  /** `collection/rkey`. */
  readonly path: string;
  readonly cid: Cid | null;
}

/**
 * telling: these paths are about to be told, of a repository at `rev` (null: noted before), and none older counts any more. doubt: that the account is deleted is about to be told, so nothing of it is sure. told: they were handled (`cid` null: deleted), and with `head` the chain stands
 * there. stale: something is missing up to `rev`. synced: nothing is missing any more and the chain stands at `head`.
 * status: the account is active or not. forget: the account and all its records leave. mark: a word of ours under a name.
 */
export type LedgerChange =
  | { readonly kind: 'telling'; readonly did: string; readonly paths: readonly string[]; readonly rev: string | null }
  | { readonly kind: 'doubt'; readonly did: string }
  | { readonly kind: 'told'; readonly did: string; readonly records: readonly LedgerRecord[]; readonly head: LedgerAccount['head'] }
  | { readonly kind: 'stale'; readonly did: string; readonly rev: string | null }
  | { readonly kind: 'synced'; readonly did: string; readonly head: NonNullable<LedgerAccount['head']> }
  | { readonly kind: 'status'; readonly did: string; readonly isActive: boolean }
  | { readonly kind: 'forget'; readonly did: string }
  | { readonly kind: 'mark'; readonly name: string; readonly value: string };

/** Keeps what was told. Implement it to keep it in a database of your own; one consumer uses it at a time. */
export interface Ledger {
  /** Gives an account, null when it was never heard of. */
  account(did: string): LedgerAccount | null | Promise<LedgerAccount | null>;
  /** Gives at most `limit` records of an account whose path is greater than `after`, in order of the bytes of the path. */
  records(did: string, after: string, limit: number): readonly LedgerRecord[] | Promise<readonly LedgerRecord[]>;
  /** Gives at most `limit` accounts that are stale and active and whose DID is greater than `after`, in order. */
  stale(after: string, limit: number): readonly string[] | Promise<readonly string[]>;
  /** Gives what was marked under a name, null when nothing was. */
  mark(name: string): string | null | Promise<string | null>;
  /** Makes every account stale: what is wanted of them has changed. */
  staleAll(): void | Promise<void>;
  /** Applies all changes in order, or none of them; done when they are durable. Never called again before it is done. */
  write(changes: readonly LedgerChange[]): void | Promise<void>;
}

interface KeptAccount {
  account: LedgerAccount;
  readonly records: Map<string, Cid | null>;
  /** Paths in order, of which some may be gone; beyond `validAfter` none is missing. So who goes through them need not sort at each page. */
  view: { readonly paths: readonly string[]; validAfter: string } | null;
}

/** Gives a ledger that forgets everything with the process: for tests, tools, and who fetches everything at each start. */
export function memoryLedger(): Ledger {
  const kept = new Map<string, KeptAccount>();
  const marks = new Map<string, string>();
  return {
    account: (did) => kept.get(did)?.account ?? null,
    records(did, after, limit) {
      const there = kept.get(did);
      return there ? pageOf(there, after, limit) : [];
    },
    stale(after, limit) {
      const accounts = [...kept.values()].filter(({ account }) => account.isStale && account.isActive && account.did > after);
      return accounts.map(({ account }) => account.did).sort().slice(0, limit);
    },
    mark: (name) => marks.get(name) ?? null,
    staleAll() {
      for (const each of kept.values()) each.account = { ...each.account, isStale: true };
    },
    write(changes) {
      for (const change of changes) {
        if (change.kind === 'mark') marks.set(change.name, change.value);
        else if (change.kind === 'forget') kept.delete(change.did);
        else applyTo(keptAccount(kept, change.did), change);
      }
    },
  };
}

function pageOf(kept: KeptAccount, after: string, limit: number): LedgerRecord[] {
  if (!kept.view || after < kept.view.validAfter) kept.view = { paths: [...kept.records.keys()].sort(), validAfter: '' };
  const { paths } = kept.view;
  let [low, high] = [0, paths.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((paths[middle] as string) <= after) low = middle + 1;
    else high = middle;
  }
  const records: LedgerRecord[] = [];
  for (let index = low; index < paths.length && records.length < limit; index++) {
    const path = paths[index] as string;
    const cid = kept.records.get(path);
    if (cid !== undefined) records.push({ path, cid });
  }
  return records;
}

function setRecord({ records, view }: KeptAccount, path: string, cid: Cid | null): void {
  if (view && path > view.validAfter && !records.has(path)) view.validAfter = path;
  records.set(path, cid);
}

/** Gives an account of which nothing is known. */
export function newAccount(did: string): LedgerAccount {
  return { did, head: null, isStale: false, neededRev: null, isActive: true, isWhole: false };
}

/** Gives the later of two revs. */
export function laterRev(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b > a) ? b : a;
}

function keptAccount(kept: Map<string, KeptAccount>, did: string): KeptAccount {
  const there = kept.get(did);
  if (there) return there;
  const fresh = { account: newAccount(did), records: new Map<string, Cid | null>(), view: null };
  kept.set(did, fresh);
  return fresh;
}

function applyTo(kept: KeptAccount, change: Exclude<LedgerChange, { kind: 'mark' | 'forget' }>): void {
  const { account, records } = kept;
  switch (change.kind) {
    case 'telling':
      for (const path of change.paths) setRecord(kept, path, null);
      kept.account = { ...account, neededRev: laterRev(account.neededRev, change.rev) };
      return;
    case 'doubt':
      for (const path of records.keys()) records.set(path, null);
      kept.account = { ...account, head: null, isWhole: false };
      return;
    case 'told':
      for (const { path, cid } of change.records) {
        if (cid === null) records.delete(path);
        else setRecord(kept, path, cid);
      }
      if (change.head) kept.account = { ...account, head: change.head };
      return;
    case 'stale':
      kept.account = { ...account, isStale: true, neededRev: laterRev(account.neededRev, change.rev) };
      return;
    case 'synced':
      kept.account = { ...account, head: change.head, isStale: false, isWhole: true, neededRev: account.neededRev !== null && account.neededRev > change.head.rev ? account.neededRev : null };
      return;
    case 'status':
      kept.account = { ...account, isActive: change.isActive };
  }
}
