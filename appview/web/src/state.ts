/**
 * What the page knows, and how each frame changes it. Pure: a state and a frame give the next state.
 * Not for connections or drawing.
 * Source: docs/gateway.md.
 */
import type { Counts, Frame, Message, Reaction, RoomInfo } from './wire.ts';

export interface RoomState {
  readonly info: RoomInfo | null;
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly online: number;
  /** DIDs present, in order of coming; empty when only the number is told. */
  readonly present: readonly string[];
  readonly canWrite: boolean;
  /** Why we are not inside, if we are not. */
  readonly closed: string | null;
  /** Rises when history must be read again. */
  readonly stale: number;
}

export interface LiveState {
  readonly counts: Counts | null;
  readonly reactions: readonly Reaction[];
  readonly room: RoomState;
  /** AT-URI of the room that `room` is about. */
  readonly roomOf: string | null;
  /** Verified handles by DID. */
  readonly names: ReadonlyMap<string, string>;
}

const noRoom: RoomState = { info: null, messages: [], online: 0, present: [], canWrite: false, closed: null, stale: 0 };
export const noState: LiveState = { counts: null, reactions: [], room: noRoom, roomOf: null, names: new Map() };

/** Most messages kept on the page. */
const maxMessages = 500;

/** Gives the state after a frame. */
export function applyFrame(state: LiveState, frame: Frame): LiveState {
  switch (frame.$type) {
    case '#counts':
      return state.counts !== null && state.counts.version > frame.version ? state : { ...state, counts: frame };
    case '#person':
      return { ...state, names: withName(state.names, frame.did, frame.handle) };
    case '#presence': {
      const names = (frame.joins ?? []).reduce((known, { did, handle }) => withName(known, did, handle), state.names);
      return { ...state, names, room: { ...state.room, online: frame.online, present: presentAfter(state.room.present, frame) } };
    }
    case '#message':
    case '#snapshot':
    case '#settled':
    case '#mod':
    case '#left':
      return applyRoomFrame(state, frame);
    case '#reply':
      return frame.ok || frame.id !== 2 ? state : { ...state, room: { ...state.room, closed: frame.message ?? frame.error ?? 'no entry' } };
    default:
      return state;
  }
}

function applyRoomFrame(state: LiveState, frame: Frame & { $type: '#message' | '#snapshot' | '#settled' | '#mod' | '#left' }): LiveState {
  const { room } = state;
  switch (frame.$type) {
    case '#message': {
      const { uri, author: did, handle, record } = frame;
      const message: Message = { uri, author: { did, ...(handle === undefined ? {} : { handle }) }, record };
      return { ...state, names: withName(state.names, did, handle), room: { ...room, messages: put(room.messages, message) } };
    }
    case '#snapshot': {
      const open = { ...room, closed: null, canWrite: frame.capabilities.includes('message.create') };
      if (frame.state === undefined) return { ...state, room: open };
      const { messages, room: info } = frame.state;
      const names = messages.reduce((known, { author }) => withName(known, author.did, author.handle), withName(state.names, info.owner.did, info.owner.handle));
      return { ...state, names, room: { ...open, info, messages } };
    }
    case '#settled':
      return frame.outcome === 'deleted' ? { ...state, room: { ...room, messages: room.messages.filter(({ uri }) => uri !== frame.uri) } } : state;
    case '#mod': {
      const did = frame.subject?.did;
      if (frame.action === 'hide') return { ...state, room: { ...room, messages: room.messages.filter(({ author }) => author.did !== did) } };
      return frame.action === 'unhide' ? { ...state, room: { ...room, stale: room.stale + 1 } } : state;
    }
    case '#left':
      return { ...state, room: { ...room, closed: frame.message ?? frame.error, present: [], online: 0, canWrite: false } };
  }
}

/** Gives the names with one more; a missing handle takes nothing away. */
export function withName(names: ReadonlyMap<string, string>, did: string, handle: string | undefined): ReadonlyMap<string, string> {
  return handle === undefined || names.get(did) === handle ? names : new Map(names).set(did, handle);
}

function put(messages: readonly Message[], message: Message): readonly Message[] {
  const at = messages.findIndex(({ uri }) => uri === message.uri);
  return at === -1 ? [...messages, message].slice(-maxMessages) : messages.with(at, message);
}

function presentAfter(present: readonly string[], frame: Frame & { $type: '#presence' }): readonly string[] {
  if (frame.mode !== 'list') return [];
  const gone = new Set((frame.leaves ?? []).map(({ did }) => did));
  const before = frame.full ? [] : present.filter((did) => !gone.has(did));
  return [...new Set([...before, ...(frame.joins ?? []).map(({ did }) => did)])];
}
