/**
 * The hosts on disk: who they are, their cursors, blocks and bans, how many came today.
 * Not for what goes on right now (host-pool.ts).
 * Place in the flow: a host's row is durable before it is dialled; cursors are stored last, after log and accounts.
 * Source: ours.
 */
import { openDatabase } from '@dunlin/service/sqlite/database';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { maxRelayNumber } from '../log/record.ts';
import { isWithinDomain } from './hostname.ts';
import { hostMigrations } from './schema.ts';
import { WalkStore } from './walk-store.ts';

/** A host as it is stored. */
export interface Host {
  readonly id: number;
  readonly hostname: string;
  readonly createdMs: number;
  readonly cursor: number;
  /** Newest event of our log when the cursor was stored. */
  readonly cursorLogSeq: number;
  /** Most accounts; null means the default. */
  readonly accountLimit: number | null;
  readonly isBlocked: boolean;
  readonly resets: number;
  /** Its number among the relays that are listened to, from 1; 0 for a host of accounts. */
  readonly relay: number;
  /** Listened to from the start on: not known from DID documents alone, nor a relay that only the configuration names. */
  readonly isDialled: boolean;
}

/** A cursor to store. */
export interface HostCursor {
  readonly hostId: number;
  readonly cursor: number;
  /** The host's `resets` when the cursor was taken; of an older numbering it is not stored. */
  readonly resets: number;
}

interface HostRow {
  readonly id: number;
  readonly hostname: string;
  readonly created_ms: number;
  readonly cursor: number;
  readonly cursor_log_seq: number;
  readonly account_limit: number | null;
  readonly is_blocked: number;
  readonly resets: number;
  readonly relay: number;
  readonly is_dialled: number;
}

const dayMs = 86_400_000;

/** The store. */
export class HostStore {
  readonly #database: Database;
  readonly #setCursor: Statement<[number, number, number, number]>;
  readonly #bans = new Set<string>();
  /** How far one is with each host's list of repositories. */
  readonly walks: WalkStore;
  #revision = 0;
  #unheard: number;

