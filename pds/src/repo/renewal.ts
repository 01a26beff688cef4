/**
 * Signs a repository anew: a commit over the same tree, with a higher revision and the account's present key.
 * Needed when an account comes into service here or gets another key: what the network then sees must hold against the key its
 * DID document names, and must be newer than anything another server said meanwhile. Runs within a group; events are the caller's.
 * Not for writes (`write.ts`). Source: atproto.com/specs/repository; ours, since the reference announces the old signature.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Keypair } from '@dunlin/protocol/crypto/keypair';
import { signCommit } from '@dunlin/protocol/repo/commit';
import type { TidClock } from '@dunlin/protocol/repo/tid';
import type { WriteGroup } from '../sequencer/group-commit.ts';
import type { HeadStore } from './head-store.ts';
import type { StoredCommit } from './read.ts';

/** Signs repositories anew. */
export class RepoRenewal {
  readonly #heads: HeadStore;
  readonly #tids: TidClock;

  constructor(heads: HeadStore, tids: TidClock) {
    this.#heads = heads;
    this.#tids = tids;
  }

  /** Signs the present tree of an account that has a repository, and gives the new commit. */
  renew(group: WriteGroup, { accountId, did, keypair }: { accountId: number; did: string; keypair: Keypair }): StoredCommit {
    const head = this.#heads.find(accountId);
    assert(head !== null, `account has no repository: account=${accountId}`);
    const rev = this.#tids.next(head.rev);
    const { cid, bytes } = signCommit({ did, data: head.data, rev, keypair });
    const renewed = { cid, rev, data: head.data };
    this.#heads.set(accountId, renewed, bytes);
    group.afterCommit(() => this.#heads.remember(accountId, renewed));
    return { cid, rev, bytes };
  }
}
