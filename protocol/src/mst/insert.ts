/**
 * Putting a key into a tree of loaded nodes. The tree's shape follows from its keys alone, so a key goes to its own layer and
 * splits whatever lies around it there; layers that only lead down are made as needed.
 * Works on the nodes in place. What it replaces, it tells through `touch`.
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import { keyHeight } from './key.ts';
import { lowerBound, newNode, type Link, type MstNode, type Subtree } from './node.ts';

/** How tree surgery reaches nodes: loads what is only a link, and hears of every node that stops being what it was. */
export interface Surgery {
  /** Gives the node of a subtree that is there; `height` is the layer it must be on. */
  open(subtree: MstNode | Link, height: number): MstNode;
  /** Marks a node as changed or gone. */
  touch(node: MstNode): void;
}

/**
 * Gives the root of the tree with the key in it. Nothing has changed when it throws KeyExists.
 * @throws ProtocolError KeyExists when the key is there already
 * @throws what `surgery.open` throws: the tree is then half changed and must be given up
 */
export function insertKey(surgery: Surgery, root: MstNode, key: string, value: Link): MstNode {
  const height = keyHeight(key);
  if (root.keys.length === 0) {
    surgery.touch(root);
    return newNode(height, [key], [value], [null, null]);
  }
  if (height <= root.height) {
    insertBelow(surgery, root, key, height, value);
    return root;
  }
  const [left, right] = split(surgery, root, root.height, key);
  surgery.touch(root);
  return newNode(height, [key], [value], [lift(left, root.height, height), lift(right, root.height, height)]);
}

function insertBelow(surgery: Surgery, node: MstNode, key: string, height: number, value: Link): void {
  const index = lowerBound(node.keys, key);
  if (node.keys[index] === key) throw new ProtocolError('KeyExists', `key exists: key=${key}`);
  const between = node.subtrees[index]!;
  if (height === node.height) {
    const parts = split(surgery, between, height - 1, key);
    node.keys.splice(index, 0, key);
    node.values.splice(index, 0, value);
    node.subtrees.splice(index, 1, ...parts);
  } else if (between === null) {
    node.subtrees[index] = lift(newNode(height, [key], [value], [null, null]), height, node.height);
  } else {
    const child = surgery.open(between, node.height - 1);
    insertBelow(surgery, child, key, height, value);
    node.subtrees[index] = child;
  }
  surgery.touch(node);
}

/** Puts steps above a subtree on layer `from` until it can hang below layer `below`. */
function lift(subtree: Subtree, from: number, below: number): Subtree {
  let lifted = subtree;
  if (lifted !== null) for (let height = from + 1; height < below; height++) lifted = newNode(height, [], [], [lifted]);
  return lifted;
}

/** Parts the subtree on layer `height` into what lies left and right of a key that is not in it. A part without anything is null. */
function split(surgery: Surgery, subtree: Subtree, height: number, key: string): [Subtree, Subtree] {
  if (subtree === null) return [null, null];
  const node = surgery.open(subtree, height);
  const { keys, values, subtrees } = node;
  const index = lowerBound(keys, key);
  const [left, right] = split(surgery, subtrees[index]!, height - 1, key);
  // Nothing to part: the node goes on as it is, loaded, so that the next split does not load it again.
  if (index === 0 && left === null) return [null, keep(node, index, right)];
  if (index === keys.length && right === null) return [keep(node, index, left), null];
  surgery.touch(node);
  return [
    part(newNode(height, keys.slice(0, index), values.slice(0, index), [...subtrees.slice(0, index), left])),
    part(newNode(height, keys.slice(index), values.slice(index), [right, ...subtrees.slice(index + 1)])),
  ];
}

function keep(node: MstNode, index: number, unchanged: Subtree): MstNode {
  node.subtrees[index] = unchanged;
  return node;
}

function part(node: MstNode): Subtree {
  return node.keys.length === 0 && node.subtrees[0] === null ? null : node;
}
