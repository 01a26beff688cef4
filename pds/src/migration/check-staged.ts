/**
 * Checks a staged repository whole, before anything of the account is touched: its commit, its tree, every record.
 * Always checks: one commit of this DID, its revision not from the future; a well-formed tree, all of whose nodes and records are
 * there; every record canonical; that it takes no more room than its file lets expect. Does not check: the signature, since its key may already be another server's; lexicons; blobs.
 * Source: atproto.com/specs/repository; texts of the refusals as the reference PDS where it has them.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { maxFutureRevMs } from '@dunlin/protocol/base/limits';
import { decode, type CborValue } from '@dunlin/protocol/data/cbor';
import { cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { walkTree } from '@dunlin/protocol/mst/walk';
import { decodeCommit, type Commit } from '@dunlin/protocol/repo/commit';
import { tidToMicros } from '@dunlin/protocol/repo/tid';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { backlinkSubject } from '../repo/backlinks.ts';
import { blobsOf } from '../repo/blob-refs.ts';
import { splitPath } from '../repo/record-path.ts';
import type { Staging } from './staging.ts';

/** Records may weigh this much together besides twice the file they came in: many keys may name one block, and each gets a row. */
const maxUnfoldedBytes = 64 * 1024 * 1024;

/** Reads the commit a CAR has as its root. @throws XrpcError 400 InvalidRequest */
export function checkCommit(staging: Staging, root: Cid, { did, nowMs }: { did: string; nowMs: number }): Commit {
  const bytes = staging.getBytes(cidToBytes(root));
  if (bytes === undefined) throw invalidRequest(`commit is missing: cid=${root.toString()}`);
  const commit = asRefusal('commit', () => decodeCommit(bytes));
  if (commit.did !== did) throw invalidRequest(`repository is of another account: did=${commit.did}`);
  if (tidToMicros(commit.rev) / 1000 > nowMs + maxFutureRevMs) throw invalidRequest(`revision of the repository is in the future: rev=${commit.rev}`);
  return commit;
}

/** Walks the tree and its records, and notes what records name; gives the bytes looked at in each step. @throws XrpcError 400 InvalidRequest */
export function* checkRecords(staging: Staging, data: Cid): Generator<number, void, undefined> {
  const steps = walkTree(staging, cidToBytes(data));
  let bytesLeft = 2 * staging.size + maxUnfoldedBytes;
  for (;;) {
    const { done, value: step } = asRefusal('tree', () => steps.next());
    if (done) return;
    const bytes = step.kind === 'entry' ? note(staging, step.key, step.value) : step.bytes.length;
    if (step.kind === 'entry') bytesLeft -= bytes;
    if (bytesLeft < 0) throw invalidRequest('repository unfolds to too much: too many keys name the same records');
    yield bytes;
  }
}

/** Notes what one record names and gives its length. */
function note(staging: Staging, key: string, link: Uint8Array): number {
  const place = splitPath(key);
  const bytes = staging.getBytes(link);
  if (bytes === undefined) throw invalidRequest(`record is missing: key=${key}`);
  const record = asRecord(key, bytes);
  for (const cid of blobsOf(record)) staging.addBlob(place, cid);
  const subject = backlinkSubject(place.collection, record);
  if (subject !== null) staging.addLink(place, subject);
  return bytes.length;
}

function asRecord(key: string, bytes: Uint8Array): { [field: string]: CborValue } {
  try {
    const record = decode(bytes);
    if (typeof record === 'object' && record !== null && !Array.isArray(record) && !(record instanceof Uint8Array)) return record as { [field: string]: CborValue };
  } catch (fault) {
    if (!(fault instanceof ProtocolError)) throw fault;
  }
  throw invalidRequest(`Could not parse record at '${key}'`);
}

function asRefusal<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest(`${what} of the repository is not valid: ${fault.message}`);
    throw fault;
  }
}
