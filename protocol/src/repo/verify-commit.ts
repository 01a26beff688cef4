/**
 * The verdict on a #commit as far as its own bytes and the account's key can tell: steps 3, 7, 8 and 9 in that order, and between
 * 3 and 7 that its rev is not in the future. The first failure is the reason. All of it happens on the frame's bytes in place.
 * Always checks: what repo/envelope, repo/car-slice, repo/check-commit and repo/check-operations list.
 * Does not check: that the host speaks for the account, that the account is active, what rev or tree came before (the caller's
 * steps 2, 4, 5, 6, 10). Blocks that nobody needs are not refused.
 * Source: atproto.com/specs/sync "Message Validation"; proposal 0006.
 */
import type { PublicKey } from '../crypto/did-key.ts';
import { BlockIndex } from '../mst/block-index.ts';
import type { FrameScan } from '../stream/frame-scan.ts';
import { AcceptedCommit } from './accepted-commit.ts';
import { indexCar } from './car-slice.ts';
import { checkCommit, checkRevTime } from './check-commit.ts';
import { checkOperations } from './check-operations.ts';
import type { Refusal } from './drop-reason.ts';
import { checkCommitEnvelope } from './envelope.ts';
import { OpsScan } from './ops-scan.ts';

/** What verifyCommit takes. */
export interface VerifyCommitOptions {
  /** Of a #commit, from stream/frame-scan. */
  readonly scan: FrameScan;
  /** The frame that was scanned. */
  readonly bytes: Uint8Array;
  /** Signing key of the account `scan.did`. */
  readonly key: PublicKey;
  readonly nowMs: number;
  /** Accepts commits of hosts older than Sync 1.1; false unless given. */
  readonly lenient?: boolean;
}

/** Yes with what the commit says, or no with the reason. */
export type CommitVerdict = AcceptedCommit | Refusal;

// Filled anew by each verification; nothing in them outlives it.
const index = new BlockIndex();
const ops = new OpsScan();

/** Gives the verdict on a #commit. */
export function verifyCommit(o: VerifyCommitOptions): CommitVerdict {
  const { scan, bytes } = o;
  const refusal = checkCommitEnvelope(scan, bytes, ops)
    ?? checkRevTime(scan.rev!, o.nowMs)
    ?? indexCar(index, bytes, scan.blocksOffset, scan.blocksOffset + scan.blocksLength, scan.commitOffset);
  if (refusal !== null) return refusal;
  const commit = checkCommit(scan, index, scan.commitOffset, o.key);
  if ('reason' in commit) return commit;
  return checkOperations(scan, index, ops, commit.dataOffset, o.lenient ?? false) ?? new AcceptedCommit(scan, bytes, commit.dataOffset);
}
