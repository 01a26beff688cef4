/**
 * com.atproto.repo.uploadBlob and listMissingBlobs: files of the caller's own account.
 * Serving them to the world is `api/sync/blobs.ts`. An upload may come from a service that works for the account.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import type { Readable } from 'node:stream';
import { BlobRef } from '@atproto/lexicon';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { BlobStore } from '../../blob/blob-store.ts';
import { firstOf } from '../../blob/first-of.ts';
import type { BlobUploader } from '../../blob/upload.ts';
import { recordUri } from '../../repo/record-path.ts';
import { readCidCursor } from '../cursors.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { dayMs, type Limits } from '../limits.ts';

/** Gives the methods. */
export function blobRoutes(o: { auth: Authenticator; uploader: BlobUploader; blobs: BlobStore; uploadLimitBytes: number; limits: Limits }): XrpcRoute[] {
  return [
    route<unknown, Readable, Caller>('com.atproto.repo.uploadBlob', {
      auth: (call) => o.auth.uploader(call, call.nsid),
      maxBytes: o.uploadLimitBytes,
      hasLongBody: true,
      // Somebody who is moving in brings all blobs at once.
      rateLimit: o.limits.by(({ auth: { account } }) => (account.deactivatedAtMs === null ? account.did : null), [1_000, dayMs]),
      async handler({ input, encoding, auth: { account } }) {
        const { cid, mimeType, size } = await o.uploader.upload(account, input, encoding);
        return { body: { blob: new BlobRef(cid, mimeType, size) } };
      },
    }),
    route<{ limit: number; cursor?: string }, unknown, Caller>('com.atproto.repo.listMissingBlobs', {
      auth: o.auth.access({ oauth: 'allowed' }),
      async handler({ params: { limit, cursor }, auth: { account }, signal }) {
        const missing = await firstOf(o.blobs.searchMissing(account.id, { after: readCidCursor(cursor) }), limit, signal);
        const last = missing.at(-1);
        return {
          body: {
            blobs: missing.map(({ cid, collection, rkey }) => ({ cid: cid.toString(), recordUri: recordUri(account.did, { collection, rkey }) })),
            ...(last && { cursor: last.cid.toString() }),
          },
        };
      },
    }),
  ];
}
