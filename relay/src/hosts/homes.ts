/**
 * The hosts of accounts, listened to or not: found by number for each event that comes through another relay, found or
 * added by origin when a DID document names one.
 * Not for dialling (host-pool.ts). Place in the flow: step 4 of the verdict order, and limits wherever they are asked for.
 * Source: ours, docs/decisions/0016-other-relays-as-upstreams.md. Bounded: hosts known only by DID documents have a limit.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Home, HomeBook, NoHome } from '../ingest/home.ts';
import type { Host, HostStore } from './host-store.ts';
import { isWithinDomain, parseHostName } from './hostname.ts';

/** What it works with. */
export interface HomesParts {
  readonly store: HostStore;
  readonly clock: Clock;
  readonly allowInsecure: boolean;
  readonly trustedDomains: readonly string[];
  /** Most accounts of a host that has no limit of its own. */
  readonly defaultAccountLimit: number;
  readonly trustedAccountLimit: number;
  /** Most hosts that are known because a DID document named them, and not listened to. */
  readonly mostUnheard: number;
}

/** The homes. */
export class Homes implements HomeBook {
  readonly #parts: HomesParts;
  readonly #known = new Map<number, Home | null>();
  #revision = -1;

  constructor(parts: HomesParts) {
    this.#parts = parts;
  }

  byId(hostId: number): Home | null {
    const { store } = this.#parts;
    if (this.#revision !== store.revision) {
      this.#known.clear();
      this.#revision = store.revision;
    }
    let home = this.#known.get(hostId);
    if (home === undefined) {
      home = this.#homeOf(store.byId(hostId));
      this.#known.set(hostId, home);
    }
    return home;
  }

  settle(origin: string): Home | NoHome {
    const { store, clock, allowInsecure, mostUnheard } = this.#parts;
    const name = parseHostName(origin, allowInsecure);
    if (name?.origin !== origin) return 'unfit';
    const known = store.find(name.hostname);
    if (known) return this.byId(known.id) ?? 'unfit';
    if (store.isBanned(name.hostname)) return 'refused';
    if (store.unheardCount >= mostUnheard) return 'full';
    return this.byId(store.add(name.hostname, clock.nowMs(), { isDialled: false }).id) ?? 'unfit';
  }

  /** Most accounts of a host. */
  accountLimit({ hostname, accountLimit }: Pick<Host, 'hostname' | 'accountLimit'>): number {
    return accountLimit ?? (this.isTrusted(hostname) ? this.#parts.trustedAccountLimit : this.#parts.defaultAccountLimit);
  }

  /** Says whether a host has the limits of large hosts. */
  isTrusted(hostname: string): boolean {
    return this.#parts.trustedDomains.some((domain) => isWithinDomain(hostname, domain));
  }

  #homeOf(host: Host | null): Home | null {
    const name = host === null || host.relay > 0 ? null : parseHostName(host.hostname, this.#parts.allowInsecure);
    if (host === null || name === null) return null;
    const accountLimit = this.accountLimit(host);
    return { id: host.id, origin: name.origin, isRefused: host.isBlocked || this.#parts.store.isBanned(host.hostname), accountLimit: () => accountLimit };
  }
}
