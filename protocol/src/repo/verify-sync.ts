/**
 * The verdict on a #sync as far as its own bytes and the account's key can tell: fields, size, CAR, commit object, signature.
 * Does not check: that the host speaks for the account, that the account is active, that the rev does not go back (the caller's).
 * Records and tree are not in a #sync; who wants them fetches the repository.
 * Source: lexicon com.atproto.sync.subscribeRepos#sync; atproto.com/specs/sync "Message Validation".
 */
import type { PublicKey } from '../crypto/did-key.ts';
import { cidAt, type Cid } from '../data/cid.ts';
import { BlockIndex } from '../mst/block-index.ts';
import type { FrameScan } from '../stream/frame-scan.ts';
import { carRootOffset, indexCar } from './car-slice.ts';
import { checkCommit, checkRevTime } from './check-commit.ts';
import type { Refusal } from './drop-reason.ts';
import { checkSyncEnvelope } from './envelope.ts';

/** Where a #sync says that an account stands. */
export interface AcceptedSync {
  readonly accepted: true;
  readonly did: string;
  readonly rev: string;
  readonly commit: Cid;
  readonly data: Cid;
}

/** Yes with what the event says, or no with the reason. */
export type SyncVerdict = AcceptedSync | Refusal;

const index = new BlockIndex();

/** Gives the verdict on a #sync; `scan` is of `bytes`, `key` the account's signing key. */
export function verifySync(o: { scan: FrameScan; bytes: Uint8Array; key: PublicKey; nowMs: number }): SyncVerdict {
  const { scan, bytes } = o;
  const start = scan.blocksOffset;
  const root = carRootOffset(start);
  const refusal = checkSyncEnvelope(scan)
    ?? checkRevTime(scan.rev!, o.nowMs)
    ?? indexCar(index, bytes, start, start + scan.blocksLength, root);
  if (refusal !== null) return refusal;
  const commit = checkCommit(scan, index, root, o.key);
  if ('reason' in commit) return commit;
  return { accepted: true, did: commit.did, rev: commit.rev, commit: cidAt(bytes, root), data: cidAt(bytes, commit.dataOffset) };
}
