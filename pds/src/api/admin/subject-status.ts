/**
 * com.atproto.admin.updateSubjectStatus and getSubjectStatus: takedown and deactivation of an account, a record or a blob.
 * A takedown of an account is told to the network; of a record or a blob it only closes them here.
 * Source: lexicons of those names; behaviour and events as the reference PDS.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { parseCid, cidFromBytes } from '@dunlin/protocol/data/cid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { AccountStanding } from '../../membership/standing.ts';
import type { BlobStore } from '../../blob/blob-store.ts';
import type { MoveOversight } from '../../moving/move-oversight.ts';
import { parseRecordUri, recordUri } from '../../repo/record-path.ts';
import type { RecordStore } from '../../repo/record-store.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Authenticator } from '../auth.ts';

interface StatusAttribute {
  readonly applied: boolean;
  readonly ref?: string;
}

type Subject =
  | { readonly $type: 'com.atproto.admin.defs#repoRef'; readonly did: string }
  | { readonly $type: 'com.atproto.repo.strongRef'; readonly uri: string; readonly cid: string }
  | { readonly $type: 'com.atproto.admin.defs#repoBlobRef'; readonly did: string; readonly cid: string; readonly recordUri?: string };

interface UpdateInput {
  readonly subject: Subject;
  readonly takedown?: StatusAttribute;
  readonly deactivated?: StatusAttribute;
}

/** What these methods use. */
export interface SubjectParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly standing: AccountStanding;
  /** A move of the account ends too. */
  readonly oversight: Pick<MoveOversight, 'takenDown' | 'deactivated'>;
  readonly records: RecordStore;
  readonly blobs: BlobStore;
  readonly groups: GroupCommit;
  readonly clock: Clock;
}

/** Gives the methods. */
export function subjectStatusRoutes(o: SubjectParts): XrpcRoute[] {
  return [
    route<unknown, UpdateInput, unknown>('com.atproto.admin.updateSubjectStatus', {
      auth: (call) => o.auth.moderator(call),
      async handler({ input }) {
        await update(o, input);
        return { body: { subject: input.subject, ...(input.takedown && { takedown: input.takedown }) } };
      },
    }),
    route<{ did?: string; uri?: string; blob?: string }, unknown, unknown>('com.atproto.admin.getSubjectStatus', {
      auth: (call) => o.auth.moderator(call),
      handler({ params }) {
        const status = read(o, params);
        if (status === null) throw invalidRequest('Subject not found', 'NotFound');
        return { body: status };
      },
    }),
  ];
}

async function update(o: SubjectParts, { subject, takedown, deactivated }: UpdateInput): Promise<void> {
  if (takedown?.applied === true && deactivated?.applied === false) throw invalidRequest('Cannot activate and takedown an account at the same time');
  switch (subject.$type) {
    case 'com.atproto.admin.defs#repoRef':
      return updateRepo(o, find(o, subject.did), { takedown, deactivated });
    case 'com.atproto.repo.strongRef': {
      const place = parseRecordUri(subject.uri);
      const account = find(o, place.did);
      if (takedown) await o.groups.write(() => found(o.records.setTakedown(account.id, place, reference(takedown, o.clock))));
      return;
    }
    case 'com.atproto.admin.defs#repoBlobRef': {
      const account = find(o, subject.did);
      if (takedown) await o.groups.write(() => found(o.blobs.setTakedown(account.id, parseCid(subject.cid), reference(takedown, o.clock))));
      return;
    }
    default:
      // The lexicon leaves the choice open.
      throw invalidRequest(`Invalid subject (${String((subject as { $type: unknown }).$type).slice(0, 256)})`);
  }
}

async function updateRepo(o: SubjectParts, { id }: Account, { takedown, deactivated }: { takedown?: StatusAttribute | undefined; deactivated?: StatusAttribute | undefined }): Promise<void> {
  if (takedown) await o.standing.setTakedown(id, reference(takedown, o.clock));
  if (takedown?.applied === true) await o.oversight.takenDown(id);
  if (deactivated?.applied === true) {
    await o.oversight.deactivated(id);
    await o.standing.deactivate(id);
  }
  if (deactivated?.applied === false) await o.standing.activate(id);
  if (!takedown && !deactivated) await o.standing.announce(id);
}

/** Gives the reference a takedown is kept under: the operator's own, else the time; null lifts it. */
function reference({ applied, ref }: StatusAttribute, clock: Clock): string | null {
  if (!applied) return null;
  return ref ?? new Date(clock.nowMs()).toISOString();
}

function find(o: SubjectParts, did: string): Account {
  const account = o.accounts.byDid(did);
  if (account === null) throw invalidRequest(`Account not found: ${did}`, 'NotFound');
  return account;
}

function found(isThere: boolean): void {
  if (!isThere) throw invalidRequest('Subject not found', 'NotFound');
}

function read(o: SubjectParts, { did, uri, blob }: { did?: string; uri?: string; blob?: string }): Record<string, unknown> | null {
  if (blob !== undefined) {
    if (did === undefined) throw invalidRequest('Must provide a did to request blob state');
    const stored = o.blobs.find(find(o, did).id, parseCid(blob));
    return stored && { subject: { $type: 'com.atproto.admin.defs#repoBlobRef', did, cid: blob }, takedown: attribute(stored.takedownRef) };
  }
  if (uri !== undefined) return readRecord(o, uri);
  if (did === undefined) throw invalidRequest('No provided subject');
  const account = o.accounts.byDid(did);
  return account && {
    subject: { $type: 'com.atproto.admin.defs#repoRef', did },
    takedown: attribute(account.takedownRef),
    deactivated: { applied: account.deactivatedAtMs !== null },
  };
}

function readRecord(o: SubjectParts, uri: string): Record<string, unknown> | null {
  const place = parseRecordUri(uri);
  const account = find(o, place.did);
  const cid = o.records.cidOf(account.id, place.collection, place.rkey);
  if (cid === null) return null;
  const ref = o.records.takedownOf(account.id, place.collection, place.rkey) ?? null;
  return {
    subject: { $type: 'com.atproto.repo.strongRef', uri: recordUri(place.did, place), cid: cidFromBytes(cid).toString() },
    takedown: attribute(ref),
  };
}

function attribute(ref: string | null): StatusAttribute {
  return ref === null ? { applied: false } : { applied: true, ref };
}
