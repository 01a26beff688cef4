/**
 * Tree nodes of one account for a walk through the whole tree: they lie where their CIDs happen to fall, so they are fetched by
 * the batch, three layers below a node at once, and kept until the walk comes to them. Bounded by number and, after each batch,
 * by bytes. Not for commits, which follow one path (`node-store.ts`).
 * Place: exports, on a snapshot. Source: ours, docs/decisions/0020.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidByteLength } from '@dunlin/protocol/data/cid';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { cidKeyAt, cidTagAt, digestOffset, isSameCid } from './cid-key.ts';
import type { RecentNodes } from './recent-nodes.ts';
import { nodeSteps } from './stored-node.ts';

/** Nodes fetched by one query. */
const batchNodes = 32;

/** Layers fetched at once: a subtree of so many has about 150 nodes. */
const layersAhead = 3;

/** Most nodes of one layer fetched ahead. */
const maxAheadNodes = 128;

/** With so many bytes fetched ahead no further batch is, in bytes. */
const maxAheadBytes = 1_048_576;

/** A node on the way of a walk. */
export interface WalkedNode {
  readonly bytes: Uint8Array;
  /** See `nodeSteps`. */
  readonly steps: readonly number[];
  /** Layer, 0 at the bottom. */
  readonly height: number;
  /** Children that were fetched before the walk came to them, by place among the steps. */
  readonly children: (WalkedNode | undefined)[];
}

/** A subtree that is wanted: the place of its link. */
interface Wanted {
  readonly parent: WalkedNode;
  readonly step: number;
}

/** Fetches nodes of one account from one snapshot. */
export class NodeBatches {
  readonly #batch: Statement<unknown[], [Buffer | null, string | null]>;
  #accountId = 0;
  #recent: RecentNodes = new Map();

  constructor(database: Database) {
    const tags = Array.from({ length: batchNodes }, () => '?').join(', ');
    this.#batch = database
      .prepare<unknown[], [Buffer | null, string | null]>(`SELECT CAST(group_concat(cid || bytes, '') AS BLOB), group_concat(length(bytes)) FROM node WHERE account = ? AND tag IN (${tags})`)
      .raw();
  }

  /** Begins with an account whose newest nodes are these. */
  begin(accountId: number, recent: RecentNodes): void {
    this.#accountId = accountId;
    this.#recent = recent;
  }

  /** Gives the root; `height` is its layer. */
  root(link: Uint8Array, heightOf: (bytes: Uint8Array) => number): WalkedNode {
    const [bytes] = this.#fetch([{ bytes: link, offset: 0 }]);
    return makeNode(bytes!, heightOf(bytes!));
  }

  /** Gives the subtree at a step of a node; its link is not null. */
  child(parent: WalkedNode, step: number): WalkedNode {
    if (parent.children[step] === undefined) this.#fetchAhead(parent, step);
    const child = parent.children[step]!;
    parent.children[step] = undefined;
    return child;
  }

  /** Layers are taken in threes from the bottom, so that the lowest, where nearly all nodes are, come in whole batches. */
  #fetchAhead(parent: WalkedNode, step: number): void {
    const layers = ((parent.height - 1) % layersAhead) + 1;
    let wanted = subtrees(parent, step, maxAheadNodes);
    let bytes = 0;
    for (let layer = 0; layer < layers && wanted.length > 0; layer++) {
      const below: Wanted[] = [];
      for (let from = 0; from < wanted.length && bytes < maxAheadBytes; from += batchNodes) {
        const batch = wanted.slice(from, from + batchNodes);
        bytes += this.#fetchChildren(batch);
        for (const { parent: above, step: at } of batch) below.push(...subtrees(above.children[at]!, 0, maxAheadNodes - below.length));
      }
      wanted = below;
    }
  }

  /** Gives how many bytes they have. */
  #fetchChildren(wanted: readonly Wanted[]): number {
    let bytes = 0;
    const found = this.#fetch(wanted.map(({ parent, step }) => ({ bytes: parent.bytes, offset: parent.steps[step]! })));
    for (let index = 0; index < wanted.length; index++) {
      const { parent, step } = wanted[index]!;
      const node = found[index]!;
      parent.children[step] = makeNode(node, parent.height - 1);
      bytes += node.length;
    }
    return bytes;
  }

  #fetch(links: readonly { readonly bytes: Uint8Array; readonly offset: number }[]): Uint8Array[] {
    const tags: (number | null)[] = links.map(({ bytes, offset }) => cidTagAt(bytes, offset));
    while (tags.length < batchNodes) tags.push(null);
    const [run, lengths] = this.#batch.get(this.#accountId, ...tags)!;
    const found = new Run(run, lengths);
    return links.map(({ bytes, offset }) => {
      const node = found.find(bytes, offset) ?? this.#recent.get(cidKeyAt(bytes, offset))?.bytes;
      assert(node !== undefined, `tree node is missing: account=${this.#accountId}`);
      return node;
    });
  }
}

/** What one query gave: CID and bytes of each node, side by side. */
class Run {
  readonly #bytes: Buffer | null;
  /** Where each node's CID begins, and at the end where the last node ends. */
  readonly #offsets: number[] = [0];

  constructor(bytes: Buffer | null, lengths: string | null) {
    this.#bytes = bytes;
    let offset = 0;
    for (const length of lengths === null ? [] : lengths.split(',')) this.#offsets.push((offset += cidByteLength + Number(length)));
  }

  find(cid: Uint8Array, cidOffset: number): Uint8Array | undefined {
    const bytes = this.#bytes;
    if (bytes === null) return undefined;
    const offsets = this.#offsets;
    for (let index = 0; index + 1 < offsets.length; index++) {
      const start = offsets[index]!;
      // The first byte of the digest nearly always tells.
      if (bytes[start + digestOffset] === cid[cidOffset + digestOffset] && isSameCid(bytes, start, cid, cidOffset)) {
        return bytes.subarray(start + cidByteLength, offsets[index + 1]);
      }
    }
    return undefined;
  }
}

function makeNode(bytes: Uint8Array, height: number): WalkedNode {
  return { bytes, height, steps: nodeSteps(bytes), children: [] };
}

/** Gives subtrees of a node from a step on, as long as they were not fetched. */
function subtrees(parent: WalkedNode, from: number, limit: number): Wanted[] {
  const wanted: Wanted[] = [];
  for (let step = from; step < parent.steps.length && wanted.length < limit; step += 2) {
    if (parent.steps[step]! >= 0 && parent.children[step] === undefined) wanted.push({ parent, step });
  }
  return wanted;
}
