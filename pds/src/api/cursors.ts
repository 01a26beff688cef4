/**
 * The place in a list that a cursor names, where it is a number or the CID of the last blob that was told.
 * Not for lists whose places have forms of their own (`sync/status.ts`, `admin/invites.ts`, `admin/blob-trash.ts`).
 * Source: lexicons com.atproto.sync.listBlobs and repo.listMissingBlobs, and ours; text as the reference PDS has it for other lists.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** The place above every number, for lists that are told from the newest. */
export const aboveAll = Number.MAX_SAFE_INTEGER;

/** Gives the CID a cursor names; null without one. @throws XrpcError 400 */
export function readCidCursor(cursor: string | undefined): Cid | null {
  if (cursor === undefined) return null;
  try {
    return parseCid(cursor);
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest('Malformed cursor');
    throw fault;
  }
}

/** Gives the number a cursor names; `start` without one. @throws XrpcError 400 */
export function readNumberCursor(cursor: string | undefined, start: number): number {
  if (cursor === undefined) return start;
  if (!/^\d{1,15}$/.test(cursor)) throw invalidRequest('Malformed cursor');
  return Number(cursor);
}
