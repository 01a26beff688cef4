/**
 * Rooms and their messages as clients see them.
 * Not for who may see them (rooms/access.ts).
 * Source: ours, see lexicons/app.dunlin.live.defs.json#roomView and #messageView.
 */
import { messageUri } from '../index/message-index.ts';
import { roomTerms, type AccessKind } from '../rooms/access.ts';
import type { MessageRow } from '../store/message-store.ts';
import type { RoomRow } from '../store/room-store.ts';
import { personView, type PersonView } from './person-view.ts';

/** JSON of app.dunlin.live.defs#roomView. */
export interface RoomView {
  readonly uri: string;
  readonly cid: string;
  readonly owner: PersonView;
  readonly record: unknown;
  readonly access: AccessKind;
  readonly state: 'scheduled' | 'open' | 'ended';
  readonly online?: number;
  readonly indexedAt: string;
}

/** JSON of app.dunlin.live.defs#messageView. */
export interface MessageView {
  readonly uri: string;
  readonly cid: string;
  readonly room: string;
  readonly author: PersonView;
  readonly record: unknown;
  readonly indexedAt: string;
}

/** Makes the view of a room; `online` null when nobody keeps count. */
export function roomView(row: RoomRow, o: { readonly nowMs: number; readonly online: number | null }): RoomView {
  const record: unknown = JSON.parse(row.record);
  const { access, startsAtMs, expiresAtMs } = roomTerms(record);
  const hasEnded = expiresAtMs !== null && expiresAtMs <= o.nowMs;
  const isScheduled = startsAtMs !== null && startsAtMs > o.nowMs;
  return {
    uri: row.uri,
    cid: row.cid,
    owner: personView(row.ownerDid, row.ownerHandle),
    record,
    access,
    state: hasEnded ? 'ended' : isScheduled ? 'scheduled' : 'open',
    ...(o.online === null ? {} : { online: o.online }),
    indexedAt: new Date(row.indexedAt).toISOString(),
  };
}

/** Makes the view of a message. */
export function messageView(row: MessageRow): MessageView {
  return {
    uri: messageUri(row.did, row.rkey),
    cid: row.cid,
    room: row.room,
    author: personView(row.did, row.handle),
    record: JSON.parse(row.record),
    indexedAt: new Date(row.indexedAt).toISOString(),
  };
}
