/**
 * Asks who a DID is and settles it in the account table: which host it lives at, which key it signs with.
 * Not for caching documents (protocol/identity/resolver) nor for deciding about single events (gate.ts, pipeline.ts).
 * Place in the flow: step 4 and the second half of step 8; only for accounts that are new, moved, rotated or not looked
 * at for a day. Every look-up that passes by the cache is limited per DID, every look-up is limited per host.
 * Source: ours, docs/wire.md; account limit as in the indigo relay.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { DidDocument } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { AccountTable } from '../accounts/account-table.ts';
import { isOutOfRoom } from '../log/group-writer.ts';
import { DidLimiter } from './did-limiter.ts';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { LookupCause } from './gate.ts';
import type { Home, HomeBook } from './home.ts';
import { HostSlots } from './host-slots.ts';
import type { Upstream } from './upstream.ts';

/** Why a DID is looked up: the gate's reasons, a signature that does not verify, an #identity event. */
export type Cause = LookupCause | 'bad-signature' | 'identity-event';

/** What became of it. */
export type Settlement =
  | { readonly kind: 'settled'; readonly row: number }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly detail: string }
  /** The directory cannot say just now. */
  | { readonly kind: 'later'; readonly detail: string };

/** What it works with. */
export interface IdentitiesParts {
  readonly resolver: IdentityResolver;
  readonly table: AccountTable;
  readonly homes: HomeBook;
  readonly lookupsPerHost: number;
  readonly clock: Clock;
}

/** Look-ups for a relay at the same time: as many as for so many hosts. */
const hostsOfRelay = 8;
/** Handles of one host's accounts that are looked up at the same time: apart, since DNS may be slow. */
const handlesPerHost = 8;

/** One look-up anew a DID at once, another each minute. */
const refreshLimit = { burst: 1, everyMs: 60_000 };

/** Throttled accounts that are remembered for each host, as a share of its limit: the others are turned away unseen. */
const throttledShare = 1;

/** Settles DIDs. */
export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #refreshes = new DidLimiter(refreshLimit);
  readonly #slots: HostSlots;
  readonly #relaySlots: HostSlots;
  readonly #handleSlots = new HostSlots(handlesPerHost);

  constructor(parts: IdentitiesParts) {
    this.#parts = parts;
    this.#slots = new HostSlots(parts.lookupsPerHost);
    this.#relaySlots = new HostSlots(parts.lookupsPerHost * hostsOfRelay);
  }

  /**
   * Says whether this DID may be looked up anew now for this host, and counts that it is. For each host apart: what a
   * stranger sends in an account's name must not use up what its own host needs when a key is rotated.
   */
  mayRefresh(did: string, upstream: Upstream): boolean {
    return this.#refreshes.take(`${did} ${upstream.id}`, this.#parts.clock.elapsedMs());
  }

  /** Looks a DID up and settles it for an event that came from `upstream`. */
  settle(did: string, upstream: Upstream, cause: Cause): Promise<Settlement> {
    const slots = upstream.relay > 0 ? this.#relaySlots : this.#slots;
    return slots.run(upstream.id, () => this.#settle(did, upstream, cause));
  }

  /** Gives the handle a DID has in both directions, or null when it has none or that cannot be told now; a few at a time for each home. */
  async verifiedHandle(did: string, homeId: number): Promise<string | null> {
    try {
      return await this.#handleSlots.run(homeId, () => this.#parts.resolver.verifiedHandle(did));
    } catch (error) {
      if (error instanceof ProtocolError) return null;
      throw error;
    }
  }

  async #settle(did: string, upstream: Upstream, cause: Cause): Promise<Settlement> {
    try {
      // An account nobody has heard of is not looked up past the cache, or strangers' DIDs would all reach the directory.
      const isForced = cause === 'bad-signature' || (cause === 'identity-event' && this.#parts.table.find(did) !== -1);
      const document = await this.#parts.resolver.resolveDid(did, { refresh: isForced });
      if (this.#fits(document, upstream) || isForced) return this.#decide(did, document, upstream);
      // The cached document may be older than the account's move to this host.
      if (!this.mayRefresh(did, upstream)) return this.#decide(did, document, upstream);
      return this.#decide(did, await this.#parts.resolver.resolveDid(did, { refresh: true }), upstream);
    } catch (error) {
      // Its host is new, and there is no room to remember it.
      if (isOutOfRoom(error)) return { kind: 'later', detail: 'the disk is full' };
      if (error instanceof ProtocolError && error.code === 'IdentityUnavailable') return { kind: 'later', detail: error.message };
      throw error;
    }
  }

  #fits(document: DidDocument | null, upstream: Upstream): boolean {
    // Of a relay nothing can be asked but that there is a home at all; whether it is refused is no question of age.
    return upstream.relay === 0 ? document?.pdsUrl === upstream.origin : typeof document?.pdsUrl === 'string';
  }

  #decide(did: string, document: DidDocument | null, upstream: Upstream): Settlement {
    if (document === null) return { kind: 'drop', reason: 'unknownAccount', detail: 'there is no document for this did' };
    const home = this.#homeOf(document.pdsUrl, upstream);
    if ('kind' in home) return home;
    const { table, clock } = this.#parts;
    const row = this.#rowFor(did, home);
    if (row === null) return { kind: 'drop', reason: 'throttled', detail: `host is over its account limit: limit=${home.accountLimit()}` };
    const { signingKey } = document;
    table.setKey(row, signingKey && { curve: signingKey.curve, bytes: signingKey.bytes }, Math.floor(clock.nowMs() / 1000));
    return { kind: 'settled', row };
  }

  /** The home that a document names, when the one that sent the event may speak of it. */
  #homeOf(pdsUrl: string | null, upstream: Upstream): Home | Extract<Settlement, { kind: 'drop' }> {
    const { homes } = this.#parts;
    const isTheirs = upstream.relay > 0 ? pdsUrl !== null : pdsUrl === upstream.origin;
    const home = isTheirs && pdsUrl !== null ? homes.settle(pdsUrl) : 'unfit';
    if (home === 'unfit') return { kind: 'drop', reason: 'wrongHost', detail: `did document names another host: pds=${pdsUrl ?? 'none'}` };
    if (home === 'full') return { kind: 'drop', reason: 'throttled', detail: `too many hosts are known already: pds=${pdsUrl}` };
    if (home === 'refused' || home.isRefused) return { kind: 'drop', reason: 'bannedHost', detail: `host is refused here: pds=${pdsUrl}` };
    return home;
  }

  /** Finds, adds or moves the account; null when the host has too many, the remembered throttled ones included. */
  #rowFor(did: string, home: Home): number | null {
    const { table } = this.#parts;
    const row = table.find(did);
    if (row !== -1 && table.hostId(row) === home.id) return row;
    const limit = home.accountLimit();
    const isOver = table.countOfHost(home.id) >= limit;
    if (isOver && table.countOfHost(home.id) >= limit * (1 + throttledShare)) return null;
    if (row !== -1) table.setHost(row, home.id);
    const settled = row === -1 ? table.add(did, home.id) : row;
    if (table.local(settled) !== 'takendown') table.setLocal(settled, isOver ? 'throttled' : 'none');
    return settled;
  }
}
