/**
 * One client of the gateway: says who they are first, then enters rooms and tracks subjects; hears frames until either side ends it.
 * Commands are done one after another; each with an `id` gets exactly one #reply.
 * Not for what a room is (room-hub.ts) nor for sockets (api/subscribe.ts).
 * Source: ours, see docs/gateway.md; commands in lexicons/app.dunlin.live.send.json.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { LiveCounts } from '../reactions/live-counts.ts';
import { TrackedSubjects } from '../reactions/tracked-subjects.ts';
import { byeReasons, type ByeName } from './bye-codes.ts';
import type { Command, ReadCommand } from './commands.ts';
import { Frame } from './frame.ts';
import type { Lobby } from './lobby.ts';
import { Outbound, type Sink } from './outbound.ts';
import type { RoomHub, RoomMember } from './room-hub.ts';
import type { TokenVerdict } from './token-check.ts';

/** Bounds of one connection, told in #hello. */
export const sessionLimits = { rooms: 128, subjects: 1_000, commandsPerSecond: 20, maxFrameBytes: 262_144 } as const;

/** Commands at once before the rate counts. */
const commandBurst = 100;

/** A command counts once more for each so many characters: a thousand subjects are not one thing to do. */
export const charactersPerCommand = 4_096;

/** Time for the first #auth, in ms. */
export const authDeadlineMs = 10_000;

/** How long a session lasts without a new token, in ms. */
export const sessionMs = 3_600_000;

/** How often a client should give a sign of life, in seconds. */
export const pingSeconds = 25;

/** Commands that may wait for one that takes time. */
const maxWaitingCommands = 64;

/** What a session needs from the gateway. */
export interface SessionParts {
  readonly id: string;
  readonly sink: Sink;
  /** Where it comes from (IPv6: its /64). */
  readonly address: string;
  readonly clock: Clock;
  readonly lobby: Lobby;
  readonly counts: LiveCounts;
  /** DID of this service with the id of its service entry: what rooms served here name as gateway. */
  readonly gatewayId: string;
  readonly read: (text: string) => ReadCommand;
  readonly checkToken: (token: string) => Promise<TokenVerdict>;
  /** The gateway's word on a person who has shown a good token; null: welcome. */
  readonly admit: (session: Session, did: string) => ByeName | null;
  /** Snapshot of a room for a member who recovers nothing. */
  readonly roomState: (room: string, history: number) => unknown;
  readonly onBye: (session: Session, reason: ByeName) => void;
}

type State = { readonly kind: 'waiting' } | { readonly kind: 'ready'; readonly untilMs: number } | { readonly kind: 'closed' };

/** A client. */
export class Session implements RoomMember {
  readonly #o: SessionParts;
  readonly #out: Outbound;
  readonly #rooms = new Map<string, RoomHub>();
  readonly #subjects: TrackedSubjects;
  readonly #queue: Command[] = [];
  readonly #deadline: Timer;
  #state: State = { kind: 'waiting' };
  #did: string | null = null;
  #isBusy = false;
  #allowance = commandBurst;
  #allowanceAtMs: number;

  constructor(o: SessionParts) {
    this.#o = o;
    this.#out = new Outbound(o.sink, () => this.bye('tooSlow'));
    this.#subjects = new TrackedSubjects(o.counts, { max: sessionLimits.subjects, address: o.address }, (frame) => this.#out.send(frame));
    this.#allowanceAtMs = o.clock.elapsedMs();
    this.#deadline = o.clock.after(authDeadlineMs, () => this.bye('noAuth'), { unref: true });
  }

  get id(): string {
    return this.#o.id;
  }

  /** Who it is, or was; null while not known, and for readers who do not say. */
  get did(): string | null {
    return this.#did;
  }

  /** Subjects tracked by this session. */
  get subjectCount(): number {
    return this.#subjects.size;
  }

