/**
 * What one write does to one record: as it is asked for (`PreparedWrite`) and as a commit event tells it (`RepoOp`).
 * Not for applying them (see apply.ts) nor for undoing them (see mst/invert.ts).
 * Source: lexicon com.atproto.sync.subscribeRepos#repoOp; `prev` is Sync 1.1 (proposal 0006).
 */
import type { Cid } from '../data/cid.ts';

/** A record that was not there before; `cid` is the record's block. */
export interface CreateOp {
  readonly action: 'create';
  readonly path: string;
  readonly cid: Cid;
  readonly prev: null;
}

/** A record with new contents; `prev` is the block before, null when the sender is older than Sync 1.1. */
export interface UpdateOp {
  readonly action: 'update';
  readonly path: string;
  readonly cid: Cid;
  readonly prev: Cid | null;
}

/** A record that is gone; `prev` is the block before, null when the sender is older than Sync 1.1. */
export interface DeleteOp {
  readonly action: 'delete';
  readonly path: string;
  readonly cid: null;
  readonly prev: Cid | null;
}

/** One record operation of a commit; `path` is `collection/rkey`. */
export type RepoOp = CreateOp | UpdateOp | DeleteOp;

/** A write whose record is already canonical DAG-CBOR in `bytes`, named by `cid`. */
export interface PreparedPut {
  readonly action: 'create' | 'update';
  readonly collection: string;
  readonly rkey: string;
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

/** A write that takes a record away. */
export interface PreparedDelete {
  readonly action: 'delete';
  readonly collection: string;
  readonly rkey: string;
}

/** A write that is ready to be applied: caller known, record valid, key and CID fixed. */
export type PreparedWrite = PreparedPut | PreparedDelete;
