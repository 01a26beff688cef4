/**
 * Tree nodes of one account for a walk through the whole tree: they lie where their CIDs happen to fall, so they are fetched by
 * the batch, layer by layer ahead of the walk. A walk that visits a node before what is in it meets the nodes of a layer from
 * left to right, so each layer is a queue: of nodes that were fetched, and of links that were not followed yet.
 * Bounded by nodes a batch and by bytes. Not for commits, which follow one path (`node-store.ts`).
 * Place: exports, on a snapshot. Source: ours, docs/decisions/0020 and 0029.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { releaseBytes } from '@dunlin/protocol/base/bytes';
import { cidByteLength } from '@dunlin/protocol/data/cid';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { cidKeyAt, cidTagAt, digestOffset, isSameCid } from './cid-key.ts';
import { cidOfSection, endOfSection, longMark, makeSection, noRun, packedSection, sectionLengths } from './packed-sections.ts';
import type { RecentNodes } from './recent-nodes.ts';
import { nodeSteps, type StoredNode } from './stored-node.ts';

/** Nodes fetched by one query. */
const batchNodes = 64;

/** With so many bytes fetched and not walked yet, nodes are fetched one by one, in bytes. */
const maxAheadBytes = 1_048_576;

/** A node on the way of a walk, as a section of a CAR. */
export interface WalkedNode extends StoredNode {
  /** Where its section begins in `bytes`; it ends where the node ends. */
  readonly sectionStart: number;
  /** See `nodeSteps`. */
  readonly steps: readonly number[];
}

/** The place of a CID. */
interface Link {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

interface Layer {
  /** Fetched and not walked yet, from `next` on. */
  nodes: WalkedNode[];
  next: number;
  /** Not fetched yet. */
  links: Link[];
  /** What the nodes lie in, oldest first. */
  runs: Run[];
}

/** What one query gave, and how many nodes of the layer came with it. */
interface Run {
  readonly bytes: Buffer;
  readonly nodes: number;
}

/** Fetches nodes of one account from one snapshot. */
export class NodeLayers {
  readonly #batch: Statement<unknown[], Buffer | null>;
  readonly #one: Statement<[number, number, Uint8Array], Buffer>;
  readonly #run = new NodeRun();
  #accountId = 0;
  #recent: RecentNodes = new Map();
  #layers: Layer[] = [];
  #aheadBytes = 0;

  constructor(database: Database) {
    const tags = Array.from({ length: batchNodes }, () => '?').join(', ');
    this.#batch = database
      .prepare<unknown[], Buffer | null>(`SELECT CAST(group_concat(${packedSection}, '') AS BLOB) FROM node WHERE account = ? AND tag IN (${tags})`)
      .pluck();
    this.#one = database.prepare<[number, number, Uint8Array], Buffer>('SELECT bytes FROM node WHERE account = ? AND tag = ? AND cid = ?').pluck();
  }

  /** Begins with the root of an account whose newest nodes are these; it is there afterwards. */
  begin(accountId: number, recent: RecentNodes, root: Uint8Array): void {
    this.end();
    this.#accountId = accountId;
    this.#recent = recent;
    this.#layers = [makeLayer([{ bytes: root, offset: 0 }])];
    this.#fetch(0);
  }

