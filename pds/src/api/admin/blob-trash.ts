/**
 * app.dunlin.admin.reviewBlobTrash, listBlobTrash, restoreBlobs and purgeBlobs: the operator's way to blobs that are on their way out.
 * Without CIDs a call does some and gives a cursor; the caller asks again until there is none.
 * Not for what becomes of them (`blob/trash.ts`). Source: lexicons of those names, ours.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { BlobTrash, TrashAnswer } from '../../blob/trash.ts';
import type { TrashedBlob, TrashStore } from '../../blob/trash-store.ts';
import type { Authenticator } from '../auth.ts';

/** Blobs of one call that names none: few enough for an answer within a minute, also from a bucket. */
const callLength = 100;

interface Change {
  readonly did: string;
  readonly cids?: readonly string[];
  readonly cursor?: string;
}

/** Gives the methods. */
export function blobTrashRoutes(o: { auth: Authenticator; accounts: AccountStore; trash: BlobTrash; trashStore: TrashStore }): XrpcRoute[] {
  return [
    route<{ did?: string; limit: number; cursor?: string }, unknown, unknown>('app.dunlin.admin.listBlobTrash', {
      auth: o.auth.admin,
      handler({ params: { did = null, limit, cursor } }) {
        const blobs = o.trashStore.list({ did, after: cursor === undefined ? null : placeOf(cursor), limit });
        return { body: { ...nextPlace(blobs, limit), blobs: blobs.map(view) } };
      },
    }),
    route<{ limit: number; cursor?: string }, unknown, unknown>('app.dunlin.admin.reviewBlobTrash', {
      auth: o.auth.admin,
      handler({ params: { limit, cursor = '' } }) {
        const sums = o.trashStore.sums({ after: cursor, limit });
        const last = sums.at(-1);
        const accounts = sums.map(({ did, count, bytes, firstRemoveAtMs }) => {
          const account = o.accounts.byDid(did);
          return { did, ...(account !== null && { handle: account.handle }), blobs: count, bytes, firstRemoveAt: new Date(firstRemoveAtMs).toISOString() };
        });
        return { body: { ...(last !== undefined && sums.length === limit && { cursor: last.did }), accounts } };
      },
    }),
    route<unknown, Change, unknown>('app.dunlin.admin.restoreBlobs', {
      auth: o.auth.admin,
      async handler({ input }) {
        const account = o.accounts.byDid(input.did);
        if (account === null) throw invalidRequest(`Account not found: ${input.did}`, 'NotFound');
        return { body: await change(o.trashStore, input, (cids) => o.trash.restore(account, cids)) };
      },
    }),
    route<unknown, Change, unknown>('app.dunlin.admin.purgeBlobs', {
      auth: o.auth.admin,
      async handler({ input }) {
        const accountId = o.accounts.byDid(input.did)?.id ?? null;
        return { body: await change(o.trashStore, input, (cids) => o.trash.purge({ did: input.did, accountId }, cids)) };
      },
    }),
  ];
}

async function change(store: TrashStore, { did, cids, cursor }: Change, work: (cids: readonly Cid[]) => Promise<TrashAnswer>): Promise<Record<string, unknown>> {
  const page = cids === undefined ? store.list({ did, after: cursor === undefined ? null : placeOf(cursor), limit: callLength }) : [];
  const { done, failed } = await work(cids?.map((cid) => parseCid(cid)) ?? page.map(({ cid }) => cid));
  return { done, failed: failed.map(({ cid, reason }) => ({ cid: cid.toString(), reason })), ...nextPlace(page, callLength) };
}

function view({ did, cid, mimeType, size, takedownRef, trashedAtMs, removeAtMs }: TrashedBlob): Record<string, unknown> {
  return {
    did, cid: cid.toString(), mimeType, size, trashedAt: new Date(trashedAtMs).toISOString(), removeAt: new Date(Math.max(trashedAtMs, removeAtMs)).toISOString(),
    ...(takedownRef !== null && { takedownRef }),
  };
}

function nextPlace(blobs: readonly TrashedBlob[], limit: number): { cursor?: string } {
  const last = blobs.at(-1);
  return last === undefined || blobs.length < limit ? {} : { cursor: `${last.did} ${last.cid.toString()}` };
}

function placeOf(cursor: string): { did: string; cid: Cid } {
  const [did = '', cid = ''] = cursor.split(' ');
  try {
    return { did, cid: parseCid(cid) };
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest('Malformed cursor');
    throw fault;
  }
}
