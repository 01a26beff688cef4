/**
 * com.atproto.sync.getBlob and listBlobs: files that records name, for everybody.
 * A blob never changes under its CID, so it may be kept for ever (ETag) and asked for in parts (Range).
 * Nothing of it is ever shown by a browser as a page of this server: sandboxed, as an attachment.
 * Source: lexicons of those names; headers as the reference PDS, with Range and ETag beside them.
 */
import { Readable } from 'node:stream';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { BlobFiles, ByteRange } from '../../blob/blob-files.ts';
import type { BlobStore } from '../../blob/blob-store.ts';
import { firstOf } from '../../blob/first-of.ts';
import type { Authenticator, Reader } from '../auth.ts';
import { readCidCursor } from '../cursors.ts';
import { readableRepo } from '../find-repo.ts';

/** Gives the methods. */
export function syncBlobRoutes(o: { auth: Authenticator; accounts: AccountStore; blobs: BlobStore; files: BlobFiles }): XrpcRoute[] {
  return [
    route<{ did: string; cid: string }, unknown, Reader>('com.atproto.sync.getBlob', {
      auth: (call) => o.auth.reader(call),
      async handler({ params, auth: reader, headers, method }) {
        const account = readableRepo(o.accounts, params.did, reader);
        const cid = parseCid(params.cid);
        const blob = o.blobs.find(account.id, cid);
        const isServed = blob !== null && (blob.takedownRef === null || reader.kind === 'admin') && o.blobs.isUsed(account.id, cid);
        if (!isServed) throw invalidRequest('Blob not found');
        const answerHeaders = blobHeaders(params.cid);
        const { size, mimeType: encoding } = blob;
        if (isHeld(headers['if-none-match'], answerHeaders.etag)) return { status: 304, body: new Uint8Array(0), encoding, headers: answerHeaders };
        // A part is of use only to who holds the rest of the same.
        const isOfThis = headers['if-range'] === undefined || headers['if-range'] === answerHeaders.etag;
        const range = isOfThis ? parseRange(headers.range, size) : null;
        if (range === 'unsatisfiable') {
          return { status: 416, body: new Uint8Array(0), encoding, headers: { ...answerHeaders, 'content-range': `bytes */${size}` } };
        }
        const body = method === 'HEAD' ? await nothingOf(o.files, account.did, { cid, size }) : await o.files.read(account.did, { cid, size }, range);
        if (body === null) throw invalidRequest('Blob not found');
        return { status: range ? 206 : 200, body, encoding, headers: { ...answerHeaders, ...rangeHeaders(range, size) } };
      },
    }),
    route<{ did: string; since?: string; limit: number; cursor?: string }, unknown, Reader>('com.atproto.sync.listBlobs', {
      auth: (call) => o.auth.reader(call),
      async handler({ params: { did, since = null, limit, cursor }, auth: reader, signal }) {
        const account = readableRepo(o.accounts, did, reader);
        const cids = (await firstOf(o.blobs.search(account.id, { after: readCidCursor(cursor), sinceRev: since }), limit, signal)).map(String);
        const last = cids.at(-1);
        return { body: { ...(last !== undefined && { cursor: last }), cids } };
      },
    }),
  ];
}

/** An empty stream leaves the length of the headers alone, which is what HEAD is asked for. */
async function nothingOf(files: BlobFiles, did: string, { cid, size }: { cid: Cid; size: number }): Promise<Readable | null> {
  return (await files.sizeOf(did, cid)) === size ? Readable.from([]) : null;
}

function blobHeaders(cid: string): { etag: string } & Record<string, string> {
  return {
    etag: `"${cid}"`,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    'content-disposition': `attachment; filename="${cid}"`,
    'content-security-policy': "default-src 'none'; sandbox",
  };
}

function rangeHeaders(range: ByteRange | null, size: number): Record<string, string> {
  if (range === null) return { 'content-length': String(size) };
  return { 'content-length': String(range.length), 'content-range': `bytes ${range.start}-${range.start + range.length - 1}/${size}` };
}

/** Tells whether the caller holds it already, by one of several marks, which caches on the way may have weakened. */
function isHeld(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((mark) => mark.trim().replace(/^W\//, '') === etag);
}

/** Gives the one part that is asked for; null for the whole, also when the header is not understood (RFC 9110). */
function parseRange(header: string | undefined, size: number): ByteRange | null | 'unsatisfiable' {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return null;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return null;
  return start >= size || end < start ? 'unsatisfiable' : { start, length: end - start + 1 };
}