  /** Gives up what was fetched. */
  end(): void {
    for (const { runs } of this.#layers) for (const { bytes } of runs) releaseBytes(bytes);
    this.#layers = [];
    this.#recent = new Map();
    this.#aheadBytes = 0;
  }

  /**
   * Gives the next node of a layer from left to right; 0 is the root's. Nodes are asked for in the order of the walk, and copied
   * from before the next of their layer is: its bytes may be gone then.
   */
  next(depth: number): WalkedNode {
    const layer = this.#layers[depth]!;
    // The walk is above this layer, so it is through with all that was taken of it, and with the links in there.
    for (let oldest = layer.runs[0]; oldest !== undefined && oldest.nodes <= layer.next; oldest = layer.runs[0]) letGo(layer, oldest);
    if (layer.next === layer.nodes.length) this.#fetch(depth);
    const node = layer.nodes[layer.next++];
    assert(node !== undefined, `no node is left in a layer: account=${this.#accountId} depth=${depth}`);
    this.#aheadBytes -= node.end - node.sectionStart;
    return node;
  }

  /** Fetches a batch of a layer; the layer above brings further links when there are too few. */
  #fetch(depth: number): void {
    const layer = this.#layers[depth]!;
    const hasRoom = this.#aheadBytes < maxAheadBytes;
    if (hasRoom && layer.links.length < batchNodes && depth > 0 && this.#layers[depth - 1]!.links.length > 0) this.#fetch(depth - 1);
    const links = layer.links.splice(0, hasRoom ? batchNodes : 1);
    const below = (this.#layers[depth + 1] ??= makeLayer([]));
    layer.runs.push({ bytes: this.#read(links), nodes: links.length });
    for (const link of links) {
      const node = this.#run.find(link) ?? this.#find(link);
      layer.nodes.push(node);
      this.#aheadBytes += node.end - node.sectionStart;
      for (let step = 0; step < node.steps.length; step += 2) if (node.steps[step]! >= 0) below.links.push({ bytes: node.bytes, offset: node.steps[step]! });
    }
  }

  #read(links: readonly Link[]): Buffer {
    const parameters: unknown[] = [sectionLengths, this.#accountId];
    for (const { bytes, offset } of links) parameters.push(cidTagAt(bytes, offset));
    while (parameters.length < batchNodes + 2) parameters.push(null);
    const run = this.#batch.get(...parameters) ?? noRun;
    this.#run.fill(run);
    return run;
  }

  /** Finds a node that did not come with the others: it is one of the newest, or longer than they are. */
  #find({ bytes, offset }: Link): WalkedNode {
    const cid = bytes.subarray(offset, offset + cidByteLength);
    const contents = this.#recent.get(cidKeyAt(cid, 0))?.bytes ?? this.#one.get(this.#accountId, cidTagAt(cid, 0), cid);
    assert(contents !== undefined, `tree node is missing: account=${this.#accountId}`);
    const section = makeSection(cid, contents);
    return makeNode(section, { sectionStart: 0, start: section.length - contents.length, end: section.length });
  }
}

/** What one query gave, found by CID: chains of sections by the first byte of their digests. */
class NodeRun {
  #bytes: Buffer = noRun;
  readonly #first = new Int32Array(256);
  readonly #starts: number[] = [];
  readonly #following: number[] = [];

  fill(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#first.fill(-1);
    this.#starts.length = 0;
    this.#following.length = 0;
    for (let start = 0; start < bytes.length; ) {
      if (bytes[start] === longMark) {
        start += 1;
        continue;
      }
      const digestByte = bytes[cidOfSection(bytes, start) + digestOffset]!;
      this.#following.push(this.#first[digestByte]!);
      this.#first[digestByte] = this.#starts.push(start) - 1;
      start = endOfSection(bytes, start);
    }
  }

  find({ bytes, offset }: Link): WalkedNode | undefined {
    const run = this.#bytes;
    for (let index = this.#first[bytes[offset + digestOffset]!]!; index !== -1; index = this.#following[index]!) {
      const sectionStart = this.#starts[index]!;
      const cid = cidOfSection(run, sectionStart);
      if (isSameCid(run, cid, bytes, offset)) return makeNode(run, { sectionStart, start: cid + cidByteLength, end: endOfSection(run, sectionStart) });
    }
    return undefined;
  }
}

function makeNode(bytes: Buffer, { sectionStart, start, end }: { sectionStart: number; start: number; end: number }): WalkedNode {
  return { bytes, sectionStart, start, end, steps: nodeSteps({ bytes, start, end }) };
}

/** Gives the oldest run of a layer back, whose nodes are all walked. */
function letGo(layer: Layer, { bytes, nodes }: Run): void {
  releaseBytes(bytes);
  layer.runs.shift();
  layer.nodes.splice(0, nodes);
  layer.next -= nodes;
}

function makeLayer(links: Link[]): Layer {
  return { nodes: [], next: 0, links, runs: [] };
}
