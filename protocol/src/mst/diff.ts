/**
 * What happened between two trees: records created, updated, deleted, and nodes that came and went.
 * Goes through both side by side and steps over every subtree that both have at the same place, so it costs what changed.
 * Source: atproto.com/specs/sync "Repository Diffs".
 */
import { assert } from '../base/assert.ts';
import { equalBytes } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { BlockMap, type BlockSource } from '../data/block-map.ts';
import { cidAt, cidToBytes, sameCid, type Cid } from '../data/cid.ts';
import { rootHeight } from './flat-node.ts';
import { loadNode, nodeBlocksOf, type Link, type NodeBlocks } from './node.ts';

/** The differences from one tree to another; records in key order, nodes in the order they were come upon. */
export interface TreeDiff {
  readonly created: { readonly key: string; readonly value: Cid }[];
  readonly updated: { readonly key: string; readonly value: Cid; readonly before: Cid }[];
  readonly deleted: { readonly key: string; readonly before: Cid }[];
  readonly newNodes: Cid[];
  readonly removedNodes: Cid[];
}

interface SubtreeItem {
  readonly link: Link;
  readonly height: number;
}

interface EntryItem {
  readonly link: null;
  readonly key: string;
  readonly value: Link;
}

/** One tree, opened step by step from the left. */
class Side {
  readonly #blocks: NodeBlocks;
  /** What is still to come, the next one last. */
  readonly #items: (SubtreeItem | EntryItem)[] = [];
  #before = '';
  /** Nodes gone into. */
  readonly nodes = new BlockMap();

  constructor(blocks: NodeBlocks, root: Cid | null) {
    this.#blocks = blocks;
    if (root !== null) this.#open(cidToBytes(root), rootHeight);
  }

  /** What comes next: a subtree not gone into, an entry, or nothing. */
  get next(): SubtreeItem | EntryItem | undefined {
    return this.#items.at(-1);
  }

  /** Steps over what is next; an entry must lie behind the one before. */
  skip(): void {
    const item = this.#items.pop();
    if (item === undefined || item.link !== null) return;
    if (item.key <= this.#before) throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
    this.#before = item.key;
  }

  /** Goes into the subtree that is next. */
  enter(): void {
    const item = this.#items.pop();
    assert(item !== undefined && item.link !== null, 'nothing to go into');
    this.#open(item.link, item.height);
  }

  #open(link: Link, height: number): void {
    const node = loadNode(this.#blocks, link, height);
    this.nodes.setBytes(link, 0, node.bytes!);
    for (let index = node.keys.length; index >= 0; index--) {
      const below = node.subtrees[index]! as Link | null;
      if (below !== null) this.#items.push({ link: below, height: node.height - 1 });
      if (index > 0) this.#items.push({ link: null, key: node.keys[index - 1]!, value: node.values[index - 1]! });
    }
  }
}

/**
 * Gives what changed from the tree under `from` (null: no tree) to the one under `to`; `source` has the nodes of both.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function diffTrees(source: BlockSource, from: Cid | null, to: Cid): TreeDiff {
  const diff: TreeDiff = { created: [], updated: [], deleted: [], newNodes: [], removedNodes: [] };
  if (sameCid(from, to)) return diff;
  const blocks = nodeBlocksOf(source);
  const [old, now] = [new Side(blocks, from), new Side(blocks, to)];
  for (let a = old.next, b = now.next; a !== undefined || b !== undefined; a = old.next, b = now.next) step(old, now, a, b, diff);
  for (const cid of now.nodes.cids()) if (!old.nodes.has(cid)) diff.newNodes.push(cid);
  for (const cid of old.nodes.cids()) if (!now.nodes.has(cid)) diff.removedNodes.push(cid);
  return diff;
}

type Item = SubtreeItem | EntryItem | undefined;

function step(old: Side, now: Side, a: Item, b: Item, diff: TreeDiff): void {
  const aHeight = a === undefined || a.link === null ? -1 : a.height;
  const bHeight = b === undefined || b.link === null ? -1 : b.height;
  if (aHeight >= 0 && aHeight === bHeight && equalBytes((a as SubtreeItem).link, (b as SubtreeItem).link)) {
    old.skip();
    now.skip();
  } else if (aHeight >= 0 || bHeight >= 0) {
    if (aHeight >= bHeight) old.enter();
    if (bHeight >= aHeight) now.enter();
  } else compareEntries(old, now, a as EntryItem | undefined, b as EntryItem | undefined, diff);
}

function compareEntries(old: Side, now: Side, a: EntryItem | undefined, b: EntryItem | undefined, diff: TreeDiff): void {
  const isDeleted = b === undefined || (a !== undefined && a.key < b.key);
  const isCreated = a === undefined || (b !== undefined && b.key < a.key);
  if (isDeleted) diff.deleted.push({ key: a!.key, before: cidOf(a!.value) });
  else if (isCreated) diff.created.push({ key: b.key, value: cidOf(b.value) });
  else if (!equalBytes(a.value, b.value)) diff.updated.push({ key: b.key, value: cidOf(b.value), before: cidOf(a.value) });
  if (!isCreated) old.skip();
  if (!isDeleted) now.skip();
}

function cidOf(link: Link): Cid {
  return cidAt(link, 0);
}
