/**
 * Does this commit follow the one before? Keeps account of each account's chain in the ledger, passes on what follows, leaves
 * out what was told, and where something is missing has the repository fetched and holds back what comes meanwhile.
 * Not for: proofs (verify.ts), fetching (resync.ts) or the ledger's form (ledger.ts).
 * Place in the flow: between verification and delivery, in order per DID; and between the end of an event and the cursor.
 * Rules: a commit follows when since is the last rev and prevData, where it is given, the last tree; a rev that is not newer
 * was told; `#sync` with another tree is a gap; an account that is not active is not fetched; a deleted one is forgotten once that was handled.
 * Source: ours, decision 0038; atproto.com/specs/sync.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { cidAt, sameCid } from '@dunlin/protocol/data/cid';
import { carRootOffset } from '@dunlin/protocol/repo/car-slice';
import { scanCommit } from '@dunlin/protocol/repo/commit';
import { refuse } from '@dunlin/protocol/repo/drop-reason';
import type { Refusal } from '@dunlin/protocol/repo/drop-reason';
import { findBlocks } from './car-blocks.ts';
import { Chains } from './chain.ts';
import type { Chain, ChainEntry } from './chain.ts';
import { heldBytes } from './decode.ts';
import type { HeldDifferences, HeldFrame } from './decode.ts';
import { Fetching } from './fetching.ts';
import { laterRev } from './ledger.ts';
import type { Ledger, LedgerAccount, LedgerChange } from './ledger.ts';
import { LedgerWriter } from './ledger-writer.ts';
import type { OpenFrame } from './open-frame.ts';
import { Queue } from './queue.ts';

/** What continuity works with and who hears from it. */
export interface ContinuityParts {
  readonly ledger: Ledger;
  /** Accounts nobody has heard of: `follow` from where they are, or `fetch` them first. */
  readonly newAccounts: 'follow' | 'fetch';
  /** Hashing again is needless where every block was hashed. */
  readonly isHashed: boolean;
  /** The most bytes of events held back for fetches. */
  readonly maxHeldBytes: number;
  /** Hands an event over that does not come in its place of the stream. */
  readonly deliver: (event: OpenFrame) => void;
  /** Lets the cursor pass an event and gives its bytes back. */
  readonly close: (event: OpenFrame) => void;
  readonly drop: (event: OpenFrame, refusal: Refusal) => void;
  /** A commit or #sync that does not follow. */
  readonly onGap: (did: string, rev: string) => void;
  /** An event that was told before. */
  readonly onKnown: () => void;
  /** Wants an account fetched. */
  readonly request: (did: string) => void;
  /** The ledger cannot be read or written; the run must end. */
  readonly onFault: (error: unknown) => void;
}

/** Says whether an event goes on to its delivery. Called once. */
export type Go = (isKept: boolean) => void;

type Head = NonNullable<LedgerAccount['head']>;
/** The most events held back for one account. */
const maxHeldEvents = 1_000;

/** The chains of all accounts. */
export class Continuity {
  readonly #parts: ContinuityParts;
  readonly #chains: Chains;
  readonly writer: LedgerWriter;
  #heldBytes = 0;

  constructor(parts: ContinuityParts) {
    this.#parts = parts;
    this.#chains = new Chains(parts.ledger, parts.onFault);
    this.writer = new LedgerWriter(parts.ledger, parts.onFault);
  }

  /** Takes an event that was verified; `go` is told at once or when the ledger knows that it is about to be told. */
  take(event: OpenFrame, go: Go): void {
    this.#chains.with(event.frame.did, (chain) => this.#step(chain, event, go));
  }

