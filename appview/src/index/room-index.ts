/**
 * Turns room records into rows and lets in the messages that came before their room did.
 * Not for who may enter: rooms/access.ts reads the record, this only stores it.
 * Source: ours, see lexicons/app.dunlin.live.room.json.
 */
import { normalSubject } from '../reactions/subject-uri.ts';
import { judgeEntry, roomTerms } from '../rooms/access.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { RoomStore } from '../store/room-store.ts';
import { maxRecordCharacters, type CollectionIndex } from './collection-index.ts';

/** The collection of rooms. */
export const roomCollection = 'app.dunlin.live.room';

/** Makes the index of rooms. */
export function createRoomIndex(rooms: RoomStore, messages: MessageStore): CollectionIndex {
  const remove: CollectionIndex['remove'] = (did, accountId, rkey, changes) => {
    const uri = rooms.remove(accountId, rkey);
    if (uri !== null) changes.add({ kind: 'room', uri });
  };
  return {
    put(record, changes) {
      const json = JSON.stringify(record.value);
      if (json.length > maxRecordCharacters) {
        remove(record.did, record.accountId, record.rkey, changes);
        return 'tooBig';
      }
      const terms = roomTerms(record.value);
      const uri = `at://${record.did}/${roomCollection}/${record.rkey}`;
      rooms.put({
        accountId: record.accountId,
        rkey: record.rkey,
        uri,
        cid: record.cid,
        record: json,
        subject: subjectOf(record.value),
        isOpen: terms.anonymousRead && terms.isInRepos,
        expiresAt: terms.expiresAtMs,
        indexedAt: record.indexedAt,
      });
      messages.settleEarly(uri, (viewerDid) => {
        const verdict = judgeEntry(terms, { ownerDid: record.did, viewerDid, nowMs: record.indexedAt });
        if (!verdict.isAllowed) return 'notMember';
        return verdict.canPost ? null : 'readOnly';
      });
      changes.add({ kind: 'room', uri });
      return null;
    },
    remove,
  };
}

function subjectOf(record: unknown): string | null {
  const { subject } = record as { subject?: { uri?: unknown } };
  return typeof subject?.uri === 'string' ? (normalSubject(subject.uri)?.uri ?? null) : null;
}
