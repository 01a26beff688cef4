/**
 * Turns message records into rows, each judged once by its room as it is when the message arrives:
 * one that may not be there is kept as its author's own data and hidden in the room.
 * Not for telling people inside (rooms/) nor for who may read (rooms/access.ts).
 * Source: ours, see lexicons/app.dunlin.live.message.json.
 */
import { normalSubject } from '../reactions/subject-uri.ts';
import { judgeEntry, roomTerms } from '../rooms/access.ts';
import type { HiddenReason, MessageStore } from '../store/message-store.ts';
import type { RoomStore } from '../store/room-store.ts';
import { maxRecordCharacters, type CollectionIndex, type IncomingRecord, type SkipReason } from './collection-index.ts';
import { roomCollection } from './room-index.ts';

/** The collection of messages. */
export const messageCollection = 'app.dunlin.live.message';

interface MessageRecord {
  readonly room: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
}

/** Makes the index of messages. */
export function createMessageIndex(messages: MessageStore, rooms: RoomStore): CollectionIndex {
  const remove: CollectionIndex['remove'] = (did, accountId, rkey, changes) => {
    const before = messages.remove(accountId, rkey);
    if (before !== null && before.hidden === null) changes.add({ kind: 'messageRemoved', room: before.room, uri: messageUri(did, rkey) });
  };
  return {
    put(record, changes) {
      const refusal = refusalOf(record);
      if (refusal !== null) {
        remove(record.did, record.accountId, record.rkey, changes);
        return refusal;
      }
      const { room, createdAt, expiresAt } = record.value as MessageRecord;
      const before = messages.find(record.accountId, record.rkey);
      if (before !== null && before.room !== room) remove(record.did, record.accountId, record.rkey, changes);
      const isNew = before === null || before.room !== room;
      const hidden = isNew ? judge(rooms, room, record.did, record.indexedAt) : before.hidden;
      const createdAtMs = Date.parse(createdAt);
      messages.put({
        accountId: record.accountId,
        rkey: record.rkey,
        room,
        cid: record.cid,
        record: JSON.stringify(record.value),
        sortAt: Math.min(createdAtMs, record.indexedAt),
        expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt),
        hidden,
        indexedAt: record.indexedAt,
      });
      if (hidden === null) {
        const { did, cid, value, indexedAt } = record;
        changes.add({ kind: 'messagePut', room, uri: messageUri(did, record.rkey), cid, did, record: value, isNew, createdAtMs, indexedAtMs: indexedAt });
      }
      return null;
    },
    remove,
  };
}

/** The AT-URI of a message. */
export function messageUri(did: string, rkey: string): string {
  return `at://${did}/${messageCollection}/${rkey}`;
}

function refusalOf(record: IncomingRecord): SkipReason | null {
  const { room, createdAt } = record.value as MessageRecord;
  const subject = normalSubject(room);
  if (subject?.kind !== 'record' || subject.uri !== room || room.split('/')[3] !== roomCollection || room.split('/').length !== 5) return 'badRoom';
  if (Number.isNaN(Date.parse(createdAt))) return 'invalidRecord';
  return JSON.stringify(record.value).length > maxRecordCharacters ? 'tooBig' : null;
}

function judge(rooms: RoomStore, uri: string, viewerDid: string, nowMs: number): HiddenReason | null {
  const room = rooms.find(uri);
  if (room === null) return 'roomUnknown';
  const terms = roomTerms(JSON.parse(room.record));
  const verdict = judgeEntry(terms, { ownerDid: room.ownerDid, viewerDid, nowMs });
  if (!verdict.isAllowed) return 'notMember';
  return verdict.canPost ? null : 'readOnly';
}