  /** Has an account fetched unless it was, or will be; resolves when that is durable. */
  demand(did: string): Promise<void> {
    return new Promise((resolve) => {
      this.#chains.with(did, (chain) => {
        if (chain.isWhole || chain.isStale) return resolve();
        this.#becomeStale(chain, null, null, resolve);
      });
    });
  }

  /** Begins to fetch an account: from now on its events are held back. Null when it needs no fetching. */
  begin(did: string): Promise<Fetching | null> {
    return new Promise((resolve) => {
      this.#chains.with(did, (chain) => {
        if (!chain.isStale || !chain.isActive || chain.fetch) return resolve(null);
        chain.fetch = { held: new Queue(), heldBytes: 0, isOverflown: false, cancel: new AbortController() };
        resolve(new Fetching(chain, { tell: (held) => this.#tell(chain, held), end: (head, after) => this.#end(chain, head, after), gone: () => this.#gone(chain) }));
      });
    });
  }

  #step(chain: Chain, event: OpenFrame, go: Go): void {
    const frame = event.frame as HeldFrame;
    switch (frame.kind) {
      case 'identity':
        return this.#canHold(chain, event) ? go(false) : this.#pass(chain, event, go, {});
      case 'account':
        return this.#account(chain, event, frame, go);
      case 'sync':
      case 'commit':
        return this.#commit(chain, event, frame, go);
    }
  }

  #account(chain: Chain, event: OpenFrame, frame: HeldFrame, go: Go): void {
    const { did } = chain;
    const isActive = frame.scan.active === true;
    if (isActive && this.#canHold(chain, event)) return go(false);
    if (!isActive) this.#end(chain, null);
    const isChanged = isActive !== chain.isActive;
    chain.isActive = isActive;
    if (!isActive && frame.scan.status === 'deleted') {
      Object.assign(chain, { head: null, isStale: false, neededRev: null, leaving: chain.leaving + 1, isActive: true, isWhole: false });
      return this.#pass(chain, event, go, { before: [{ kind: 'doubt', did }], changes: [{ kind: 'forget', did }], after: () => (chain.leaving -= 1) });
    }
    this.#pass(chain, event, go, { changes: isChanged ? [{ kind: 'status', did, isActive }] : [] });
    if (isActive && chain.isStale) this.#parts.request(did);
  }

  #commit(chain: Chain, event: OpenFrame, frame: HeldFrame, go: Go): void {
    const head = headOf(frame, this.#parts.isHashed);
    if ('reason' in head) {
      go(false);
      return this.#parts.drop(event, head);
    }
    const { did } = chain;
    if (chain.head && head.rev <= chain.head.rev) return this.#leave(chain, event, go, []);
    if (this.#canHold(chain, event)) return go(false);
    if (chain.isStale) return this.#leaveStale(chain, event, head.rev, go);
    if (!this.#follows(chain, frame, head)) {
      this.#parts.onGap(did, head.rev);
      return frame.kind === 'sync' && frame.isWanted ? this.#passGap(chain, event, head.rev, go) : this.#leaveStale(chain, event, head.rev, go);
    }
    chain.head = head;
    chain.isProven = true;
    const records = frame.ops.map(({ path, cidOffset }) => ({ path, cid: cidOffset < 0 ? null : cidAt(frame.bytes, cidOffset) }));
    this.#pass(chain, event, go, { changes: [{ kind: 'told', did, records, head }], paths: records.map(({ path }) => path) });
  }

  #follows(chain: Chain, { kind, scan, bytes }: HeldFrame, { data }: Head): boolean {
    if (chain.leaving > 0) return false;
    if (chain.head === null) return this.#parts.newAccounts === 'follow' || (kind === 'commit' && scan.since === null && scan.prevDataOffset < 0);
    if (kind === 'sync') return chain.isProven && sameCid(data, chain.head.data);
    // An equal tree alone is not enough: it may be one that came back, behind commits that were missed.
    return scan.since === chain.head.rev && (scan.prevDataOffset < 0 || sameCid(cidAt(bytes, scan.prevDataOffset), chain.head.data));
  }

  /** Sends an event on, when the ledger knows of the paths it tells of. */
  #pass(chain: Chain, event: OpenFrame, go: Go, o: { before?: readonly LedgerChange[]; changes?: readonly LedgerChange[]; paths?: readonly string[]; after?: () => void }): void {
    const { changes = [], paths = [], after = null } = o;
    const rev = event.frame.kind === 'differences' ? event.frame.rev : event.frame.scan.rev;
    const { before = paths.length === 0 ? [] : [{ kind: 'telling', did: chain.did, paths, rev }] } = o;
    this.#add(chain, event, changes, after, paths);
    const isWanted = event.frame.kind === 'differences' || event.frame.isWanted;
    if (!isWanted) {
      go(false);
      event.entry?.finish();
    } else this.writer.push(before, () => go(true));
  }

  /** Leaves an event out; it ends behind all that is under way. */
  #leave(chain: Chain, event: OpenFrame, go: Go, changes: readonly LedgerChange[]): void {
    if (changes.length === 0) this.#parts.onKnown();
    this.#add(chain, event, changes, null);
    go(false);
    event.entry?.finish();
  }

  #leaveStale(chain: Chain, event: OpenFrame, rev: string, go: Go): void {
    this.#becomeStale(chain, event, rev, null);
    go(false);
    event.entry?.finish();
  }

  /** A #sync that somebody wants to hear is passed on, and what it means follows. */
  #passGap(chain: Chain, event: OpenFrame, rev: string, go: Go): void {
    this.#becomeStale(chain, null, rev, null);
    this.#pass(chain, event, go, {});
  }

  #becomeStale(chain: Chain, event: OpenFrame | null, rev: string | null, after: (() => void) | null): void {
    const { did } = chain;
    chain.isStale = true;
    chain.neededRev = laterRev(chain.neededRev, rev);
    const changes: LedgerChange[] = [{ kind: 'stale', did, rev }];
    // Who speaks is there, whatever was said before.
    if (!chain.isActive) changes.push({ kind: 'status', did, isActive: true });
    chain.isActive = true;
    const entry = this.#add(chain, event, changes, after);
    if (event === null) this.#done(chain, entry);
    if (!chain.fetch) this.#parts.request(did);
  }

  /** Who is not there is not asked for again before the stream speaks of it. */
  #gone(chain: Chain): void {
    chain.isActive = false;
    this.#done(chain, this.#add(chain, null, [{ kind: 'status', did: chain.did, isActive: false }], null));
  }

  #add(chain: Chain, event: OpenFrame | null, changes: readonly LedgerChange[], after: (() => void) | null, paths: readonly string[] = []): ChainEntry {
    const entry: ChainEntry = { event, changes, paths, after, isDone: false };
    if (event) event.entry = { finish: () => this.#done(chain, entry) };
    chain.add(entry);
    return entry;
  }

  #done(chain: Chain, entry: ChainEntry): void {
    entry.isDone = true;
    chain.settle(this.writer, this.#parts.close);
  }

  /** Holds an event back while its account is fetched. What does not fit, and all that is held with it, is left to the next fetch. */
  #canHold(chain: Chain, event: OpenFrame): boolean {
    const { fetch } = chain;
    if (!fetch || fetch.isOverflown) return false;
    const bytes = heldBytes(event.frame);
    if (fetch.held.size >= maxHeldEvents || this.#heldBytes + bytes > this.#parts.maxHeldBytes) {
      fetch.isOverflown = true;
      this.#letGo(chain, (held) => this.#again(chain, held));
      return false;
    }
    fetch.held.push(event);
    fetch.heldBytes += bytes;
    this.#heldBytes += bytes;
    return true;
  }

  /** The fetch is over: with a head all up to it was told and its chain goes on there, without one it is to be fetched again. */
  #end(chain: Chain, head: Head | null, after: (() => void) | null = null): boolean {
    const { fetch, did } = chain;
    if (!fetch) return false;
    fetch.cancel.abort();
    const isEnough = head !== null && (chain.neededRev === null || chain.neededRev <= head.rev);
    if (head) {
      chain.head = head;
      chain.isProven = true;
      chain.isStale = !isEnough;
      if (isEnough) Object.assign(chain, { neededRev: null, isWhole: true });
      this.#done(chain, this.#add(chain, null, [isEnough ? { kind: 'synced', did, head } : { kind: 'told', did, records: [], head }], after));
    }
    this.#letGo(chain, (held) => this.#again(chain, held));
    return isEnough;
  }

  /** Ends the holding, then gives each event that was held. */
  #letGo(chain: Chain, use: (event: OpenFrame) => void): void {
    const { fetch } = chain;
    if (!fetch) return;
    const isOver = !fetch.isOverflown || fetch.cancel.signal.aborted;
    this.#heldBytes -= fetch.heldBytes;
    fetch.heldBytes = 0;
    if (isOver) chain.fetch = null;
    for (let event = fetch.held.shift(); event; event = fetch.held.shift()) use(event);
  }

  #again(chain: Chain, event: OpenFrame): void {
    this.#step(chain, event, (isKept) => {
      if (isKept) this.#parts.deliver(event);
    });
  }

  /** Tells a piece of what a fetch found. */
  #tell(chain: Chain, held: HeldDifferences): void {
    const { did } = chain;
    const event: OpenFrame = { frame: held, open: { seq: held.seq, isClosed: false, isGiven: false, upTo: held.seq }, tracker: null, entry: null };
    const records = held.ops.map(({ path, cid }) => ({ path, cid }));
    this.#pass(chain, event, () => this.#parts.deliver(event), { changes: [{ kind: 'told', did, records, head: null }], paths: records.map(({ path }) => path) });
  }
}

/** Gives the rev and tree of a commit or #sync, from the commit object it carries. */
function headOf({ kind, scan, bytes }: HeldFrame, isHashed: boolean): Head | Refusal {
  const range = { start: scan.blocksOffset, end: scan.blocksOffset + scan.blocksLength };
  const [block] = findBlocks(bytes, range, [kind === 'sync' ? carRootOffset(range.start) : scan.commitOffset], !isHashed);
  if (!block) return refuse('badCommit', 'commit block is absent or does not hash to its cid');
  try {
    const commit = scanCommit(block, 0, block.length);
    if (commit.did !== scan.did) return refuse('didMismatch', `event=${scan.did}`);
    if (commit.rev !== scan.rev) return refuse('revMismatch', `event=${scan.rev}`);
    return { rev: commit.rev, data: cidAt(block, commit.dataOffset) };
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('badCommit', error.message);
    throw error;
  }
}
