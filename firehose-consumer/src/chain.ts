/**
 * What is known of one account while its events pass: where its chain of commits stands, what is under way, what is held back.
 * Not for: the rules by which events follow (see continuity.ts).
 * Place in the flow: made from the ledger when an account is heard of, forgotten when others are heard of instead.
 * Rule: what is under way ends in the order in which it came, however it is acknowledged, so that the ledger never says more
 * than was handled.
 * Source: ours.
 */
import type { Ledger, LedgerAccount, LedgerChange } from './ledger.ts';
import type { LedgerWriter } from './ledger-writer.ts';
import type { OpenFrame } from './open-frame.ts';
import { Queue } from './queue.ts';

/** One event under way; `event` null when the entry only carries changes. */
export interface ChainEntry {
  readonly event: OpenFrame | null;
  /** Written when it and all before it are done. */
  readonly changes: readonly LedgerChange[];
  /** What it tells of. */
  readonly paths: readonly string[];
  readonly after: (() => void) | null;
  isDone: boolean;
}

/** What a fetch of the account's repository holds back meanwhile. */
export interface ChainFetch {
  readonly held: Queue<OpenFrame>;
  heldBytes: number;
  /** Too much came: what comes now is left to the next fetch. */
  isOverflown: boolean;
  readonly cancel: AbortController;
}

/** One account. */
export class Chain {
  readonly did: string;
  head: LedgerAccount['head'] = null;
  isStale = false;
  neededRev: string | null = null;
  isActive = true;
  isWhole = false;
  /** Whether something of this run followed on the head, so that nobody was told of more than it. */
  isProven = false;
  fetch: ChainFetch | null = null;
  /** Forgettings that are not written yet. */
  leaving = 0;
  /** Events that wait for the ledger's word; null when it is there. */
  waiting: Queue<() => void> | null = new Queue();
  readonly #entries = new Queue<ChainEntry>();
  /** How many entries tell of a path. */
  readonly #telling = new Map<string, number>();
  #unwritten = 0;
  #idle: (() => void)[] = [];

  constructor(did: string) {
    this.did = did;
  }

  /** Takes over what the ledger says; what is told there without a head may be anything. */
  know(account: LedgerAccount | null, hasRecords: boolean): void {
    if (!account) return;
    this.head = account.head;
    this.isStale = account.isStale || (account.head === null && hasRecords);
    this.neededRev = account.neededRev;
    this.isActive = account.isActive;
    this.isWhole = account.isWhole;
  }

  /** Whether it must stay in memory. */
  get isBusy(): boolean {
    return this.#entries.size > 0 || this.#unwritten > 0 || this.fetch !== null || this.waiting !== null;
  }

  /** Adds an entry behind all others. */
  add(entry: ChainEntry): void {
    this.#entries.push(entry);
    for (const path of entry.paths) this.#telling.set(path, (this.#telling.get(path) ?? 0) + 1);
  }

  /** Has what is done and has nothing open before it written, then closed. */
  settle(writer: LedgerWriter, close: (event: OpenFrame) => void): void {
    while (this.#entries.first?.isDone) {
      const { changes, paths, event, after } = this.#entries.shift() as ChainEntry;
      this.#unwritten += 1;
      writer.push([...changes, ...this.#doubts(changes, this.#untell(paths))], () => {
        this.#unwritten -= 1;
        if (event) close(event);
        after?.();
        if (this.#entries.size === 0 && this.#unwritten === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  /** A later event may have been heard already, so what an earlier one says is not sure. */
  #doubts(changes: readonly LedgerChange[], paths: readonly string[]): LedgerChange[] {
    const { did } = this;
    if (this.leaving > 0 && !changes.some(({ kind }) => kind === 'forget')) return [{ kind: 'doubt', did }];
    return paths.length === 0 ? [] : [{ kind: 'telling', did, paths, rev: null }];
  }

  /** Gives which of these paths a later entry tells of too. */
  #untell(paths: readonly string[]): string[] {
    return paths.filter((path) => {
      const left = (this.#telling.get(path) as number) - 1;
      if (left > 0) this.#telling.set(path, left);
      else this.#telling.delete(path);
      return left > 0;
    });
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#entries.size === 0 && this.#unwritten === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}

/** The most accounts kept in each of two generations; some 600 bytes each. */
const maxChains = 10_000;

/** Accounts that were heard of lately, and all that are busy. */
export class Chains {
  readonly #ledger: Ledger;
  readonly #onFault: (error: unknown) => void;
  #young = new Map<string, Chain>();
  #old = new Map<string, Chain>();

  constructor(ledger: Ledger, onFault: (error: unknown) => void) {
    this.#ledger = ledger;
    this.#onFault = onFault;
  }

  /** Calls `use` with the account, at once when it is at hand; per account in the order of the calls. */
  with(did: string, use: (chain: Chain) => void): void {
    const chain = this.#young.get(did) ?? this.#keep(this.#old.get(did) ?? new Chain(did));
    if (chain.waiting === null) return use(chain);
    chain.waiting.push(() => use(chain));
    if (chain.waiting.size === 1) void this.#load(chain).catch(this.#onFault);
  }

  async #load(chain: Chain): Promise<void> {
    const account = await this.#ledger.account(chain.did);
    const hasRecords = account?.head === null && (await this.#ledger.records(chain.did, '', 1)).length > 0;
    chain.know(account, hasRecords);
    const waiting = chain.waiting;
    chain.waiting = null;
    for (let use = waiting?.shift(); use; use = waiting?.shift()) use();
  }

  #keep(chain: Chain): Chain {
    if (this.#young.size >= maxChains) {
      const leaving = this.#old;
      this.#old = this.#young;
      this.#young = new Map();
      for (const [did, each] of leaving) if (each.isBusy && !this.#old.has(did)) this.#old.set(did, each);
    }
    this.#young.set(chain.did, chain);
    return chain;
  }
}
