/**
 * Where an account lives, as its DID document says: the host that counts for limits, bans and questions about it,
 * through whomever its events come.
 * Not for sockets (hosts/host-connection.ts). Place in the flow: step 4 of the verdict order.
 * Source: ours, docs/decisions/0016-other-relays-as-upstreams.md; hosts/homes.ts keeps them.
 */

/** A host as the home of accounts. */
export interface Home {
  /** Our number of the host, from 1. */
  readonly id: number;
  /** Compared with the PDS endpoint of DID documents. */
  readonly origin: string;
  /** The operator refuses it, or a domain above it. */
  readonly isRefused: boolean;
  /** Most accounts it may have; an account beyond is throttled. */
  accountLimit(): number;
}

/** Why an address in a DID document is nobody's home: it is refused, no name that may be dialled, or one host too many. */
export type NoHome = 'refused' | 'unfit' | 'full';

/** Knows homes. */
export interface HomeBook {
  /** Gives a host by our number of it; null for a relay, and for a number nobody has. */
  byId(hostId: number): Home | null;
  /** Gives the host at an origin, known or new. */
  settle(origin: string): Home | NoHome;
}
