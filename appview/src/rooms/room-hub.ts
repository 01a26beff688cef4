/**
 * One live room: its members, its numbered frames, who is present. Every member gets every durable frame, or is on its way out.
 * Not for opening and closing rooms (lobby.ts) nor for what a member is (session.ts).
 * Source: ours, see docs/flow.md hop 12, docs/gateway.md.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { judgeEntry, type EntryVerdict, type RoomTerms } from './access.ts';
import { Frame, type FrameBody } from './frame.ts';
import { Presence } from './presence.ts';
import { ReplayBuffer, type RoomPosition } from './replay-buffer.ts';

/** Somebody connected who is in the room. */
export interface RoomMember {
  /** Null: a reader who has not said who they are; is never named and never told names. */
  readonly did: string | null;
  send(frame: Frame): void;
  /** The room has let go of this member. */
  dropped(room: string, error: string, message: string): void;
}

/** Parts of a room. */
export interface RoomHubOptions {
  readonly uri: string;
  readonly ownerDid: string;
  readonly terms: RoomTerms;
  readonly clock: Clock;
  readonly handleOf: (did: string) => string | null;
}

/** Shortest time between two presence frames, in ms. */
export const presenceFlushMs = 250;

/** Most authors remembered, to tell when their handle becomes known. */
const maxAuthors = 256;

/** A room with people in it, or just left. */
export class RoomHub {
  readonly uri: string;
  readonly ownerDid: string;
  readonly #clock: Clock;
  readonly #handleOf: (did: string) => string | null;
  readonly #members = new Set<RoomMember>();
  readonly #authors = new Set<string>();
  readonly #presence: Presence;
  readonly #replay = new ReplayBuffer();
  #terms: RoomTerms;
  #toldOnline = 0;
  #wasListed = true;
  #presenceToldAtMs = -Infinity;
  #presenceTimer: Timer | null = null;
  #emptySinceMs: number;

  constructor(o: RoomHubOptions) {
    this.uri = o.uri;
    this.ownerDid = o.ownerDid;
    this.#terms = o.terms;
    this.#clock = o.clock;
    this.#handleOf = o.handleOf;
    this.#presence = new Presence(o.clock);
    this.#emptySinceMs = o.clock.elapsedMs();
  }

  get terms(): RoomTerms {
    return this.#terms;
  }

  get epoch(): string {
    return this.#replay.epoch;
  }

  get seq(): number {
    return this.#replay.seq;
  }

