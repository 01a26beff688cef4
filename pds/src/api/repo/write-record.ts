/**
 * com.atproto.repo.createRecord, putRecord and deleteRecord: one record of the caller's own repository.
 * Hop 1 of the flow: who calls, what record, then `repo/write.ts` at the moment of writing.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import { parseCid, sameCid, type Cid } from '@dunlin/protocol/data/cid';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { PreparedRecord, RecordPreparer } from '../../repo/prepare.ts';
import { recordUri } from '../../repo/record-path.ts';
import { checkSwapRecord } from '../../repo/refusals.ts';
import type { CommitReceipt, RepoView, RepoWriter } from '../../repo/write.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { ownRepo } from '../find-repo.ts';
import { writePoints, type Limits } from '../limits.ts';

/** Largest body of a request that carries records, in bytes. */
export const maxRecordBodyBytes = 1_000_000;

/** What writing methods use. */
export interface WriteParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly preparer: RecordPreparer;
  readonly repos: RepoWriter;
  readonly limits: Limits;
}

interface RecordInput {
  readonly repo: string;
  readonly collection: string;
  readonly rkey?: string;
  readonly validate?: boolean;
  readonly record: unknown;
  readonly swapCommit?: string;
}

interface PutInput extends RecordInput {
  readonly rkey: string;
  readonly swapRecord?: string | null;
}

interface DeleteInput {
  readonly repo: string;
  readonly collection: string;
  readonly rkey: string;
  readonly swapRecord?: string;
  readonly swapCommit?: string;
}

/** Gives the CID a caller sent as text, or null when there is none. */
export function optionalCid(text: string | undefined): Cid | null {
  return text === undefined ? null : parseCid(text);
}

/** Gives a commit as answers show it. */
export function commitView(receipt: CommitReceipt): { cid: string; rev: string } {
  return { cid: receipt.cid.toString(), rev: receipt.rev };
}

/** Gives the methods. */
export function writeRecordRoutes({ auth, accounts, preparer, repos, limits }: WriteParts): XrpcRoute[] {
  const access = auth.access({ allowDeactivated: false, oauth: 'allowed' });
  return [
    route<unknown, RecordInput, Caller>('com.atproto.repo.createRecord', {
      auth: access,
      rateLimit: limits.writes(() => writePoints.create),
      maxBytes: maxRecordBodyBytes,
      async handler({ input, auth: caller }) {
        const account = ownRepo(accounts, input.repo, caller);
        caller.permissions?.requireRecord('create', input.collection);
        const record = preparer.prepare({ ...input, action: 'create', rkey: input.rkey ?? null, validate: input.validate, at: ['record'] });
        const receipt = await repos.write(account.id, (view) => [...replaced(view, record), record], { swapCommit: optionalCid(input.swapCommit) });
        return { body: writtenView(account.did, record, receipt) };
      },
    }),
    route<unknown, PutInput, Caller>('com.atproto.repo.putRecord', {
      auth: access,
      rateLimit: limits.writes(() => writePoints.update),
      maxBytes: maxRecordBodyBytes,
      async handler({ input, auth: caller }) {
        const account = ownRepo(accounts, input.repo, caller);
        caller.permissions?.requireRecord('create', input.collection);
        caller.permissions?.requireRecord('update', input.collection);
        const record = preparer.prepare({ ...input, action: 'update', validate: input.validate, at: ['record'] });
        const expected = input.swapRecord === null ? null : (optionalCid(input.swapRecord) ?? undefined);
        const receipt = await repos.write(account.id, (view) => planPut(view, record, expected), { swapCommit: optionalCid(input.swapCommit) });
        return { body: writtenView(account.did, record, receipt) };
      },
    }),
    route<unknown, DeleteInput, Caller>('com.atproto.repo.deleteRecord', {
      auth: access,
      rateLimit: limits.writes(() => writePoints.delete),
      async handler({ input, auth: caller }) {
        const account = ownRepo(accounts, input.repo, caller);
        const { collection, rkey } = input;
        caller.permissions?.requireRecord('delete', collection);
        const expected = optionalCid(input.swapRecord) ?? undefined;
        const receipt = await repos.write(account.id, (view) => {
          const current = view.cidOf(collection, rkey);
          if (current === null) return null;
          checkSwapRecord(expected, current);
          return [{ action: 'delete', collection, rkey }];
        }, { swapCommit: optionalCid(input.swapCommit) });
        return { body: receipt === null ? {} : { commit: commitView(receipt) } };
      },
    }),
  ];
}

/** Deletes of earlier records that point at the same subject, where a person has one record per subject. */
function replaced(view: RepoView, { collection, rkey, linkSubject }: PreparedRecord): { action: 'delete'; collection: string; rkey: string }[] {
  if (linkSubject === null) return [];
  return view.linkedTo(collection, linkSubject).filter((other) => other !== rkey).map((other) => ({ action: 'delete', collection, rkey: other }));
}

/** Creates or updates, or writes nothing when the record stands there already. */
function planPut(view: RepoView, record: PreparedRecord, expected: Cid | null | undefined): PreparedRecord[] | null {
  const current = view.cidOf(record.collection, record.rkey);
  checkSwapRecord(expected, current);
  if (current !== null && sameCid(current, record.cid)) return null;
  return [current === null ? { ...record, action: 'create' } : record];
}

function writtenView(did: string, record: PreparedRecord, receipt: CommitReceipt | null): Record<string, unknown> {
  return {
    uri: recordUri(did, record),
    cid: record.cid.toString(),
    ...(receipt && { commit: commitView(receipt) }),
    ...(record.validationStatus && { validationStatus: record.validationStatus }),
  };
}
