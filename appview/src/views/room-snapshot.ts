/**
 * What a newcomer to a room is shown: the room and its latest messages, oldest first.
 * Not for those who come back in time: they get the frames they missed (rooms/replay-buffer.ts).
 * Source: ours, see lexicons/app.dunlin.live.subscribe.json#roomState.
 */
import { roomTerms } from '../rooms/access.ts';
import type { IndexStore } from '../store/index-store.ts';
import type { MessagePoint, MessageRow } from '../store/message-store.ts';
import type { RoomRow } from '../store/room-store.ts';
import { messageView, roomView, type MessageView, type RoomView } from './room-view.ts';

/** JSON of app.dunlin.live.subscribe#roomState. */
export interface RoomSnapshot {
  readonly room: RoomView;
  readonly messages: readonly MessageView[];
  readonly cursor?: string;
}

/** Gives the snapshot; undefined when the room is gone. */
export function roomSnapshot(store: IndexStore, uri: string, o: { readonly history: number; readonly nowMs: number; readonly online: number | null }): RoomSnapshot | undefined {
  const row = store.rooms.find(uri);
  if (row === null) return undefined;
  const page = messagePage(store, row, { before: null, limit: o.history, nowMs: o.nowMs });
  return { room: roomView(row, o), messages: page.messages.toReversed(), ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
}

/** Gives one page of a room's messages, newest first, and the cursor of the next if there may be one. */
export function messagePage(store: IndexStore, room: RoomRow, o: { readonly before: MessagePoint | null; readonly limit: number; readonly nowMs: number }): { messages: MessageView[]; cursor?: string } {
  const { messageTtlMs } = roomTerms(JSON.parse(room.record));
  const notBeforeMs = messageTtlMs === null ? 0 : o.nowMs - messageTtlMs;
  const rows = o.limit === 0 ? [] : store.messages.list({ room: room.uri, before: o.before, notBeforeMs, nowMs: o.nowMs, limit: o.limit });
  const last = rows.at(-1);
  return { messages: rows.map(messageView), ...(last === undefined || rows.length < o.limit ? {} : { cursor: formatCursor(last) }) };
}

/** Reads a cursor of messages; null when it is none. */
export function parseMessageCursor(text: string): MessagePoint | null {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(text);
  return match === null ? null : { sortAt: Number(match[1]), id: Number(match[2]) };
}

function formatCursor(row: MessageRow): string {
  return `${row.sortAt}:${row.id}`;
}
