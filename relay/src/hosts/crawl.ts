/**
 * Lets hosts in: requestCrawl by anybody, within limits, and by the operator, without.
 * Not for listening to them (host-pool.ts). Place in the flow: before hop 5.
 * A known host is dialled at once; a new one must answer first, and only so many new ones may come by themselves a day.
 * Source: lexicon com.atproto.sync.requestCrawl; limits as in the indigo relay.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import { checkHost } from './host-check.ts';
import { isOutOfRoom } from '../log/group-writer.ts';
import type { RelayLog } from '../log/relay-log.ts';
import type { HostPool } from './host-pool.ts';
import type { Host, HostStore } from './host-store.ts';
import { parseHostName } from './hostname.ts';
import type { HostName } from './hostname.ts';

/** Most hosts that are asked who they are at the same time. */
const maxChecksUnderWay = 32;

/** What it works with. */
export interface CrawlParts {
  readonly store: HostStore;
  readonly pool: HostPool;
  readonly log: Pick<RelayLog, 'appendedSeq'>;
  readonly clock: Clock;
  /** Guarded: see host-check.ts. */
  readonly fetch: typeof globalThis.fetch;
  readonly allowInsecure: boolean;
  readonly newHostsPerDay: number;
  /** Turns requestCrawl by the public off. */
  readonly isClosedToPublic: boolean;
}

/** Who asks. */
export type CrawlAsker = 'public' | 'operator' | 'relay';

/** What became of a host that another relay named; limit: no more new ones today. */
export type Discovered = 'added' | 'known' | 'unfit' | 'limit';

/** Takes requests. */
export class Crawl {
  readonly #parts: CrawlParts;
  readonly #checks = new Map<string, Promise<void>>();
  /** Takes requests of the public. */
  isOpenToPublic: boolean;
  /** Most new hosts a day that come by themselves. */
  newHostsPerDay: number;

  constructor(parts: CrawlParts) {
    this.#parts = parts;
    this.isOpenToPublic = !parts.isClosedToPublic;
    this.newHostsPerDay = parts.newHostsPerDay;
  }

  /**
   * Listens to a host from now on.
   * @throws XrpcError InvalidRequest, HostBanned, HostNotFound, Forbidden, RateLimitExceeded or NotEnoughResources
   */
  async request(text: string, asker: CrawlAsker): Promise<void> {
    const { store, pool, allowInsecure } = this.#parts;
    const name = parseHostName(text, allowInsecure);
    if (name === null) throw invalidRequest('hostname must be the public DNS name of a PDS, without port or path');
    const known = store.find(name.hostname);
    if (known?.isBlocked || store.isBanned(name.hostname)) throw new XrpcError(400, 'HostBanned', `host is banned: ${name.hostname}`);
    if (known && known.relay > 0 && asker !== 'operator') throw new XrpcError(400, 'HostNotFound', `host is a relay, not a PDS: ${name.hostname}`);
    if (known && (known.isDialled || known.relay > 0)) return pool.connect(known);
    if (!this.isOpenToPublic && asker === 'public') throw new XrpcError(403, 'Forbidden', 'this relay takes no crawl requests from the public');
    try {
      pool.connect(await this.#admit(name, asker));
    } catch (error) {
      throw isOutOfRoom(error) ? new XrpcError(503, 'NotEnoughResources', 'the disk of this relay is full; try again later') : error;
    }
  }

  /** Listens to a host that the operator named in the configuration: unseen, since it may be down just now. False when it may not be dialled. */
  configure(text: string): boolean {
    const { store, pool, clock, allowInsecure } = this.#parts;
    const name = parseHostName(text, allowInsecure);
    if (name === null) return false;
    const known = store.find(name.hostname);
    if (known && known.relay > 0) return false;
    pool.connect(known ? store.setDialled(known, true) : store.add(name.hostname, clock.nowMs()));
    return true;
  }

  /** Listens to a relay for as long as the configuration names it. False when it may not be dialled, or is known as a host of accounts. */
  configureRelay(text: string): boolean {
    const relay = this.#relay(text);
    if (typeof relay === 'string') return false;
    this.#parts.pool.connectNamed(relay);
    return true;
  }

  /**
   * Listens to a relay from now on, as the operator wants it.
   * @throws XrpcError InvalidRequest or HostBanned
   */
  addRelay(text: string): void {
    const relay = this.#relay(text);
    if (relay === 'unfit') throw invalidRequest('hostname must be the public DNS name of a relay, without port or path');
    if (relay === 'taken') throw invalidRequest('this host is known as a host of accounts, so it is heard by itself');
    if (relay === 'full') throw invalidRequest('no more relays can be told apart in the log');
    if (relay.isBlocked || this.#parts.store.isBanned(relay.hostname)) throw new XrpcError(400, 'HostBanned', `host is banned: ${relay.hostname}`);
    this.#parts.pool.connect(this.#parts.store.setDialled(relay, true));
  }

  /** Finds or makes a relay; or says why not. */
  #relay(text: string): Host | 'unfit' | 'taken' | 'full' {
    const { store, log, clock, allowInsecure } = this.#parts;
    const name = parseHostName(text, allowInsecure);
    if (name === null) return 'unfit';
    const known = store.find(name.hostname);
    if (known) return known.relay > 0 ? known : 'taken';
    return store.addRelay(name.hostname, clock.nowMs(), log.appendedSeq) ?? 'full';
  }

  /** Listens to a host that another relay named, within half of the daily limit; hosts that are known or refused are left alone. */
  async discover(text: string): Promise<Discovered> {
    const { store, pool, allowInsecure } = this.#parts;
    const name = parseHostName(text, allowInsecure);
    if (name === null || store.isBanned(name.hostname)) return 'unfit';
    const known = store.find(name.hostname);
    if (known && (known.isDialled || known.isBlocked || known.relay > 0)) return 'known';
    try {
      pool.connect(await this.#admit(name, 'relay'));
      return 'added';
    } catch (error) {
      if (isOutOfRoom(error)) return 'limit';
      if (!(error instanceof XrpcError)) throw error;
      return error.status === 429 ? 'limit' : 'unfit';
    }
  }

  async #admit(name: HostName, asker: CrawlAsker): Promise<Host> {
    await this.#check(name);
    const { store, clock } = this.#parts;
    // Somebody else may have asked for the same host meanwhile.
    const known = store.find(name.hostname);
    if (known?.isDialled) return known;
    const limit = asker === 'relay' ? Math.floor(this.newHostsPerDay / 2) : this.newHostsPerDay;
    if (asker !== 'operator' && !store.countNewHost(clock.nowMs(), limit)) {
      throw new XrpcError(429, 'RateLimitExceeded', `this relay has taken in ${this.newHostsPerDay} new hosts today; try again tomorrow`);
    }
    return known ? store.setDialled(known, true) : store.add(name.hostname, clock.nowMs());
  }

  async #check(name: HostName): Promise<void> {
    const { hostname } = name;
    let check = this.#checks.get(hostname);
    if (!check) {
      if (this.#checks.size >= maxChecksUnderWay) throw new XrpcError(429, 'RateLimitExceeded', 'too many hosts are being looked at; try again in a minute');
      check = checkHost(name, this.#parts.fetch).finally(() => this.#checks.delete(hostname));
      this.#checks.set(hostname, check);
    }
    await check;
  }
}