  /** People present. */
  get online(): number {
    return this.#presence.online;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** For how long nobody has been in it, in ms; 0 while somebody is. */
  get emptyMs(): number {
    return this.#members.size > 0 ? 0 : this.#clock.elapsedMs() - this.#emptySinceMs;
  }

  /** Says whether somebody may be in the room now. */
  judge(viewerDid: string | null): EntryVerdict {
    return judgeEntry(this.#terms, { ownerDid: this.ownerDid, viewerDid, nowMs: this.#clock.nowMs() });
  }

  /** Lets a member in; from here on it gets every frame. The verdict is the caller's matter. */
  add(member: RoomMember): void {
    if (this.#members.has(member)) return;
    this.#members.add(member);
    if (member.did !== null) this.#presence.enter(member.did);
  }

  /** Lets a member go. */
  remove(member: RoomMember): void {
    if (!this.#members.delete(member)) return;
    if (member.did !== null) this.#presence.leave(member.did);
    if (this.#members.size === 0) this.#emptySinceMs = this.#clock.elapsedMs();
    this.tellPresence();
  }

  /** A member gave a sign of life. */
  renew(did: string): void {
    this.#presence.renew(did);
    if (this.#presence.hasChanged) this.tellPresence();
  }

  /** Frames after a position, or null when the room cannot give all of them. */
  since(position: RoomPosition): readonly Frame[] | null {
    return this.#replay.since(position);
  }

  /** Numbers a durable frame, holds it for those who come back, and sends it to every member. */
  publish(body: FrameBody): void {
    const frame = this.#replay.push((seq) => new Frame({ ...body, room: this.uri, epoch: this.epoch, seq }));
    for (const member of this.#members) member.send(frame);
  }

  /** Remembers who wrote, to tell their handle when it becomes known. */
  noteAuthor(did: string): void {
    this.#authors.add(did);
    if (this.#authors.size > maxAuthors) for (const oldest of this.#authors) return void this.#authors.delete(oldest);
  }

  /** Tells the handle of somebody present or heard; nothing when they are neither. */
  tellHandle(did: string, handle: string | null): void {
    if (!this.#authors.has(did) && this.#presence.sinceMs(did) === null) return;
    const frame = new Frame({ $type: '#person', did, ...(handle === null ? {} : { handle }) }, `person ${did}`);
    for (const member of this.#members) member.send(frame);
  }

  /** Takes the terms of a changed record: members who may no longer be in it are let go. */
  setTerms(terms: RoomTerms): void {
    const before = this.#terms;
    this.#terms = terms;
    if (before.isReadOnly !== terms.isReadOnly) this.publish({ $type: '#mode', readOnly: terms.isReadOnly });
    this.dropUnwelcome();
    if (before.presence !== terms.presence) for (const member of this.#members) this.#sendPresence(member);
  }

  /** Lets go of every member who may not be in the room (any more). */
  dropUnwelcome(): void {
    for (const member of this.#members) {
      const verdict = this.judge(member.did);
      if (!verdict.isAllowed) this.#drop(member, verdict.error, verdict.message);
    }
  }

  /** Lets go of every member: the room is gone. */
  dropAll(error: string, message: string): void {
    for (const member of this.#members) this.#drop(member, error, message);
    this.#presenceTimer?.cancel();
  }

  /** Ends leases and the room's time; called every second. */
  sweep(): void {
    this.#presence.expire();
    if (this.#presence.hasChanged) this.tellPresence();
    if (this.#terms.expiresAtMs !== null && this.#members.size > 0) this.dropUnwelcome();
  }

  /** Gives the whole presence as this member may see it; null when the room tells none. */
  presenceFor(member: RoomMember): Frame | null {
    if (this.#terms.presence === 'off') return null;
    if (member.did === null || !this.#isListed) return this.#presenceFrame({ mode: 'count' });
    return this.#presenceFrame({ mode: 'list', full: true, joins: this.#presence.people().map((did) => this.#who(did)) });
  }

  /** Tells members who came and went: at once after a quiet time, else with the next flush. */
  tellPresence(): void {
    if (!this.#presence.hasChanged || this.#presenceTimer !== null) return;
    const waitMs = this.#presenceToldAtMs + presenceFlushMs - this.#clock.elapsedMs();
    if (waitMs <= 0) this.#flushPresence();
    else this.#presenceTimer = this.#clock.after(waitMs, () => this.#flushPresence(), { unref: true });
  }

  get #isListed(): boolean {
    return this.#terms.presence === 'list' && this.#presence.isListed;
  }

  #flushPresence(): void {
    this.#presenceTimer = null;
    this.#presenceToldAtMs = this.#clock.elapsedMs();
    const { joins, leaves } = this.#presence.takeDiff();
    if (this.#terms.presence === 'off' || (joins.length === 0 && leaves.length === 0)) return;
    const isListed = this.#isListed;
    if (isListed && (!this.#wasListed || joins.length + leaves.length > 200)) for (const member of this.#members) this.#sendPresence(member);
    else this.#sendDiff(isListed, joins, leaves);
    this.#wasListed = isListed;
    this.#toldOnline = this.online;
  }

  #sendDiff(isListed: boolean, joins: readonly string[], leaves: readonly string[]): void {
    const count = this.online === this.#toldOnline ? null : this.#presenceFrame({ mode: 'count' });
    const list = isListed ? this.#presenceFrame({ mode: 'list', joins: joins.map((did) => this.#who(did)), leaves: leaves.map((did) => ({ did })) }) : count;
    for (const member of this.#members) {
      const frame = member.did === null ? count : list;
      if (frame !== null) member.send(frame);
    }
  }

  #sendPresence(member: RoomMember): void {
    const frame = this.presenceFor(member);
    if (frame !== null) member.send(frame);
  }

  #presenceFrame(body: Record<string, unknown>): Frame {
    return new Frame({ $type: '#presence', room: this.uri, online: this.online, ...body }, `presence ${this.uri}`);
  }

  #who(did: string): Record<string, unknown> {
    const handle = this.#handleOf(did);
    return { did, ...(handle === null ? {} : { handle }), sinceMs: this.#presence.sinceMs(did) ?? 0 };
  }

  #drop(member: RoomMember, error: string, message: string): void {
    this.remove(member);
    member.dropped(this.uri, error, message);
  }
}