  /** Takes one text message from the client. */
  receive(text: string): void {
    if (this.#state.kind === 'closed') return;
    if (!this.#takeAllowance(text.length)) return this.bye('tooManyRequests');
    const read = this.#o.read(text);
    if (read === null) return this.bye('badRequest');
    if ('refusal' in read) return this.#reply(read.id ?? undefined, { error: 'InvalidRequest', message: read.refusal });
    if (this.#state.kind === 'waiting' && !this.#isBusy && read.command.$type !== '#auth') return this.bye('noAuth');
    if (this.#queue.length >= maxWaitingCommands) return this.bye('tooManyRequests');
    this.#queue.push(read.command);
    this.#work();
  }

  /** Sends a frame, unless the session is over. */
  send(frame: Frame): void {
    if (this.#state.kind !== 'closed') this.#out.send(frame);
  }

  /** A room let go of this session. */
  dropped(room: string, error: string, message: string): void {
    this.#rooms.delete(room);
    this.send(new Frame({ $type: '#left', room, error, message }));
  }

  /** The client took what waited. */
  drained(): void {
    this.#out.drained((frame) => {
      const room = frame.slot?.startsWith('presence ') ? this.#rooms.get(frame.slot.slice('presence '.length)) : undefined;
      return room === undefined ? frame : room.presenceFor(this);
    });
  }

  /** Ends the session with a reason the client can act on. */
  bye(name: ByeName): void {
    if (this.#state.kind === 'closed') return;
    const { code, reason, afterMs } = byeReasons[name];
    const body = { $type: '#bye', code, reason, reconnect: afterMs !== null, ...(afterMs === null ? {} : { afterMs }) } as const;
    if (name !== 'tooSlow') this.#o.sink.send(new Frame(body));
    this.#o.sink.close(code, reason);
    this.#o.onBye(this, name);
    this.closed();
  }

  /** The connection is gone: leaves every room, tracks nothing. */
  closed(): void {
    if (this.#state.kind === 'closed') return;
    const rooms = [...this.#rooms.values()];
    this.#deadline.cancel();
    for (const room of rooms) room.remove(this);
    this.#subjects.clear();
    this.#rooms.clear();
    this.#queue.length = 0;
    this.#state = { kind: 'closed' };
  }

  /** Ends a session whose time is over; called every second. */
  sweep(): void {
    if (this.#state.kind === 'ready' && this.#o.clock.elapsedMs() >= this.#state.untilMs) this.bye('expired');
  }

  /** Does what waits until one command takes time; then goes on when that is done. */
  #work(): void {
    while (!this.#isBusy) {
      const command = this.#queue.shift();
      if (command === undefined) return;
      if (command.$type === '#auth') void this.#auth(command);
      else this.#do(command);
    }
  }

  async #auth(command: Command & { $type: '#auth' }): Promise<void> {
    this.#isBusy = true;
    const verdict = command.token === undefined ? null : await this.#o.checkToken(command.token);
    this.#isBusy = false;
    if (this.#state.kind === 'closed') return;
    if (verdict !== null && 'error' in verdict) return this.#refuseToken(command.id, verdict);
    this.#welcome(command.id, verdict?.did ?? null);
    this.#work();
  }

  #refuseToken(id: number | undefined, verdict: { error: string; isOurFault: boolean }): void {
    this.#reply(id, { error: 'AuthRequired', message: verdict.error });
    this.bye(verdict.isOurFault ? 'overloaded' : 'invalidToken');
  }

  #welcome(id: number | undefined, did: string | null): void {
    const isFirst = this.#state.kind === 'waiting';
    if (!isFirst && did !== this.did) {
      this.#reply(id, { error: 'AuthRequired', message: 'the token is of another account than this session' });
      return;
    }
    const refusal = did !== null && isFirst ? this.#o.admit(this, did) : null;
    if (refusal !== null) return this.bye(refusal);
    this.#deadline.cancel();
    this.#did = did;
    this.#state = { kind: 'ready', untilMs: this.#o.clock.elapsedMs() + sessionMs };
    this.#reply(id, null);
    this.send(new Frame({
      $type: '#hello',
      session: this.id,
      ...(did === null ? {} : { did }),
      pingSeconds,
      serverTimeMs: this.#o.clock.nowMs(),
      expiresInSeconds: sessionMs / 1_000,
      limits: sessionLimits,
    }));
  }

  #do(command: Exclude<Command, { $type: '#auth' }>): void {
    if (this.did !== null) for (const room of this.#rooms.values()) room.renew(this.did);
    switch (command.$type) {
      case '#join':
        return this.#join(command);
      case '#leave':
        this.#rooms.get(command.room)?.remove(this);
        this.#rooms.delete(command.room);
        this.#out.forget(`presence ${command.room}`);
        return this.#reply(command.id, null);
      case '#track':
        return this.#track(command);
      case '#untrack':
        return this.#untrack(command);
      case '#lease':
        return this.#reply(command.id, null);
    }
  }

  #join(command: Command & { $type: '#join' }): void {
    const uri = command.room;
    if (this.#rooms.size >= sessionLimits.rooms && !this.#rooms.has(uri)) {
      return this.#reply(command.id, { error: 'TooManyRooms', message: `at most ${sessionLimits.rooms} rooms` });
    }
    const room = this.#o.lobby.open(uri);
    if (room === null) return this.#reply(command.id, { error: 'RoomNotFound', message: 'no such room is in the index' });
    if (room === 'full') return this.#reply(command.id, { error: 'TooManyRooms', message: 'this gateway has all the rooms it can hold' });
    if (room.terms.gateway !== this.#o.gatewayId) return this.#reply(command.id, { error: 'NotRoomGateway', message: `the room is at ${room.terms.gateway}` });
    const verdict = room.judge(this.did);
    if (!verdict.isAllowed) return this.#reply(command.id, verdict);
    this.#reply(command.id, null);
    this.#enter(room, command, verdict.canPost);
  }

  /** Position first, then state, then live frames, all in one turn: nothing falls between. */
  #enter(room: RoomHub, command: Command & { $type: '#join' }, canPost: boolean): void {
    const missed = command.recover === undefined ? null : room.since(command.recover);
    const recovered = missed !== null;
    const state = recovered ? undefined : this.#o.roomState(room.uri, command.history);
    const capabilities = canPost && this.did !== null ? ['message.create', 'reaction.create'] : [];
    const wasRecovering = command.recover !== undefined;
    const position = { room: room.uri, epoch: room.epoch, seq: room.seq };
    this.send(new Frame({ $type: '#snapshot', ...position, wasRecovering, recovered, ...(state === undefined ? {} : { state }), capabilities }));
    for (const frame of missed ?? []) this.send(frame);
    if (this.#state.kind === 'closed') return;
    this.#rooms.set(room.uri, room);
    room.add(this);
    const presence = room.presenceFor(this);
    if (presence !== null) this.send(presence);
    room.tellPresence();
  }

  #track(command: Command & { $type: '#track' }): void {
    const outcome = this.#subjects.add(command.subjects);
    if ('error' in outcome) return this.#reply(command.id, outcome);
    this.#reply(command.id, null, outcome.subjects);
    for (const frame of outcome.frames) this.send(frame);
  }

  #untrack(command: Command & { $type: '#untrack' }): void {
    const outcome = this.#subjects.remove(command.subjects);
    if ('error' in outcome) return this.#reply(command.id, outcome);
    for (const subject of outcome.subjects) this.#out.forget(`counts ${subject}`);
    this.#reply(command.id, null, outcome.subjects);
  }

  #reply(id: number | undefined, refusal: { readonly error: string; readonly message: string } | null, subjects?: readonly string[]): void {
    if (refusal === null && id === undefined) return;
    const outcome = refusal === null ? { ok: true } : { ok: false, error: refusal.error, message: refusal.message };
    this.send(new Frame({ $type: '#reply', ...(id === undefined ? {} : { id }), ...outcome, ...(subjects === undefined ? {} : { subjects }) }));
  }

  #takeAllowance(characters: number): boolean {
    const nowMs = this.#o.clock.elapsedMs();
    const refill = ((nowMs - this.#allowanceAtMs) * sessionLimits.commandsPerSecond) / 1_000;
    this.#allowance = Math.min(commandBurst, this.#allowance + refill) - 1 - Math.floor(characters / charactersPerCommand);
    this.#allowanceAtMs = nowMs;
    return this.#allowance >= 0;
  }
}
