/**
 * All sessions of the gateway: opens them, knows who is who, ends them when an account is no longer active or the service stops.
 * Not for sockets (api/subscribe.ts), rooms (lobby.ts) or counts (reactions/live-counts.ts).
 * Source: ours, see docs/gateway.md.
 */
import type { Lexicons } from '@atproto/lexicon';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { toBase64Url } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { Changes } from '../index/changes.ts';
import type { LiveCounts } from '../reactions/live-counts.ts';
import { roomSnapshot } from '../views/room-snapshot.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { ByeName } from './bye-codes.ts';
import { createCommandReader } from './commands.ts';
import type { Lobby } from './lobby.ts';
import type { Sink } from './outbound.ts';
import { Session } from './session.ts';
import type { TokenCheck } from './token-check.ts';

/** Most sessions of one account. */
export const maxSessionsPerAccount = 20;

/** The method a token for the gateway must name. */
export const gatewayMethod = 'app.dunlin.live.subscribe';

/** Parts. */
export interface GatewayOptions {
  readonly store: IndexStore;
  readonly lobby: Lobby;
  readonly counts: LiveCounts;
  readonly tokens: Pick<TokenCheck, 'check'>;
  readonly lexicons: Lexicons;
  /** DID of this service with the id of its service entry. */
  readonly gatewayId: () => string;
  readonly clock: Clock;
  readonly onBye?: (reason: ByeName) => void;
}

/** The sessions. */
export class Gateway {
  readonly #o: GatewayOptions;
  readonly #read: ReturnType<typeof createCommandReader>;
  readonly #sessions = new Set<Session>();
  readonly #ofAccount = new Map<string, Set<Session>>();
  readonly #sweep: Timer;

  constructor(o: GatewayOptions) {
    this.#o = o;
    this.#read = createCommandReader(o.lexicons);
    this.#sweep = o.clock.every(1_000, () => this.sweep(), { unref: true });
  }

  /** Sessions open now. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Opens a session for a connection from an address (IPv6: its /64); the caller tells it of messages, drains and the end. */
  open(sink: Sink, address: string): Session {
    const { clock, lobby, counts, gatewayId, tokens, store } = this.#o;
    const session: Session = new Session({
      id: toBase64Url(randomBytes(9)),
      sink, address, clock, lobby, counts,
      gatewayId: gatewayId(),
      read: this.#read,
      checkToken: (token) => tokens.check(token, gatewayMethod),
      admit: (newcomer, did) => this.#admit(newcomer, did),
      roomState: (room, history) => roomSnapshot(store, room, { history, nowMs: clock.nowMs(), online: lobby.find(room)?.online ?? null }),
      onBye: (_, reason) => this.#o.onBye?.(reason),
    });
    this.#sessions.add(session);
    return session;
  }

  /** The connection of a session is gone. */
  closed(session: Session): void {
    const { did } = session;
    session.closed();
    this.#sessions.delete(session);
    if (did !== null) this.#forget(did, session);
  }

  /** Hears what the index tells, once it is durable: first rooms, then who may stay. */
  changed(changes: Changes): void {
    this.#o.lobby.changed(changes);
    this.#o.counts.changed(changes.subjects);
    for (const change of changes.inOrder) {
      if (change.kind !== 'account' || change.isVisible) continue;
      for (const session of this.#ofAccount.get(change.did) ?? []) session.bye('accountInactive');
    }
  }

  /** Ends leases, sessions and rooms whose time is over. */
  sweep(): void {
    this.#o.lobby.sweep();
    for (const session of this.#sessions) session.sweep();
  }

  /** Says goodbye to everybody. */
  close(): void {
    this.#sweep.cancel();
    for (const session of this.#sessions) session.bye('shutdown');
    this.#sessions.clear();
    this.#ofAccount.clear();
  }

  #admit(session: Session, did: string): ByeName | null {
    if (this.#o.store.accounts.find(did)?.isVisible === false) return 'accountInactive';
    const sessions = this.#ofAccount.get(did) ?? new Set();
    if (sessions.size >= maxSessionsPerAccount) return 'connectionLimit';
    this.#ofAccount.set(did, sessions.add(session));
    return null;
  }

  #forget(did: string, session: Session): void {
    const sessions = this.#ofAccount.get(did);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#ofAccount.delete(did);
  }
}
