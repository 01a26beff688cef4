/**
 * com.atproto.repo.applyWrites: up to 200 creates, updates and deletes of one repository, all or none.
 * Results stand in the order of the writes. An empty list writes nothing (the reference makes an empty commit).
 * Source: lexicon of that name; behaviour of the reference PDS.
 */
import { maxCommitOps } from '@dunlin/protocol/base/limits';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { RecordAction } from '../../oauth/permissions.ts';
import type { RecordPreparer, WantedRecord } from '../../repo/prepare.ts';
import { recordUri } from '../../repo/record-path.ts';
import type { PlannedWrite } from '../../repo/write.ts';
import type { Caller } from '../auth.ts';
import { ownRepo } from '../find-repo.ts';
import { writePoints } from '../limits.ts';
import { commitView, maxRecordBodyBytes, optionalCid, type WriteParts } from './write-record.ts';

interface WantedPut {
  readonly $type: 'com.atproto.repo.applyWrites#create' | 'com.atproto.repo.applyWrites#update';
  readonly collection: string;
  readonly rkey?: string;
  readonly value: unknown;
}

interface WantedDelete {
  readonly $type: 'com.atproto.repo.applyWrites#delete';
  readonly collection: string;
  readonly rkey: string;
}

interface ApplyInput {
  readonly repo: string;
  readonly validate?: boolean;
  readonly writes: readonly (WantedPut | WantedDelete)[];
  readonly swapCommit?: string;
}

/** Gives the method. */
export function applyWritesRoute({ auth, accounts, preparer, repos, limits }: WriteParts): XrpcRoute {
  return route<unknown, ApplyInput, Caller>('com.atproto.repo.applyWrites', {
    auth: auth.access({ allowDeactivated: false, oauth: 'allowed' }),
    maxBytes: maxRecordBodyBytes,
    rateLimit: limits.writes(({ input }) => pointsOf(input.writes)),
    async handler({ input, auth: caller }) {
      const account = ownRepo(accounts, input.repo, caller);
      if (input.writes.length > maxCommitOps) throw invalidRequest(`Too many writes. Max: ${maxCommitOps}`);
      for (const { action, collection } of actionsOf(input.writes)) caller.permissions?.requireRecord(action, collection);
      const writes = input.writes.map((write, index) => prepareWrite(preparer, write, { validate: input.validate, at: ['writes', index, 'value'] }));
      const plan = writes.length === 0 ? null : writes;
      const receipt = await repos.write(account.id, () => plan, { swapCommit: optionalCid(input.swapCommit) });
      return { body: { ...(receipt && { commit: commitView(receipt) }), results: writes.map((write) => resultView(account.did, write)) } };
    },
  });
}

/** Gives what is done to which collections, each once. */
function actionsOf(writes: ApplyInput['writes']): Iterable<{ action: RecordAction; collection: string }> {
  const actions = new Map(writes.map(({ $type, collection }) => [`${$type} ${collection}`, { action: $type.slice($type.indexOf('#') + 1) as RecordAction, collection }]));
  return actions.values();
}

function pointsOf(writes: ApplyInput['writes']): number {
  return writes.reduce((sum, { $type }) => sum + writePoints[$type.slice($type.indexOf('#') + 1) as RecordAction], 0);
}

function prepareWrite(preparer: RecordPreparer, write: WantedPut | WantedDelete, how: Pick<WantedRecord, 'validate' | 'at'>): PlannedWrite {
  const { collection } = write;
  switch (write.$type) {
    case 'com.atproto.repo.applyWrites#create':
      return preparer.prepare({ action: 'create', collection, rkey: write.rkey ?? null, record: write.value, ...how });
    case 'com.atproto.repo.applyWrites#update':
      return preparer.prepare({ action: 'update', collection, rkey: write.rkey ?? null, record: write.value, ...how });
    case 'com.atproto.repo.applyWrites#delete':
      return { action: 'delete', collection, rkey: write.rkey };
  }
}

function resultView(did: string, write: PlannedWrite): Record<string, unknown> {
  if (write.action === 'delete') return { $type: 'com.atproto.repo.applyWrites#deleteResult' };
  return {
    cid: write.cid.toString(),
    uri: recordUri(did, write),
    ...(write.validationStatus && { validationStatus: write.validationStatus }),
    $type: `com.atproto.repo.applyWrites#${write.action}Result`,
  };
}
