/**
 * Which lane an event goes into. What the account's host says and what relays say of it share the account's own lane,
 * so that their order holds; anybody else has lanes apart, so that what a stranger sends in somebody's name never keeps
 * that account's own host waiting. Neither does what a relay forges: where the network must be asked past what is remembered,
 * what came through that relay is set apart.
 * Not for deciding (pipeline.ts). Place in the flow: hop 6. Source: ours, docs/invariants.md 4.
 */
import type { AccountTable } from '../accounts/account-table.ts';
import { hashDid } from '../log/did-hash.ts';
import { Lane } from './lane.ts';
import type { Item } from './lane.ts';

/** The lanes with something in them. */
export class Lanes {
  readonly #table: AccountTable;
  /** By DID; those apart by DID and host, which no DID can look like. */
  readonly #lanes = new Map<string, Lane>();
  #apart = 0;

  constructor(table: AccountTable) {
    this.#table = table;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** Gives the lane for an event, made when it is not there. */
  for({ did, upstream }: Item): Lane {
    // Who has something on its way in a lane apart goes on in it: its own order comes first.
    const own = this.#apart > 0 ? this.#lanes.get(keyApart(did, upstream.id)) : undefined;
    if (own) return own;
    const main = this.#lanes.get(did);
    if (main && (upstream.relay > 0 || main.hostId === upstream.id)) return main;
    const hash = main?.hash ?? hashDid(did);
    if (upstream.relay === 0 && main && main.hostId !== 0) return this.#apartFor(did, upstream.id, hash);
    const row = upstream.relay > 0 ? -1 : this.#table.find(did, hash);
    if (row !== -1 && this.#table.hostId(row) !== upstream.id) return this.#apartFor(did, upstream.id, hash);
    const lane = main ?? new Lane(did, did, hash);
    if (upstream.relay === 0) lane.hostId = upstream.id;
    this.#lanes.set(did, lane);
    return lane;
  }

  /**
   * Takes what came through a relay out of the account's own lane into one apart, in its order, where others do not wait for
   * it; null when it is in one already.
   */
  setApart({ key, did, hash, items }: Lane, relay: Item['upstream']): Lane | null {
    if (key !== did) return null;
    const apart = this.#lanes.get(keyApart(did, relay.id)) ?? this.#apartFor(did, relay.id, hash);
    const others = items.splice(0);
    for (const item of others) {
      if (item.upstream === relay) item.lane = apart;
      (item.upstream === relay ? apart.items : items).push(item);
    }
    return apart;
  }

  /** Forgets a lane that is empty. */
  delete(lane: Lane): void {
    if (this.#lanes.delete(lane.key) && lane.key !== lane.did) this.#apart -= 1;
  }

  clear(): void {
    this.#lanes.clear();
    this.#apart = 0;
  }

  #apartFor(did: string, hostId: number, hash: Lane['hash']): Lane {
    const lane = new Lane(keyApart(did, hostId), did, hash);
    this.#lanes.set(lane.key, lane);
    this.#apart += 1;
    return lane;
  }
}

function keyApart(did: string, upstreamId: number): string {
  return `${did} ${upstreamId}`;
}