  constructor(path: string) {
    this.#database = openDatabase(path, { migrations: hostMigrations, pragmas: { synchronous: 'NORMAL' } });
    this.walks = new WalkStore(this.#database);
    this.#setCursor = this.#database.prepare('UPDATE host SET cursor = ?, cursor_log_seq = max(cursor_log_seq, ?) WHERE id = ? AND resets = ?');
    for (const row of this.#database.prepare<[], { domain: string }>('SELECT domain FROM domain_ban').all()) this.#bans.add(row.domain);
    this.#unheard = this.#database.prepare<[], { count: number }>('SELECT count(*) AS count FROM host WHERE relay = 0 AND is_dialled = 0').get()?.count ?? 0;
  }

  /** Grows whenever a limit, a block or a ban has changed. */
  get revision(): number {
    return this.#revision;
  }

  /** How many hosts are known from DID documents only. */
  get unheardCount(): number {
    return this.#unheard;
  }

  all(): Host[] {
    return this.#database.prepare<[], HostRow>('SELECT * FROM host ORDER BY id').all().map(hostOf);
  }

  /** Hosts after an id, in order of id. */
  page(afterId: number, limit: number): Host[] {
    return this.#database.prepare<[number, number], HostRow>('SELECT * FROM host WHERE id > ? ORDER BY id LIMIT ?').all(afterId, limit).map(hostOf);
  }

  byId(hostId: number): Host | null {
    return this.page(hostId - 1, 1).find(({ id }) => id === hostId) ?? null;
  }

  find(hostname: string): Host | null {
    const row = this.#database.prepare<[string], HostRow>('SELECT * FROM host WHERE hostname = ?').get(hostname);
    return row ? hostOf(row) : null;
  }

  /** Adds a host of accounts that is not there yet, its cursor before its oldest event. */
  add(hostname: string, nowMs: number, { isDialled }: { readonly isDialled: boolean } = { isDialled: true }): Host {
    if (!isDialled) this.#unheard += 1;
    return this.#add({ hostname, createdMs: nowMs, cursorLogSeq: 0, relay: 0, isDialled });
  }

  /** Adds a relay that is not there yet; null when no number is left for it. Log records up to `appendedSeq` are of no relay with its number. */
  addRelay(hostname: string, nowMs: number, appendedSeq: number): Host | null {
    const last = this.#database.prepare<[], { last: number }>('SELECT max(relay) AS last FROM host').get()?.last ?? 0;
    if (last >= maxRelayNumber) return null;
    return this.#add({ hostname, createdMs: nowMs, cursorLogSeq: appendedSeq, relay: last + 1, isDialled: false });
  }

  /** Listens to a host from every start on, or no longer. */
  setDialled(host: Host, isDialled: boolean): Host {
    if (host.isDialled === isDialled) return host;
    const update = this.#database.prepare<[number, number]>('UPDATE host SET is_dialled = ? WHERE id = ?');
    this.#durably(() => update.run(Number(isDialled), host.id));
    if (host.relay === 0) this.#unheard += isDialled ? -1 : 1;
    return { ...host, isDialled };
  }

  #add(host: Pick<Host, 'hostname' | 'createdMs' | 'cursorLogSeq' | 'relay' | 'isDialled'>): Host {
    const insert = this.#database.prepare<[string, number, number, number, number]>(`
      INSERT INTO host (hostname, created_ms, cursor, cursor_log_seq, is_blocked, resets, relay, is_dialled) VALUES (?, ?, 0, ?, 0, 0, ?, ?)`);
    // The number stands in the log from the first event on, so it must never be given again.
    const { lastInsertRowid } = this.#durably(() => insert.run(host.hostname, host.createdMs, host.cursorLogSeq, host.relay, Number(host.isDialled)));
    this.#revision += 1;
    return { ...host, id: Number(lastInsertRowid), cursor: 0, accountLimit: null, isBlocked: false, resets: 0 };
  }

  /** Runs a change that must survive a power cut; cursors need not, an older one only repeats. */
  #durably<T>(change: () => T): T {
    this.#database.pragma('synchronous = FULL');
    try {
      return change();
    } finally {
      this.#database.pragma('synchronous = NORMAL');
    }
  }

  /** Stores cursors, all or none. `logSeq` is the newest event that is durable in our log. */
  saveCursors(cursors: readonly HostCursor[], logSeq: number): void {
    this.#database.transaction(() => {
      for (const { hostId, cursor, resets } of cursors) this.#setCursor.run(cursor, logSeq, hostId, resets);
    })();
  }

  /** Begins a new numbering at `cursor`. `appendedSeq`: log records up to here still carry cursors of the old one. */
  reset(hostId: number, cursor: number, appendedSeq: number): void {
    this.#database.prepare<[number, number, number]>('UPDATE host SET cursor = ?, cursor_log_seq = ?, resets = resets + 1 WHERE id = ?').run(cursor, appendedSeq, hostId);
  }

  setBlocked(hostId: number, isBlocked: boolean): void {
    const update = this.#database.prepare<[number, number]>('UPDATE host SET is_blocked = ? WHERE id = ?');
    this.#durably(() => update.run(Number(isBlocked), hostId));
    this.#revision += 1;
  }

  setAccountLimit(hostId: number, limit: number | null): void {
    this.#database.prepare<[number | null, number]>('UPDATE host SET account_limit = ? WHERE id = ?').run(limit, hostId);
    this.#revision += 1;
  }

  /** Says whether a domain above the hostname, or the hostname itself, is banned. */
  isBanned(hostname: string): boolean {
    return [...this.#bans].some((domain) => isWithinDomain(hostname, domain));
  }

  bannedDomains(): string[] {
    return [...this.#bans];
  }

  ban(domain: string, nowMs: number): void {
    const insert = this.#database.prepare<[string, number]>('INSERT OR IGNORE INTO domain_ban VALUES (?, ?)');
    this.#durably(() => insert.run(domain, nowMs));
    this.#bans.add(domain);
    this.#revision += 1;
  }

  unban(domain: string): void {
    const remove = this.#database.prepare<[string]>('DELETE FROM domain_ban WHERE domain = ?');
    this.#durably(() => remove.run(domain));
    this.#bans.delete(domain);
    this.#revision += 1;
  }

  /** Counts a host that came by itself, unless `limit` came today already; gives whether it may come. */
  countNewHost(nowMs: number, limit: number): boolean {
    const day = Math.floor(nowMs / dayMs);
    const row = this.#database.prepare<[number], { count: number }>('SELECT count FROM new_hosts WHERE day = ?').get(day);
    if ((row?.count ?? 0) >= limit) return false;
    this.#database.prepare<[number]>('INSERT INTO new_hosts VALUES (?, 1) ON CONFLICT (day) DO UPDATE SET count = count + 1').run(day);
    return true;
  }

  close(): void {
    this.#database.close();
  }
}

function hostOf(row: HostRow): Host {
  return {
    id: row.id, hostname: row.hostname, createdMs: row.created_ms, cursor: row.cursor, cursorLogSeq: row.cursor_log_seq,
    accountLimit: row.account_limit, isBlocked: row.is_blocked === 1, resets: row.resets,
    relay: row.relay, isDialled: row.is_dialled === 1,
  };
}
