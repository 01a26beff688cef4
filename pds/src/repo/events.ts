/**
 * The events that tell of a repository: the commit it moved to, or where it stands.
 * Without seq and time, which the sequencer gives.
 * Source: lexicon com.atproto.sync.subscribeRepos (Sync 1.1).
 */
import { writeCar } from '@dunlin/protocol/car/write';
import type { Cid } from '@dunlin/protocol/data/cid';
import type { CommitData } from '@dunlin/protocol/repo/apply';
import type { NewEvent } from '../sequencer/sequencer.ts';

/** Gives the #commit event of a commit. */
export function commitEvent(commit: CommitData): NewEvent {
  return {
    kind: 'commit',
    did: commit.did,
    rev: commit.rev,
    since: commit.since,
    commit: commit.cid,
    prevData: commit.prevData,
    blocks: writeCar(commit.cid, commit.eventBlocks),
    ops: commit.ops,
    blobs: [],
    tooBig: false,
    rebase: false,
  };
}

/** Gives the #sync event of a repository: its commit block alone. */
export function syncEvent(o: { did: string; rev: string; cid: Cid; bytes: Uint8Array }): NewEvent {
  return { kind: 'sync', did: o.did, rev: o.rev, blocks: writeCar(o.cid, [[o.cid, o.bytes]]) };
}
