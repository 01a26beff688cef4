/**
 * The place in a list of blobs, which is the CID of the last one that was told.
 * Not for places of other lists, which have forms of their own.
 * Source: lexicons com.atproto.sync.listBlobs and repo.listMissingBlobs; text as the reference PDS has it for other lists.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

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
