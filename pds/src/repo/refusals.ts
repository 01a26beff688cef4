/**
 * What a write is refused for at the moment of writing, in the words a caller gets.
 * One place for names and texts, so that createRecord, putRecord, deleteRecord and applyWrites speak alike.
 * Source: lexicons com.atproto.repo.*; texts as the reference PDS. Where the reference answers 500 (a key that exists on create,
 * a record that is missing on update or delete) we answer 400 with RecordAlreadyExists or RecordNotFound.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { maxCommitOps } from '@dunlin/protocol/base/limits';
import { sameCid, type Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { StoredBlob } from '../blob/blob-store.ts';
import type { NamedBlob } from './record-scan.ts';

/** Checks that the repository stands where the caller believes it does; null believes nothing. @throws XrpcError InvalidSwap */
export function checkSwapCommit(expected: Cid | null, current: Cid): void {
  if (expected !== null && !sameCid(expected, current)) throw invalidRequest(`Commit was at ${current.toString()}`, 'InvalidSwap');
}

/**
 * Checks that a record stands where the caller believes it does.
 * Undefined believes nothing; null believes that there is none. @throws XrpcError InvalidSwap
 */
export function checkSwapRecord(expected: Cid | null | undefined, current: Cid | null): void {
  if (expected === undefined || sameCid(expected, current)) return;
  throw invalidRequest(`Record was at ${current === null ? 'null' : current.toString()}`, 'InvalidSwap');
}

/**
 * Checks what a record says of a blob against the upload; `isSaidAlready` tells whether a record of the account says the same.
 * @throws XrpcError BlobNotFound, InvalidMimeType, InvalidSize
 */
export function checkBlob(named: NamedBlob, stored: StoredBlob | null, isSaidAlready: () => boolean): void {
  if (stored === null || stored.takedownRef !== null) throw invalidRequest(`Could not find blob: ${named.cid.toString()}`, 'BlobNotFound');
  if (stored.mimeType === named.mimeType && stored.size === named.size) return;
  if (isSaidAlready()) return;
  if (stored.mimeType !== named.mimeType) {
    throw invalidRequest(`Referenced Mimetype does not match stored blob. Expected: ${stored.mimeType}, Got: ${named.mimeType}`, 'InvalidMimeType');
  }
  throw invalidRequest(`Referenced size does not match stored blob. Expected: ${stored.size}, Got: ${named.size}`, 'InvalidSize');
}

/** Gives the answer for what the tree or the limits of a commit refuse; other faults are given back as they are. */
export function toCallerFault(fault: unknown, did: string): unknown {
  if (!(fault instanceof ProtocolError)) return fault;
  switch (fault.code) {
    case 'RecordExists':
      return new XrpcError(400, 'RecordAlreadyExists', `Record already exists in ${did}: ${fault.message}`);
    case 'RecordNotFound':
      return new XrpcError(400, 'RecordNotFound', `Could not locate record in ${did}: ${fault.message}`);
    case 'TooManyOps':
      return invalidRequest(`Too many writes. Max: ${maxCommitOps}`);
    case 'BlocksTooBig':
      return invalidRequest('Too many writes. Max event size: 2MB');
    case 'InvalidOperation':
    case 'InvalidMstKey':
      return invalidRequest(fault.message);
    default:
      return toOwnFault(fault, did);
  }
}

/** Gives a fault of our own tree as what it is: our corruption, not the caller's mistake. Other faults are given back as they are. */
export function toOwnFault(fault: unknown, whose: string | number): unknown {
  if (!(fault instanceof ProtocolError) || (fault.code !== 'MissingBlock' && fault.code !== 'InvalidMst')) return fault;
  return new AssertionFailure(`repository is damaged: account=${whose} ${fault.message}`, { cause: fault });
}
