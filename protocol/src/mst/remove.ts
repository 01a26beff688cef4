/**
 * Taking a key out of a tree of loaded nodes: what lay left and right of it grows together, nodes left without anything go,
 * and a root that would only lead down gives way to what is below.
 * Works on the nodes in place. What it replaces, it tells through `touch`.
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import { keyHeight } from './key.ts';
import { isEmptyNode, lowerBound, newNode, type Link, type MstNode, type Subtree } from './node.ts';
import type { Surgery } from './insert.ts';

/**
 * Takes the key out; gives the root afterwards and the value that the key had. Nothing has changed when it throws KeyNotFound.
 * @throws ProtocolError KeyNotFound when the key is not there
 * @throws what `surgery.open` throws: the tree is then half changed and must be given up
 */
export function removeKey(surgery: Surgery, root: MstNode, key: string): { root: MstNode; value: Link } {
  const value = removeBelow(surgery, root, key, keyHeight(key));
  return { root: trimTop(surgery, root), value };
}

function trimTop(surgery: Surgery, root: MstNode): MstNode {
  let top = root;
  while (top.keys.length === 0) {
    const below = top.subtrees[0]!;
    surgery.touch(top);
    if (below === null) return newNode(0, [], [], [null]);
    top = surgery.open(below, top.height - 1);
  }
  return top;
}

function removeBelow(surgery: Surgery, node: MstNode, key: string, height: number): Link {
  const index = lowerBound(node.keys, key);
  const between = node.subtrees[index]!;
  let value: Link;
  if (node.keys[index] === key) {
    const merged = merge(surgery, between, node.subtrees[index + 1]!, node.height - 1);
    value = node.values[index]!;
    node.keys.splice(index, 1);
    node.values.splice(index, 1);
    node.subtrees.splice(index, 2, merged);
  } else {
    if (node.height <= height || between === null) throw new ProtocolError('KeyNotFound', `key not found: key=${key}`);
    const child = surgery.open(between, node.height - 1);
    value = removeBelow(surgery, child, key, height);
    node.subtrees[index] = isEmptyNode(child) ? null : child;
  }
  surgery.touch(node);
  return value;
}

/** Joins two neighbours on layer `height`, every key of the left one being below every key of the right one. */
function merge(surgery: Surgery, left: Subtree, right: Subtree, height: number): Subtree {
  if (left === null) return right;
  if (right === null) return left;
  const a = surgery.open(left, height);
  const b = surgery.open(right, height);
  const middle = merge(surgery, a.subtrees[a.keys.length]!, b.subtrees[0]!, height - 1);
  surgery.touch(a);
  surgery.touch(b);
  return newNode(height, [...a.keys, ...b.keys], [...a.values, ...b.values], [...a.subtrees.slice(0, -1), middle, ...b.subtrees.slice(1)]);
}
