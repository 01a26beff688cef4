/**
 * A Merkle search tree that can be read and changed: the records of one repository by `collection/rkey`.
 * Loads nodes from its source only where it goes, keeps what it loaded, writes nothing: `newBlocks` are the caller's to store.
 * Not for one-way reading of whole trees (walk.ts) nor for verifying commits (invert.ts).
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import { BlockMap, type BlockSource } from '../data/block-map.ts';
import { cidByteLength, cidAt, cidToBytes, type Cid } from '../data/cid.ts';
import { latin1Text } from '../data/cbor-cursor.ts';
import { rootHeight } from './flat-node.ts';
import { insertKey, type Surgery } from './insert.ts';
import { isValidMstKey, keyHeight } from './key.ts';
import { loadNode, lowerBound, newNode, nodeBlocksOf, sealNode, type Link, type MstNode, type NodeBlocks, type Subtree } from './node.ts';
import { removeKey } from './remove.ts';

const linkText = (link: Link): string => latin1Text(link, 0, cidByteLength);
const cidOfLink = (link: Link): Cid => cidAt(link, 0);

/**
 * The tree. A method that throws MissingBlock or InvalidMst on the way of a change leaves the tree unusable; KeyExists,
 * KeyNotFound and InvalidMstKey leave it as it was.
 */
export class Mst {
  readonly #blocks: NodeBlocks;
  #root: MstNode;
  /** Nodes of the source that are no longer as they were, by binary CID. */
  readonly #touched = new Map<string, Link>();
  readonly #surgery: Surgery;

  private constructor(blocks: NodeBlocks, root: MstNode) {
    this.#blocks = blocks;
    this.#root = root;
    this.#surgery = { open: (subtree, height) => this.#open(subtree, height), touch: (node) => this.#touch(node) };
  }

  /** Gives a tree without records; a new account's first. */
  static empty(): Mst {
    return new Mst({ getBytes: () => undefined }, newNode(0, [], [], [null]));
  }

  /**
   * Gives the tree under a root; loads the root and nothing else yet.
   * @throws ProtocolError MissingBlock, InvalidMst as every method that has to load nodes does
   */
  static load(source: BlockSource, root: Cid): Mst {
    const blocks = nodeBlocksOf(source);
    return new Mst(blocks, loadNode(blocks, cidToBytes(root), rootHeight));
  }

  /** Gives the CID of the record under a key; null when there is none. */
  get(key: string): Cid | null {
    const height = keyHeight(key);
    let node = this.#root;
    for (;;) {
      const index = lowerBound(node.keys, key);
      if (node.keys[index] === key) return cidOfLink(node.values[index]!);
      const child = node.height > height ? this.#child(node, index) : null;
      if (child === null) return null;
      node = child;
    }
  }

  /**
   * Puts a new key in.
   * @throws ProtocolError KeyExists, InvalidMstKey
   */
  insert(key: string, value: Cid): void {
    checkKey(key);
    this.#root = insertKey(this.#surgery, this.#root, key, cidToBytes(value));
  }

  /**
   * Gives a key another value; returns the one before.
   * @throws ProtocolError KeyNotFound
   */
  update(key: string, value: Cid): Cid {
    const height = keyHeight(key);
    const path: MstNode[] = [];
    for (let node: MstNode | null = this.#root; node !== null; ) {
      path.push(node);
      const index = lowerBound(node.keys, key);
      if (node.keys[index] === key) {
        const before = node.values[index]!;
        node.values[index] = cidToBytes(value);
        for (const changed of path) this.#touch(changed);
        return cidOfLink(before);
      }
      node = node.height > height ? this.#child(node, index) : null;
    }
    throw new ProtocolError('KeyNotFound', `key not found: key=${key}`);
  }

  /**
   * Takes a key out; gives the value it had.
   * @throws ProtocolError KeyNotFound
   */
  remove(key: string): Cid {
    const { root, value } = removeKey(this.#surgery, this.#root, key);
    this.#root = root;
    return cidOfLink(value);
  }

  /**
   * Gives the root's CID; makes the blocks of all nodes that changed.
   * @throws ProtocolError BlocksTooBig when a node outgrew what a block may be
   */
  root(): Cid {
    return cidOfLink(sealNode(this.#root));
  }

  /** Gives the blocks of nodes that the source did not give, from the root down: what to store for this root. */
  newBlocks(): BlockMap {
    sealNode(this.#root);
    const blocks = new BlockMap();
    this.#collectNew(this.#root, blocks);
    return blocks;
  }

  /** Gives the nodes of the source that are not part of this tree any more. */
  removedNodes(): Cid[] {
    const fresh = new Set<string>();
    sealNode(this.#root);
    this.#eachFresh(this.#root, (node) => fresh.add(linkText(node.link!)));
    return [...this.#touched].filter(([text]) => !fresh.has(text)).map(([, link]) => cidOfLink(link));
  }

  /** Adds the root's block to `proof`. */
  addRoot(proof: BlockMap): void {
    proof.setBytes(sealNode(this.#root), 0, this.#root.bytes!);
  }

  /**
   * Adds to `proof` the nodes that prove what is under the key and that let a commit which wrote it be undone: the path to the
   * key, and from there down to its left and right neighbours.
   */
  addCoveringProof(key: string, proof: BlockMap): void {
    sealNode(this.#root);
    let node: MstNode | null = this.#root;
    while (node !== null) {
      proof.setBytes(node.link!, 0, node.bytes!);
      const index = lowerBound(node.keys, key);
      if (node.keys[index] === key) {
        this.#addSpine(this.#child(node, index), true, proof);
        this.#addSpine(this.#child(node, index + 1), false, proof);
        return;
      }
      node = this.#child(node, index);
    }
  }

  #addSpine(top: MstNode | null, isRightSpine: boolean, proof: BlockMap): void {
    for (let node = top; node !== null; node = this.#child(node, isRightSpine ? node.keys.length : 0)) {
      proof.setBytes(node.link!, 0, node.bytes!);
    }
  }

  #collectNew(node: MstNode, blocks: BlockMap): void {
    this.#eachFresh(node, (fresh) => {
      if (!this.#touched.has(linkText(fresh.link!))) blocks.setBytes(fresh.link!, 0, fresh.bytes!);
    });
  }

  /** Calls back for every node that was made here, parents first. */
  #eachFresh(node: MstNode, visit: (node: MstNode) => void): void {
    if (!node.isStored) visit(node);
    for (const subtree of node.subtrees) if (subtree !== null && !(subtree instanceof Uint8Array)) this.#eachFresh(subtree, visit);
  }

  /** Gives the loaded subtree at an index, and keeps it; null when there is none. */
  #child(node: MstNode, index: number): MstNode | null {
    const subtree: Subtree = node.subtrees[index]!;
    if (subtree === null) return null;
    const child = this.#open(subtree, node.height - 1);
    node.subtrees[index] = child;
    return child;
  }

  #open(subtree: MstNode | Link, height: number): MstNode {
    return subtree instanceof Uint8Array ? loadNode(this.#blocks, subtree, height) : subtree;
  }

  #touch(node: MstNode): void {
    if (node.isStored) this.#touched.set(linkText(node.link!), node.link!);
    node.isStored = false;
    node.link = null;
    node.bytes = null;
  }
}

function checkKey(key: string): void {
  if (!isValidMstKey(key)) throw new ProtocolError('InvalidMstKey', `not a key of a repository: length=${key.length}`);
}
