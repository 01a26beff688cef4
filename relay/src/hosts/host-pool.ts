/**
 * All hosts we listen to.
 * Not for letting new ones in (crawl.ts) nor for one host's socket (host-connection.ts).
 * Place in the flow: hop 5; asked for cursors by the checkpoint and for figures by API and pages.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { LookupFunction } from 'node:net';
import type { AccountTable } from '../accounts/account-table.ts';
import { releaseThrottled } from '../accounts/throttle.ts';
import type { Home } from '../ingest/home.ts';
import type { Intake } from '../ingest/intake.ts';
import { isOutOfRoom } from '../log/group-writer.ts';
import type { RelayLog } from '../log/relay-log.ts';
import type { HostMetrics } from './host-metrics.ts';
import { HostConnection } from './host-connection.ts';
import { ordinaryLimits, relayLimits } from './host-limits.ts';
import type { HostLimits } from './host-limits.ts';
import type { Homes } from './homes.ts';
import { parseHostName } from './hostname.ts';
import type { HostStatus } from './host-status.ts';
import type { Host, HostCursor, HostStore } from './host-store.ts';
import { Parking } from './parking.ts';

/** Hosts looked at in one go. */
const hostsPerLook = 200;

/** What a pool is made of. */
export interface HostPoolParts {
  readonly store: HostStore;
  readonly table: AccountTable;
  readonly log: RelayLog;
  readonly intake: Pick<Intake, 'take' | 'refuse'>;
  readonly clock: Clock;
  readonly metrics: HostMetrics;
  readonly lookup: LookupFunction;
  readonly userAgent: string;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  readonly allowInsecure: boolean;
  readonly homes: Homes;
  /** Rates of ordinary hosts, before what they get for their accounts, and of trusted ones. */
  readonly limits: { readonly ordinary: HostLimits; readonly trusted: HostLimits };
  /** Relays that are new begin with what happens from now on. */
  readonly relaysStartLive: boolean;
  /** When quiet hosts are hung up on and looked at again, see parking.ts. */
  readonly parking: { readonly afterMs: number; readonly recheckMs: number };
  readonly random: () => number;
  /** Called when events of a host were missed, of whichever accounts. */
  readonly onMissed: (hostId: number) => void;
}

/** The hosts. */
export class HostPool {
  readonly #parts: HostPoolParts;
  readonly #connections = new Map<number, HostConnection>();
  /** Relays that the configuration names. */
  readonly #named = new Set<number>();
  readonly #parking: Parking;
  /** Cursors that the log knows better than the store, until their hosts are dialled. */
  readonly #recovered = new Map<number, Host>();
  /** New numberings that there was no room to store. */
  readonly #unstored: (() => void)[] = [];
  #relays = 0;
  #isClosed = false;

  constructor(parts: HostPoolParts) {
    this.#parts = parts;
    this.#parking = new Parking({ ...parts.parking, clock: parts.clock, random: parts.random, connections: () => this.#connections.values() });
  }

