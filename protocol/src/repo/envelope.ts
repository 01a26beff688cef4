/**
 * Step 3 of the verdict: what the fields of a #commit or #sync must be before anybody opens its blocks.
 * Always checks: required fields, DID, rev, since, time, number and paths of operations, no path twice, size of blocks, flags.
 * Does not check: whose account it is, the rev against the clock or the last one, the blocks themselves.
 * Place: after stream/frame-scan, before repo/verify-commit. Source: atproto.com/specs/sync; @atproto/syntax for identifiers.
 */
import { isValidDatetime, isValidDid, isValidNsid, isValidRecordKey } from '@atproto/syntax';
import { ProtocolError } from '../base/errors.ts';
import { maxCommitBlocksBytes, maxCommitOps, maxSyncBlocksBytes } from '../base/limits.ts';
import type { FrameScan } from '../stream/frame-scan.ts';
import { refuse, type Refusal } from './drop-reason.ts';
import { scanOps, type OpsScan } from './ops-scan.ts';
import { isTid } from './tid.ts';

/** Checks a #commit and finds its operations; null when all is well. */
export function checkCommitEnvelope(scan: FrameScan, bytes: Uint8Array, ops: OpsScan): Refusal | null {
  const missing = missingCommitField(scan);
  if (missing !== null) return refuse('missingField', `field=${missing}`);
  const fault = checkAccountFields(scan);
  if (fault !== null) return fault;
  const { since, rev } = scan;
  if (since !== null && since !== undefined && (!isTid(since) || since >= rev!)) return refuse('badSince', `since not older than rev: rev=${rev}`);
  if (scan.opsCount > maxCommitOps) return refuse('tooManyOps', `count=${scan.opsCount} max=${maxCommitOps}`);
  return checkOps(scan, bytes, ops)
    ?? checkBlocks(scan, maxCommitBlocksBytes)
    ?? (scan.tooBig ? refuse('tooBigFlag', 'tooBig is true') : scan.rebase ? refuse('rebaseFlag', 'rebase is true') : null);
}

/** Checks a #sync; null when all is well. */
export function checkSyncEnvelope(scan: FrameScan): Refusal | null {
  const missing = scan.did === null ? 'did' : scan.rev === null ? 'rev' : scan.time === null ? 'time' : scan.blocksOffset < 0 ? 'blocks' : null;
  if (missing !== null) return refuse('missingField', `field=${missing}`);
  return checkAccountFields(scan) ?? checkBlocks(scan, maxSyncBlocksBytes);
}

function missingCommitField(scan: FrameScan): string | null {
  if (scan.did === null) return 'repo';
  if (scan.rev === null) return 'rev';
  if (scan.since === undefined) return 'since';
  if (scan.time === null) return 'time';
  if (scan.commitOffset < 0) return 'commit';
  if (scan.blocksOffset < 0) return 'blocks';
  if (scan.opsOffset < 0) return 'ops';
  if (scan.blobsOffset < 0) return 'blobs';
  if (scan.tooBig === null) return 'tooBig';
  return scan.rebase === null ? 'rebase' : null;
}

function checkAccountFields(scan: FrameScan): Refusal | null {
  if (!isDid(scan.did!)) return refuse('badDid', `length=${scan.did!.length}`);
  if (!isTid(scan.rev!)) return refuse('badRev', `length=${scan.rev!.length}`);
  return isDatetime(scan.time!) ? null : refuse('badTime', `length=${scan.time!.length}`);
}

function checkBlocks(scan: FrameScan, maxBytes: number): Refusal | null {
  if (scan.blocksLength === 0) return refuse('noBlocks', 'blocks is empty');
  return scan.blocksLength <= maxBytes ? null : refuse('blocksTooBig', `bytes=${scan.blocksLength} max=${maxBytes}`);
}

function checkOps(scan: FrameScan, bytes: Uint8Array, ops: OpsScan): Refusal | null {
  try {
    scanOps(ops, bytes, scan.opsOffset, scan.opsEnd);
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('badOps', error.message);
    throw error;
  }
  if (ops.count === 1) return isRecordPath(ops.path(0)) ? null : refuse('badPath', 'operation=0');
  const paths = new Set<string>();
  for (let index = 0; index < ops.count; index++) {
    const path = ops.path(index);
    if (!isRecordPath(path)) return refuse('badPath', `operation=${index}`);
    if (paths.has(path)) return refuse('duplicatePath', `operation=${index}`);
    paths.add(path);
  }
  return null;
}

/** Tells whether a text is a DID; the usual did:plc is told by its characters alone. */
export function isDid(text: string): boolean {
  if (text.length !== 32 || !text.startsWith('did:plc:')) return isValidDid(text);
  for (let index = 8; index < 32; index++) {
    const code = text.charCodeAt(index);
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x32 && code <= 0x37))) return false;
  }
  return true;
}

const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Tells whether a text is a datetime of the protocol; the usual form with milliseconds and Z is told by its digits alone. */
export function isDatetime(text: string): boolean {
  if (text.length !== 24 || text.charCodeAt(23) !== 0x5a || text.charCodeAt(19) !== 0x2e) return isValidDatetime(text);
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d || text.charCodeAt(10) !== 0x54) return false;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return false;
  const century = pair(text, 0);
  const year = pair(text, 2);
  const month = pair(text, 5);
  const day = pair(text, 8);
  const millis = pair(text, 20) + pair(text, 21);
  const isPlain = century > 0 && year >= 0 && month >= 1 && month <= 12 && day >= 1 && pair(text, 14) >= 0 && pair(text, 14) < 60 && millis >= 0;
  if (!isPlain || day > daysOfMonth[month - 1]! || (month === 2 && day === 29)) return isValidDatetime(text);
  const hour = pair(text, 11);
  const second = pair(text, 17);
  return hour >= 0 && hour < 24 && second >= 0 && second < 60;
}

/** Gives the number that two digits make; far below zero when they are none. */
function pair(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1000;
}

/** Collections seen to be NSIDs; the network uses a few hundred. */
const knownCollections = new Set<string>();
const maxKnownCollections = 4096;

/** Tells whether a text is an NSID, a slash and a record key. */
export function isRecordPath(path: string): boolean {
  const slash = path.indexOf('/');
  if (slash < 0 || !isValidRecordKey(path.slice(slash + 1))) return false;
  const collection = path.slice(0, slash);
  if (knownCollections.has(collection)) return true;
  if (!isValidNsid(collection)) return false;
  if (knownCollections.size >= maxKnownCollections) knownCollections.clear();
  knownCollections.add(collection);
  return true;
}
