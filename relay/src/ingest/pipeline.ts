/**
 * Brings every event to its verdict, in order for each account: steps 4 to 10 of the verdict order.
 * Not for frames and fields (intake.ts), bytes and signatures (the verify worker), or the network (identities.ts).
 * Place in the flow: hop 6, between intake and acceptance. The first event of a lane is decided; those behind it are
 * handed to the worker early when nothing speaks against it, and decided when they come first.
 * Source: ours, docs/wire.md "Verdicts".
 */
import { assert } from '@dunlin/protocol/base/assert';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import { AccountEvents } from './account-event.ts';
import type { AccountOutcome } from './account-event.ts';
import { checkAccount, checkContinuity, checkSigned, continuesTold, repeatsRev } from './gate.ts';
import type { Cause, Settlement } from './identities.ts';
import { IdentityEvents } from './identity-event.ts';
import type { Item, Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import type { PipelineParts } from './pipeline-parts.ts';

/** What one step made of the first event of a lane; moved: it is in another lane now. */
type Step = 'done' | 'wait' | 'moved';

/** The pipeline. */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #identityEvents: IdentityEvents;
  readonly #accountEvents: AccountEvents;
  readonly #lanes: Lanes;
  #isClosed = false;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#identityEvents = new IdentityEvents(parts, parts.identities, parts.limits.notices);
    this.#accountEvents = new AccountEvents(parts);
    this.#lanes = new Lanes(parts.table);
  }

  /** How many accounts have events on their way. */
  get lanes(): number {
    return this.#lanes.size;
  }

  /** Takes an event whose fields have been checked. */
  push(item: Item): void {
    const lane = this.#lanes.for(item);
    if (lane.held && !this.#parts.hold.add(lane, item)) {
      this.#drop(item, 'queueFull', `too much of this account is held back already, or of its host: bytes=${lane.held.bytes}`);
      return;
    }
    item.lane = lane;
    lane.items.push(item);
    if (lane.items.length === 1) this.#advance(lane);
    else this.#verifyEarly(lane, item);
  }

  /** Stops; what is on its way is neither accepted nor dropped, its host will send it again. */
  close(): void {
    this.#isClosed = true;
    this.#accountEvents.close();
    this.#lanes.clear();
  }

  #advance(lane: Lane): void {
    while (!lane.isBusy && !this.#isClosed) {
      const item = lane.items[0];
      if (item === undefined) {
        this.#lanes.delete(lane);
        return;
      }
      const step = this.#step(lane, item);
      if (step === 'wait') return;
      if (step === 'done') this.#shift(lane);
    }
  }

  #step(lane: Lane, item: Item): Step {
    switch (item.kind) {
      case 'commit':
      case 'sync':
        return this.#stepSigned(lane, item);
      case 'account':
        return this.#stepAccount(lane, item);
      case 'identity':
        return this.#stepIdentity(lane, item);
    }
  }

  #stepSigned(lane: Lane, item: Item): Step {
    const { table, clock, identities } = this.#parts;
    const row = table.find(lane.did, lane.hash);
    const gate = checkSigned(this.#parts, row, item.upstream, item.scan, clock.nowMs());
    if (gate.kind === 'drop') return this.#drop(item, gate.reason, gate.detail);
    if (gate.kind === 'look-up') return this.#lookUp(lane, item, gate.cause);
    if (gate.kind === 'inactive') return this.#askStatus(lane, item, gate);
    const { verdict } = item;
    if (item.key !== null && verdict === null) return 'wait';
    // A key that has changed since the event was handed to the worker counts anew.
    if (verdict === null || item.key === null || !table.isKey(row, item.key)) return this.#verify(lane, item, row);
    if (verdict.accepted) return this.#acceptSigned(lane, item, row, verdict);
    if (verdict.reason === 'badSignature' && !item.isRefreshed) {
      if (this.#setApart(lane, item)) return 'moved';
      // Who is held was counted the first time, and has had no answer yet.
      item.isRefreshed = lane.held !== null || identities.mayRefresh(lane.did, item.upstream);
      if (item.isRefreshed) return this.#lookUp(lane, item, 'bad-signature');
    }
    return this.#drop(item, verdict.reason, verdict.detail);
  }

  #acceptSigned(lane: Lane, item: Item, row: number, repo: { data: Uint8Array; head: Uint8Array }): Step {
    const { table, metrics, acceptance, heard, dropsDiscontinuous } = this.#parts;
    if (item.kind === 'sync') {
      const telling = { kind: 'sync', did: item.did, rev: item.scan.rev } as const;
      if (heard.isEcho(telling, item.upstream.relay > 0)) return this.#drop(item, 'duplicate', 'the same #sync was passed on before');
      if (!repeatsRev(table, row, item.scan, repo.data)) return this.#drop(item, 'revNotNewer', `rev was seen with another tree: rev=${item.scan.rev}`);
      table.setDesynchronized(row, false);
      item.breaks = table.rev(row) === null || !table.isData(row, repo.data, 0);
    } else {
      const field = checkContinuity(table, row, item.scan, item.bytes);
      if (field !== null && dropsDiscontinuous) {
        const reason = field === 'since' ? 'sinceMismatch' : 'prevDataMismatch';
        return this.#drop(item, reason, `stored rev=${table.rev(row)} since=${item.scan.since}`);
      }
      if (field !== null) metrics.discontinuous.inc({ field });
      table.setDesynchronized(row, field !== null);
      item.breaks = field !== null || (table.rev(row) === null && !continuesTold(table, row, item.scan, item.bytes));
    }
    item.row = row;
    acceptance.signed(lane, item, row, repo);
    return 'done';
  }

  /** Drops an event of an account that is not active, unless its host says now that it is. */
  #askStatus(lane: Lane, item: Item, { row, detail }: { row: number; detail: string }): Step {
    const { table, homes, acceptance, reactivation, hold, clock, metrics, onTold } = this.#parts;
    const { upstream } = item;
    const home = homes.byId(table.hostId(row));
    if (home === null || item.isStatusAsked || !reactivation.mayAsk(lane.did, home)) return this.#drop(item, 'inactive', detail);
    item.isStatusAsked = true;
    this.#while(lane, hold.whileAsked(lane, item, reactivation.ask(lane.did, home)), (answer) => {
      metrics.statusChecks[answer].inc();
      // Meanwhile the account may have moved, or been taken down by the operator.
      if (answer === 'active' && table.hostId(row) === home.id && checkAccount(this.#parts, row, upstream).kind === 'pass' && table.local(row) === 'none') {
        acceptance.told(lane, upstream, row, { active: true, status: null }, clock.nowMs());
        onTold(row);
      }
      this.#advance(lane);
    });
    return 'wait';
  }

  #stepAccount(lane: Lane, item: Item): Step {
    const row = this.#parts.table.find(lane.did, lane.hash);
    const gate = checkAccount(this.#parts, row, item.upstream);
    if (gate.kind === 'drop') return this.#drop(item, gate.reason, gate.detail);
    if (gate.kind === 'look-up') return this.#lookUp(lane, item, gate.cause);
    const outcome = this.#accountEvents.decide(item, row);
    if (outcome.kind !== 'ask') return this.#finishAccount(lane, item, row, outcome);
    this.#while(lane, this.#parts.hold.whileAsked(lane, item, this.#accountEvents.confirm(item, row, outcome.home)), (confirmed) => {
      this.#finishAccount(lane, item, row, confirmed);
      this.#shift(lane);
      this.#advance(lane);
    });
    return 'wait';
  }

  #finishAccount(lane: Lane, item: Item, row: number, outcome: Exclude<AccountOutcome, { kind: 'ask' }>): Step {
    if (outcome.kind === 'drop') return this.#drop(item, outcome.reason, outcome.detail);
    this.#accountEvents.accept(lane, item, row, outcome.said);
    return 'done';
  }

  #stepIdentity(lane: Lane, item: Item): Step {
    const { metrics, heard, hold, clock } = this.#parts;
    const telling = { kind: 'identity', did: item.did, time: item.scan.time } as const;
    if (heard.isEcho(telling, item.upstream.relay > 0)) return this.#drop(item, 'duplicate', 'the same #identity was passed on before');
    metrics.lookups.inc({ cause: 'identity-event' });
    this.#while(lane, hold.whileAsked(lane, item, this.#identityEvents.decide(item, clock.elapsedMs())), (outcome) => {
      if (outcome.kind === 'later') return this.#setApart(lane, item) ? this.#advance(lane) : this.#hold(lane, outcome.detail);
      if (outcome.kind === 'drop') this.#drop(item, outcome.reason, outcome.detail);
      else this.#parts.acceptance.identity(lane, item, outcome.row, outcome.frame);
      this.#shift(lane);
      this.#advance(lane);
    });
    return 'wait';
  }

  #lookUp(lane: Lane, item: Item, cause: Cause): Step {
    this.#parts.metrics.lookups.inc({ cause });
    const work = this.#parts.identities.settle(lane.did, item.upstream, cause);
    this.#while(lane, lane.did.startsWith('did:web:') ? this.#parts.hold.whileAsked(lane, item, work) : work, (settlement: Settlement) => {
      if (settlement.kind === 'later') {
        item.isRefreshed = false;
        return this.#hold(lane, settlement.detail);
      }
      if (settlement.kind === 'drop') {
        this.#drop(item, settlement.reason, settlement.detail);
        this.#shift(lane);
      }
      this.#advance(lane);
    });
    return 'wait';
  }

  /** Lets the account's host, and other relays, wait no longer for what a relay may have forged. */
  #setApart(lane: Lane, { upstream }: Item): boolean {
    if (upstream.relay === 0) return false;
    if (lane.held) this.#parts.hold.end(lane);
    const apart = this.#lanes.setApart(lane, upstream);
    if (apart !== null) this.#advance(apart);
    return apart !== null;
  }

  /** Keeps the lane still while something asynchronous goes on for its first event. */
  #while<T>(lane: Lane, work: Promise<T>, then: (result: T) => void): void {
    lane.isBusy = true;
    work.then((result) => {
      lane.isBusy = false;
      if (!this.#isClosed) then(result);
    }).catch((error: unknown) => this.#failed(lane, error));
  }

  /** A fault in a peer's bytes that nobody foresaw costs the event; any other is ours. */
  #failed(lane: Lane, error: unknown): void {
    const [item] = lane.items;
    if (!(error instanceof ProtocolError) || !item) return this.#parts.onFault(error);
    lane.isBusy = false;
    this.#drop(item, 'badFrame', error.message);
    this.#shift(lane);
    this.#advance(lane);
  }

  #verify(lane: Lane, item: Item, row: number): Step {
    const key = this.#parts.table.key(row);
    assert(key !== null, 'gate lets nothing pass without a key');
    item.key = key;
    item.verdict = null;
    const kind = item.kind === 'sync' ? 'sync' : 'commit';
    this.#parts.pool.submit(lane.hash.low, { kind, bytes: item.bytes, key }, (verdict) => {
      item.verdict = verdict;
      // It may have been set apart meanwhile.
      if (item.lane?.items[0] === item) this.#advance(item.lane);
    });
    return 'wait';
  }

  /** Hands an event that is not the first of its lane to the worker when it will most likely be asked for. */
  #verifyEarly(lane: Lane, item: Item): void {
    const { table, clock } = this.#parts;
    const before = lane.items.at(-2);
    // What was heard a moment ago from somebody else is not verified twice.
    if (lane.isBusy || !before?.key || (item.scan.rev ?? '') <= (before.scan.rev ?? '') || (item.kind !== 'commit' && item.kind !== 'sync')) return;
    const row = table.find(lane.did, lane.hash);
    if (checkSigned(this.#parts, row, item.upstream, item.scan, clock.nowMs()).kind === 'pass') this.#verify(lane, item, row);
  }

  #drop(item: Item, reason: DropReason, detail: string): Step {
    this.#parts.onDropped(item, reason, detail);
    return 'done';
  }

  /** Takes the first event, decided, out of its lane; the account's others are no longer held back for it. */
  #shift(lane: Lane): void {
    lane.items.shift();
    if (lane.held) this.#parts.hold.end(lane);
  }

  /** Keeps a lane until the directory can say who the DID is, within bounds. */
  #hold(lane: Lane, detail: string): void {
    const { hold, clock, metrics } = this.#parts;
    if (lane.held === null) metrics.heldLanes.inc();
    for (const item of hold.begin(lane)) this.#drop(item, 'queueFull', 'did cannot be resolved and too much is held back');
    if (hold.isOver(lane)) {
      for (const item of lane.items.splice(0)) this.#drop(item, 'unresolvable', detail);
      lane.held = null;
      return this.#advance(lane);
    }
    lane.isBusy = true;
    clock.after(hold.retryMs(lane), () => {
      lane.isBusy = false;
      this.#advance(lane);
    }, { unref: true });
  }
}
