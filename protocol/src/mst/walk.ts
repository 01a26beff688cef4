/**
 * Reading a whole tree from its root, in key order, as a flat stream: each node before what is in it, each value in its place.
 * Holds one path at a time, so a tree of any size is walked in little memory; a hostile one ends it with InvalidMst at the first
 * key that does not ascend, so no node can be visited over and over.
 * Place: exports, imports, verification of whole repositories. Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import type { BlockSource } from '../data/block-map.ts';
import { cidAt, cidToBytes, type Cid } from '../data/cid.ts';
import { rootHeight } from './flat-node.ts';
import { loadNode, nodeBlocksOf, type Link, type MstNode, type NodeBlocks } from './node.ts';

/** One stop of a walk: a node's block, or a key with its value. Links are views into the node's bytes. */
export type WalkStep =
  | { readonly kind: 'node'; readonly link: Link; readonly bytes: Uint8Array }
  | { readonly kind: 'entry'; readonly key: string; readonly value: Link };

interface OpenNode {
  readonly node: MstNode;
  /** Counts subtrees and keys together: even is the subtree before key next/2, odd the key itself. */
  next: number;
}

/**
 * Gives every node and entry under a root. A subtree whose link `skip` says true to is passed by, with all that is in it.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function* walkTree(blocks: NodeBlocks, root: Link, skip?: (link: Link) => boolean): Generator<WalkStep, void, undefined> {
  if (skip?.(root)) return;
  const top = loadNode(blocks, root, rootHeight);
  const path: OpenNode[] = [{ node: top, next: 0 }];
  let before = '';
  yield { kind: 'node', link: root, bytes: top.bytes! };
  for (let open = path.at(-1); open !== undefined; open = path.at(-1)) {
    const { node } = open;
    const index = open.next >> 1;
    const isKey = (open.next++ & 1) === 1;
    if (isKey && index < node.keys.length) {
      const key = node.keys[index]!;
      if (key <= before) throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
      before = key;
      yield { kind: 'entry', key, value: node.values[index]! };
    } else if (isKey) path.pop();
    else {
      const link = node.subtrees[index]! as Link | null;
      if (link === null || skip?.(link)) continue;
      const child = loadNode(blocks, link, node.height - 1);
      path.push({ node: child, next: 0 });
      yield { kind: 'node', link, bytes: child.bytes! };
    }
  }
}

/**
 * Gives every key with its record's CID, in key order.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function* walkEntries(source: BlockSource, root: Cid): Generator<{ key: string; value: Cid }, void, undefined> {
  for (const step of walkTree(nodeBlocksOf(source), cidToBytes(root))) {
    if (step.kind === 'entry') yield { key: step.key, value: cidAt(step.value, 0) };
  }
}

/**
 * Gives every node's CID and block, each before the nodes below it.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function* walkNodes(source: BlockSource, root: Cid): Generator<readonly [Cid, Uint8Array], void, undefined> {
  for (const step of walkTree(nodeBlocksOf(source), cidToBytes(root))) {
    if (step.kind === 'node') yield [cidAt(step.link, 0), step.bytes];
  }
}
