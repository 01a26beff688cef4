/** Who may enter a room, rule by rule, and how a record is read when parts are missing or unknown. */
import { describe, expect, test } from '@jest/globals';
import { judgeEntry, roomTerms } from '@dunlin/appview/rooms/access';

const owner = 'did:plc:owner';
const guest = 'did:plc:guest';
const publicRoom = { access: { $type: 'app.dunlin.live.room#public' }, storage: 'repo' };
const judge = (record: unknown, viewerDid: string | null, nowMs = 0): string => {
  const verdict = judgeEntry(roomTerms(record), { ownerDid: owner, viewerDid, nowMs });
  return verdict.isAllowed ? (verdict.canPost ? 'post' : 'read') : verdict.error;
};

describe('entry', () => {
  test.each([
    ['public', publicRoom, 'read', 'post', 'post'],
    ['public, not for readers without a name', { ...publicRoom, access: { ...publicRoom.access, anonymousRead: false } }, 'AuthRequired', 'post', 'post'],
    ['public and read-only', { ...publicRoom, policy: { readOnly: true } }, 'read', 'read', 'post'],
    ['invite only', { ...publicRoom, access: { $type: 'app.dunlin.live.room#inviteOnly' } }, 'AuthRequired', 'NotMember', 'post'],
    ['paid', { ...publicRoom, access: { $type: 'app.dunlin.live.room#paid' } }, 'AuthRequired', 'PaymentRequired', 'post'],
    ['gated', { ...publicRoom, access: { $type: 'app.dunlin.live.room#gated', rules: [] } }, 'AuthRequired', 'NotMember', 'post'],
    ['unknown', { ...publicRoom, access: { $type: 'com.example#riddle', anonymousRead: true } }, 'AuthRequired', 'NotMember', 'post'],
    ['without a rule', { storage: 'repo' }, 'AuthRequired', 'NotMember', 'post'],
    ['named like what objects inherit', { ...publicRoom, access: { $type: 'constructor' } }, 'AuthRequired', 'NotMember', 'post'],
    ['transient', { ...publicRoom, storage: 'transient' }, 'NotMember', 'NotMember', 'NotMember'],
  ])('%s: readers %j', (_, record, reader, person, own) => {
    expect([judge(record, null), judge(record, guest), judge(record, owner)]).toEqual([reader, person, own]);
  });

  test('is over from the very ms a room ends', () => {
    const record = { ...publicRoom, expiresAt: '1970-01-01T00:00:01Z' };
    expect([judge(record, guest, 999), judge(record, guest, 1_000), judge(record, owner, 1_000)]).toEqual(['post', 'RoomEnded', 'RoomEnded']);
  });
});

test.each([null, 'text', 7, [], { policy: 'x', access: 3, expiresAt: 'never', messageTtlSeconds: 'x' }])('%j is read as the closed, quiet choice', (record) => {
  expect(roomTerms(record)).toEqual({
    access: 'unknown', anonymousRead: false, isInRepos: false, gateway: '', isReadOnly: false, presence: 'list', startsAtMs: null, expiresAtMs: null, messageTtlMs: null,
  });
});
