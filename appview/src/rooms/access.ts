/**
 * What a room record promises and who may enter: read once from the record, then judged without looking at it again.
 * An access rule that is not understood means no entry; so do rules this gateway cannot check yet (invitation, payment, gates),
 * save for the owner. Pure.
 * Source: ours, see lexicons/app.dunlin.live.room.json and docs/gateway.md.
 */

/** Who a room lets in, by the record. */
export type AccessKind = 'public' | 'inviteOnly' | 'paid' | 'gated' | 'unknown';

/** A room record as far as entry and serving depend on it. */
export interface RoomTerms {
  readonly access: AccessKind;
  /** Only public rooms can have it. */
  readonly anonymousRead: boolean;
  /** True when messages are records in repos, the only storage served here. */
  readonly isInRepos: boolean;
  /** DID of the app view that orders this room, with its service id. */
  readonly gateway: string;
  readonly isReadOnly: boolean;
  readonly presence: 'list' | 'count' | 'off';
  readonly startsAtMs: number | null;
  readonly expiresAtMs: number | null;
  /** Messages older than this are not served; null: all are. */
  readonly messageTtlMs: number | null;
}

/** Error names of the lexicon for an entry refused. */
export type EntryRefusal = 'AuthRequired' | 'NotMember' | 'PaymentRequired' | 'RoomEnded';

/** Whether somebody may enter, and then whether they may write. */
export type EntryVerdict =
  | { readonly isAllowed: true; readonly canPost: boolean }
  | { readonly isAllowed: false; readonly error: EntryRefusal; readonly message: string };

const accessKinds: Readonly<Record<string, AccessKind>> = {
  'app.dunlin.live.room#public': 'public',
  'app.dunlin.live.room#inviteOnly': 'inviteOnly',
  'app.dunlin.live.room#paid': 'paid',
  'app.dunlin.live.room#gated': 'gated',
};

/** Reads a room record that has passed its lexicon. Whatever is missing or unknown is read as the closed, quiet choice. */
export function roomTerms(record: unknown): RoomTerms {
  const room = asObject(record);
  const access = asObject(room['access']);
  const policy = asObject(room['policy']);
  const type = access['$type'];
  const kind = typeof type === 'string' && Object.hasOwn(accessKinds, type) ? accessKinds[type] : 'unknown';
  const ttlSeconds = room['messageTtlSeconds'];
  return {
    access: kind,
    anonymousRead: kind === 'public' && access['anonymousRead'] !== false,
    isInRepos: room['storage'] === 'repo',
    gateway: typeof room['gateway'] === 'string' ? room['gateway'] : '',
    isReadOnly: policy['readOnly'] === true,
    presence: policy['presence'] === 'count' || policy['presence'] === 'off' ? policy['presence'] : 'list',
    startsAtMs: timeOf(room['startsAt']),
    expiresAtMs: timeOf(room['expiresAt']),
    messageTtlMs: typeof ttlSeconds === 'number' ? ttlSeconds * 1_000 : null,
  };
}

/** Judges entry. `viewerDid` null is somebody who has not said who they are. */
export function judgeEntry(terms: RoomTerms, o: { readonly ownerDid: string; readonly viewerDid: string | null; readonly nowMs: number }): EntryVerdict {
  if (terms.expiresAtMs !== null && terms.expiresAtMs <= o.nowMs) return refuse('RoomEnded', 'the room has ended');
  if (!terms.isInRepos) return refuse('NotMember', 'rooms of this storage are not served here');
  if (o.viewerDid === o.ownerDid) return { isAllowed: true, canPost: true };
  if (terms.access === 'public') {
    if (o.viewerDid === null) return terms.anonymousRead ? { isAllowed: true, canPost: false } : refuse('AuthRequired', 'the room asks who you are');
    return { isAllowed: true, canPost: !terms.isReadOnly };
  }
  if (o.viewerDid === null) return refuse('AuthRequired', 'the room asks who you are');
  if (terms.access === 'paid') return refuse('PaymentRequired', 'the room asks for a receipt, and receipts are not checked here yet');
  return refuse('NotMember', terms.access === 'unknown' ? 'the access rule of the room is not understood here' : 'the room is not open to you');
}

function refuse(error: EntryRefusal, message: string): EntryVerdict {
  return { isAllowed: false, error, message };
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function timeOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
