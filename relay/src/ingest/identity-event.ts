/**
 * What is done with an #identity event: the DID is looked up anew, and the event passed on with a handle only when that
 * checks both ways.
 * Not for #account. Place in the flow: at the head of a lane, asynchronous; what follows in the lane waits for it, so
 * that a commit signed with a new key finds that key.
 * Source: ours, docs/wire.md; sync specification "#identity".
 */
import { DidLimiter } from './did-limiter.ts';
import type { DidLimit } from './did-limiter.ts';
import { checkAccount } from './gate.ts';
import type { Known } from './gate.ts';
import type { Identities, Settlement } from './identities.ts';
import type { Item } from './lane.ts';
import { withHandle } from './rewrite.ts';
import type { ScannedFrame } from './rewrite.ts';

/** What is to be done with the event. */
export type IdentityOutcome = Exclude<Settlement, { kind: 'settled' }> | { readonly kind: 'pass'; readonly row: number; readonly frame: ScannedFrame };

/** Handles #identity events. */
export class IdentityEvents {
  readonly #known: Known;
  readonly #identities: Identities;
  readonly #limiter: DidLimiter;

  constructor(known: Known, identities: Identities, limit: DidLimit) {
    this.#limiter = new DidLimiter(limit);
    this.#known = known;
    this.#identities = identities;
  }

  /** Decides about the event; `nowMs` is the monotonic clock. */
  async decide(item: Item, nowMs: number): Promise<IdentityOutcome> {
    // Held events come here again; they were counted the first time.
    if (!item.isRefreshed && !this.#limiter.take(`${item.did} ${item.upstream.id}`, nowMs)) return { kind: 'drop', reason: 'rateLimited', detail: 'too many #identity events for this did' };
    item.isRefreshed = true;
    const settlement = await this.#identities.settle(item.did, item.upstream, 'identity-event');
    if (settlement.kind !== 'settled') return settlement;
    const { row } = settlement;
    const gate = checkAccount(this.#known, row, item.upstream);
    if (gate.kind === 'drop') return gate;
    if (item.scan.handle === null) return { kind: 'pass', row, frame: item };
    return { kind: 'pass', row, frame: withHandle(item, await this.#identities.verifiedHandle(item.did, this.#known.table.hostId(row))) };
  }
}
