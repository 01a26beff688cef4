/**
 * All live rooms: opened when somebody first enters, fed with what the index tells, closed when long empty.
 * Not for sessions (gateway.ts). A message far from its own date is in the index but is not told as news; neither is what
 * one author writes faster than a person can.
 * Source: ours, see docs/flow.md hop 12, docs/gateway.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import type { Change, Changes, MessagePut } from '../index/changes.ts';
import type { IndexStore } from '../store/index-store.ts';
import { roomTerms } from './access.ts';
import { RoomHub } from './room-hub.ts';

/** Messages dated further from now than this, either way, are not told as news, in ms. */
export const newsWindowMs = 15 * 60_000;

/** How long an empty room keeps its frames for those who come back, in ms. */
export const keepEmptyMs = 120_000;

/** Parts and bounds. */
export interface LobbyOptions {
  readonly store: IndexStore;
  readonly clock: Clock;
  /** Most live rooms; further ones cannot be entered until others are empty. Default 10,000. */
  readonly maxRooms?: number;
  /** Told of each message that was not told as news. */
  readonly onQuiet?: (why: 'late' | 'tooFast') => void;
}

/** What one author may have told as news in one room: this many at once, and as many again evenly over the window. */
const newsPoints = 60;
const newsPointsWindowMs = 12_000;

/** The rooms people are in. */
export class Lobby {
  readonly #o: LobbyOptions;
  readonly #maxRooms: number;
  readonly #hubs = new Map<string, RoomHub>();
  readonly #pace: RateLimiter;

  constructor(o: LobbyOptions) {
    this.#o = o;
    this.#maxRooms = o.maxRooms ?? 10_000;
    this.#pace = new RateLimiter({ points: newsPoints, windowMs: newsPointsWindowMs, maxKeys: 50_000, clock: o.clock });
  }

  /** Live rooms. */
  get size(): number {
    return this.#hubs.size;
  }

  /** Gives the live room, opening it; null when the index has no such room; 'full' when no more rooms can be opened. */
  open(uri: string): RoomHub | 'full' | null {
    const live = this.#hubs.get(uri);
    if (live !== undefined) return live;
    const row = this.#o.store.rooms.find(uri);
    if (row === null) return null;
    if (this.#hubs.size >= this.#maxRooms && !this.#closeOneEmpty()) return 'full';
    const { clock, store } = this.#o;
    const handleOf = (did: string): string | null => store.accounts.find(did)?.handle ?? null;
    const hub = new RoomHub({ uri, ownerDid: row.ownerDid, terms: roomTerms(JSON.parse(row.record)), clock, handleOf });
    this.#hubs.set(uri, hub);
    return hub;
  }

  /** Gives the room if it is live. */
  find(uri: string): RoomHub | null {
    return this.#hubs.get(uri) ?? null;
  }

  /** Tells live rooms what the index tells; called once it is durable. */
  changed(changes: Changes): void {
    for (const change of changes.inOrder) this.#changedOne(change);
  }

  /** Ends leases, rooms whose time is over, and rooms long empty; called every second. */
  sweep(): void {
    for (const hub of this.#hubs.values()) {
      hub.sweep();
      if (hub.emptyMs >= keepEmptyMs) this.#hubs.delete(hub.uri);
    }
  }

  #changedOne(change: Change): void {
    switch (change.kind) {
      case 'messagePut':
        return this.#message(change);
      case 'messageRemoved':
        return this.#messageRemoved(change);
      case 'room':
        return this.#room(change.uri);
      case 'account': {
        const subject = { $type: 'app.dunlin.live.modAction#account', did: change.did };
        for (const room of change.rooms) this.#hubs.get(room)?.publish({ $type: '#mod', action: change.isVisible ? 'unhide' : 'hide', subject });
        for (const hub of this.#hubs.values()) if (hub.ownerDid === change.did) this.#room(hub.uri);
        return;
      }
      case 'handle':
        for (const hub of this.#hubs.values()) hub.tellHandle(change.did, change.handle);
    }
  }

  #message(change: MessagePut): void {
    const hub = this.#hubs.get(change.room);
    if (hub === undefined) return;
    if (Math.abs(change.createdAtMs - this.#o.clock.nowMs()) > newsWindowMs) return this.#o.onQuiet?.('late');
    if (!this.#pace.spend(`${change.room} ${change.did}`).isAllowed) return this.#o.onQuiet?.('tooFast');
    hub.noteAuthor(change.did);
    const handle = this.#o.store.accounts.find(change.did)?.handle ?? null;
    const { uri, cid, did: author, record } = change;
    const indexedAt = new Date(change.indexedAtMs).toISOString();
    hub.publish({ $type: '#message', uri, cid, author, ...(handle === null ? {} : { handle }), record, phase: 'settled', indexedAt });
  }

  #messageRemoved({ room, uri }: Change & { kind: 'messageRemoved' }): void {
    const hub = this.#hubs.get(room);
    if (hub === undefined) return;
    // Only so many were told, so no more need taking back; who deletes faster is quiet until the messages are read again.
    if (!this.#pace.spend(`${room} ${uri.split('/', 3)[2]} deleted`).isAllowed) return this.#o.onQuiet?.('tooFast');
    hub.publish({ $type: '#settled', uri, outcome: 'deleted' });
  }

  #room(uri: string): void {
    const hub = this.#hubs.get(uri);
    if (hub === undefined) return;
    const row = this.#o.store.rooms.find(uri);
    if (row !== null) return hub.setTerms(roomTerms(JSON.parse(row.record)));
    this.#hubs.delete(uri);
    hub.dropAll('RoomNotFound', 'the room is gone');
  }

  #closeOneEmpty(): boolean {
    for (const hub of this.#hubs.values()) if (hub.memberCount === 0) return this.#hubs.delete(hub.uri);
    return false;
  }
}
