/**
 * Changes made to a tree as one commit would make them, with the proof its event would carry.
 * Place: tests of inversion. Source: ours.
 */
import { BlockMap } from '@dunlin/protocol/data/block-map';
import type { Cid } from '@dunlin/protocol/data/cid';
import { Mst } from '@dunlin/protocol/mst/tree';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import type { Change } from './arbitrary.ts';

/** Makes changes as one commit would; gives the new root, the operations and the covering proof. */
export function change(blocks: BlockMap, root: Cid, changes: readonly Change[]): { data: Cid; ops: RepoOp[]; proof: BlockMap } {
  const tree = Mst.load(blocks, root);
  const ops = changes.flatMap(({ kind, key, value }): RepoOp[] => {
    const prev = tree.get(key);
    if (kind === 'remove') return prev === null ? [] : [{ action: 'delete', path: key, cid: null, prev: tree.remove(key) }];
    if (prev !== null) return [{ action: 'update', path: key, cid: value, prev: tree.update(key, value) }];
    tree.insert(key, value);
    return [{ action: 'create', path: key, cid: value, prev: null }];
  });
  const proof = new BlockMap();
  tree.addRoot(proof);
  for (const { path } of ops) tree.addCoveringProof(path, proof);
  return { data: tree.root(), ops, proof };
}
