/**
 * Step 8 of the verdict, for #commit and #sync alike: the commit object in the blocks against the event and the account's key.
 * Always checks: it is there, a signed commit of version 3 and nothing else, of this account and rev, signed by this key, low-S.
 * Does not check: that the key is the account's today; who gave it re-resolves the DID on badSignature and asks again.
 * Source: atproto.com/specs/repository "Commit Objects"; atproto.com/specs/sync "Message Validation".
 */
import { ProtocolError } from '../base/errors.ts';
import { maxFutureRevMs } from '../base/limits.ts';
import type { PublicKey } from '../crypto/did-key.ts';
import type { BlockIndex } from '../mst/block-index.ts';
import type { FrameScan } from '../stream/frame-scan.ts';
import { scanCommit, verifyScannedCommit, type CommitScan } from './commit.ts';
import { refuse, type Refusal } from './drop-reason.ts';
import { tidToMicros } from './tid.ts';

/** Finds the commit whose CID is at `commitOffset` and checks it. */
export function checkCommit(scan: FrameScan, blocks: BlockIndex, commitOffset: number, key: PublicKey): CommitScan | Refusal {
  const block = blocks.find(commitOffset);
  if (block < 0) return refuse('badCommit', 'commit block is absent');
  const start = blocks.starts[block]!;
  const end = blocks.ends[block]!;
  let commit: CommitScan;
  try {
    commit = scanCommit(blocks.bytes, start, end);
  } catch (error) {
    if (error instanceof ProtocolError) return refuse('badCommit', error.message);
    throw error;
  }
  if (commit.did !== scan.did) return refuse('didMismatch', `event=${scan.did}`);
  if (commit.rev !== scan.rev) return refuse('revMismatch', `event=${scan.rev}`);
  if (!verifyScannedCommit(blocks.bytes, commit, start, end, key)) return refuse('badSignature', `did=${scan.did} rev=${scan.rev}`);
  return commit;
}

/** Refuses a rev more than five minutes ahead of the clock; `rev` is a TID. */
export function checkRevTime(rev: string, nowMs: number): Refusal | null {
  const aheadMs = Math.ceil(tidToMicros(rev) / 1000 - nowMs);
  return aheadMs <= maxFutureRevMs ? null : refuse('revInFuture', `aheadMs=${aheadMs} max=${maxFutureRevMs}`);
}
