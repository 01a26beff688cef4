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
import type { Intake } from '../ingest/intake.ts';
import type { RelayLog } from '../log/relay-log.ts';
import type { HostMetrics } from './host-metrics.ts';
import { HostConnection } from './host-connection.ts';
import { ordinaryLimits, trustedLimits } from './host-limits.ts';
import { isWithinDomain, parseHostName } from './hostname.ts';
import type { HostStatus } from './host-status.ts';
import type { Host, HostCursor, HostStore } from './host-store.ts';
import { Parking } from './parking.ts';

/** Accounts of a trusted host. */
const trustedAccountLimit = 10_000_000;

/** What a pool is made of. */
export interface HostPoolParts {
  readonly store: HostStore;
  readonly table: AccountTable;
  readonly log: RelayLog;
  readonly intake: Pick<Intake, 'take'>;
  readonly clock: Clock;
  readonly metrics: HostMetrics;
  readonly lookup: LookupFunction;
  readonly userAgent: string;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  readonly allowInsecure: boolean;
  readonly trustedDomains: readonly string[];
  /** Most accounts of a host that has no limit of its own. */
  readonly defaultAccountLimit: number;
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
  /** Limits of their own that hosts have; the others have the default. */
  readonly #ownLimits = new Map<number, number>();
  readonly #parking: Parking;
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

  /** Listens to a host, or dials it again at once when it was given up for the moment. */
  connect(host: Host): void {
    if (this.#isClosed) return;
    const known = this.#connections.get(host.id);
    if (known) return known.connect();
    const name = parseHostName(host.hostname, this.#parts.allowInsecure);
    if (name === null || host.isBlocked || this.#parts.store.isBanned(host.hostname)) return;
    if (host.accountLimit !== null) this.#ownLimits.set(host.id, host.accountLimit);
    const connection = new HostConnection(this.#partsOf(host, name.origin));
    this.#connections.set(host.id, connection);
    connection.connect();
  }

  /** Says whether a host is connected now. */
  isConnected(hostId: number): boolean {
    return this.#connections.get(hostId)?.isOpen ?? false;
  }

  /** Ends listening to a host; false when it was not listened to. */
  async disconnect(hostId: number): Promise<boolean> {
    const connection = this.#connections.get(hostId);
    this.#connections.delete(hostId);
    await connection?.close();
    return connection !== undefined;
  }

  /** Gives a host a limit of its own for accounts, and lets those speak that fit it now; gives how many. */
  setAccountLimit(host: Host, limit: number): number {
    this.#parts.store.setAccountLimit(host.id, limit);
    this.#ownLimits.set(host.id, limit);
    return releaseThrottled(this.#parts.table, host.id, limit);
  }

  /** Gives how a host does; for one that is not listened to, what is stored of it. */
  status(host: Host): HostStatus {
    const connection = this.#connections.get(host.id);
    if (connection) return connection.status();
    const isBanned = host.isBlocked || this.#parts.store.isBanned(host.hostname);
    return {
      hostname: host.hostname, state: isBanned ? 'banned' : 'idle', cursor: host.cursor, seenSeq: host.cursor,
      accounts: this.#parts.table.countOfHost(host.id), accountLimit: this.#accountLimit(host.hostname, host.accountLimit),
      acceptedEvents: 0, droppedEvents: {}, lastFault: null, lastEventAtMs: null, resets: host.resets,
      lagMs: null, connectedAtMs: null, rates: null, isTrusted: this.#isTrusted(host.hostname), pause: null,
    };
  }

  /** Gives the origin of a host we know, or null. */
  originOf(hostId: number): string | null {
    const connection = this.#connections.get(hostId);
    if (connection) return connection.origin;
    const host = this.#parts.store.page(hostId - 1, 1)[0];
    return host?.id === hostId ? (parseHostName(host.hostname, this.#parts.allowInsecure)?.origin ?? null) : null;
  }

  /** Gives the origin of a host that answers: connected now, or parked; else null. */
  liveOrigin(hostId: number): string | null {
    const connection = this.#connections.get(hostId);
    return connection?.isOpen || connection?.isParked ? connection.origin : null;
  }

  /** Gives the cursors that have moved since they were last taken. */
  takeCursors(): HostCursor[] {
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
    const { store, table, log, intake, clock, metrics, lookup, userAgent, backoff } = this.#parts;
    const isTrusted = this.#isTrusted(host.hostname);
    const accounts = (): number => table.countOfHost(host.id);
    return {
      host, origin, intake, clock, lookup, userAgent, backoff, accounts, isTrusted,
      limits: () => (isTrusted ? trustedLimits : ordinaryLimits(accounts())),
      accountLimit: () => this.#accountLimit(host.hostname, this.#ownLimits.get(host.id) ?? null),
      onNewNumbering: (cursor) => {
        metrics.newNumberings.inc();
        store.reset(host.id, cursor, log.appendedSeq);
      },
      onMissed: () => this.#parts.onMissed(host.id),
      onTextFrame: () => metrics.textFrames.inc(),
    };
  }

  #isTrusted(hostname: string): boolean {
    return this.#parts.trustedDomains.some((domain) => isWithinDomain(hostname, domain));
  }

  #accountLimit(hostname: string, own: number | null): number {
    if (own !== null) return own;
    return this.#isTrusted(hostname) ? trustedAccountLimit : this.#parts.defaultAccountLimit;
  }
}