  /** How many hosts are connected now. */
  get active(): number {
    let active = 0;
    for (const connection of this.#connections.values()) if (connection.status().state === 'active') active += 1;
    return active;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** How many hosts are hung up on because they are quiet. */
  get parked(): number {
    return this.#parking.size;
  }

  /** How many other relays are listened to. */
  get relays(): number {
    return this.#relays;
  }

  /** Hears at the start which cursors hosts have by the log. */
  recovered(hosts: readonly Host[]): void {
    for (const host of hosts) this.#recovered.set(host.id, host);
  }

  /** Listens to a relay because the configuration names it. */
  connectNamed(relay: Host): void {
    this.#named.add(relay.id);
    this.connect(relay);
  }

  /** Listens to a host, or dials it again at once when it was given up for the moment. One that is not to be dialled is left alone. */
  connect(host: Host): void {
    if (this.#isClosed || !(host.isDialled || this.#named.has(host.id))) return;
    const known = this.#connections.get(host.id);
    if (known) return known.connect();
    const name = parseHostName(host.hostname, this.#parts.allowInsecure);
    if (name === null || host.isBlocked || this.#parts.store.isBanned(host.hostname)) return;
    const recovered = this.#recovered.get(host.id);
    this.#recovered.delete(host.id);
    const cursor = recovered?.resets === host.resets ? Math.max(recovered.cursor, host.cursor) : host.cursor;
    const connection = new HostConnection(this.#partsOf({ ...host, cursor }, name.origin));
    this.#connections.set(host.id, connection);
    if (host.relay > 0) this.#relays += 1;
    connection.connect();
  }

  /** Says whether a host is connected now. */
  isConnected(hostId: number): boolean {
    return this.#connections.get(hostId)?.isOpen ?? false;
  }

  /** Says whether the handshake with a host is under way. */
  isDialling(hostId: number): boolean {
    return this.#connections.get(hostId)?.isDialling ?? false;
  }

  /** Ends listening to a host; false when it was not listened to. */
  async disconnect(hostId: number): Promise<boolean> {
    const connection = this.#connections.get(hostId);
    this.#connections.delete(hostId);
    if (connection && connection.relay > 0) this.#relays -= 1;
    await connection?.close();
    return connection !== undefined;
  }

  /** Gives a host a limit of its own for accounts, and lets those speak that fit it now; gives how many. */
  setAccountLimit(host: Host, limit: number): number {
    this.#parts.store.setAccountLimit(host.id, limit);
    return releaseThrottled(this.#parts.table, host.id, limit);
  }

  /** Gives how a host does; for one that is not listened to, what is stored of it. */
  status(host: Host): HostStatus {
    const connection = this.#connections.get(host.id);
    if (connection) return connection.status();
    const isBanned = host.isBlocked || this.#parts.store.isBanned(host.hostname);
    return {
      hostname: host.hostname, kind: host.relay > 0 ? 'relay' : 'pds', isHeard: host.relay > 0 || host.isDialled, state: isBanned ? 'banned' : 'idle', cursor: host.cursor, seenSeq: host.cursor,
      accounts: this.#parts.table.countOfHost(host.id), accountLimit: this.#parts.homes.accountLimit(host),
      acceptedEvents: 0, duplicateEvents: 0, droppedEvents: {}, lastFault: null, lastEventAtMs: null, resets: host.resets,
      lagMs: null, connectedAtMs: null, rates: null, isTrusted: this.#parts.homes.isTrusted(host.hostname), pause: null,
    };
  }

  /** Gives the origin of a host we know, or null. */
  originOf(hostId: number): string | null {
    return this.#connections.get(hostId)?.origin ?? this.#parts.homes.byId(hostId)?.origin ?? null;
  }

  /** Gives the origin of a host that should answer: connected now, parked, or heard through a relay; else null. */
  liveOrigin(hostId: number): string | null {
    const connection = this.#connections.get(hostId);
    if (connection) return connection.isOpen || connection.isParked ? connection.origin : null;
    const home = this.relays > 0 ? this.#parts.homes.byId(hostId) : null;
    return home?.isRefused === false ? home.origin : null;
  }

  /** Gives those of the next hosts of accounts after a number that should answer, and where to go on; 0 is the beginning. */
  answeringAfter(hostId: number): { readonly homes: readonly Home[]; readonly nextId: number } {
    const hosts = this.#parts.store.page(hostId, hostsPerLook);
    const homes = hosts.map(({ id }) => (this.liveOrigin(id) === null ? null : this.#parts.homes.byId(id))).filter((home) => home !== null);
    return { homes, nextId: hosts.length < hostsPerLook ? 0 : (hosts.at(-1)?.id ?? 0) };
  }

  /** Gives the cursors that have moved since they were last taken. @throws when there is no room for what must be stored before them */
  takeCursors(): HostCursor[] {
    for (let store = this.#unstored[0]; store; store = this.#unstored[0]) {
      store();
      this.#unstored.shift();
    }
    const cursors: HostCursor[] = [];
    for (const connection of this.#connections.values()) {
      const cursor = connection.takeCursor();
      if (cursor) cursors.push(cursor);
    }
    return cursors;
  }

  /** Hangs up on all hosts. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#parking.close();
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }

  #partsOf(host: Host, origin: string): ConstructorParameters<typeof HostConnection>[0] {
    const { store, table, log, intake, clock, metrics, lookup, userAgent, backoff, homes } = this.#parts;
    const isTrusted = homes.isTrusted(host.hostname);
    const isRelay = host.relay > 0;
    const accounts = (): number => table.countOfHost(host.id);
    return {
      host, origin, intake, clock, lookup, userAgent, backoff, accounts, isTrusted, startsLive: isRelay && this.#parts.relaysStartLive,
      limits: () => (isRelay ? relayLimits : isTrusted ? this.#parts.limits.trusted : ordinaryLimits(accounts(), this.#parts.limits.ordinary)),
      accountLimit: () => homes.byId(host.id)?.accountLimit() ?? 0,
      onNewNumbering: (cursor) => {
        metrics.newNumberings.inc();
        const appendedSeq = log.appendedSeq;
        this.#storeOrKeep(() => store.reset(host.id, cursor, appendedSeq));
      },
      onMissed: () => this.#missed(host),
      onTextFrame: () => metrics.textFrames.inc(),
    };
  }

  /** Until it is stored, the host's cursor is that of its old numbering, which it will not know. */
  #storeOrKeep(store: () => void): void {
    try {
      store();
    } catch (error) {
      if (!isOutOfRoom(error)) throw error;
      this.#unstored.push(store);
    }
  }

  /** What a relay has let go of may have been of any host that is not heard directly. */
  #missed(host: Host): void {
    if (host.relay === 0) return this.#parts.onMissed(host.id);
    for (const { id, relay } of this.#parts.store.all()) if (relay === 0 && !this.isConnected(id)) this.#parts.onMissed(id);
  }
}
