/**
 * A whole repository as the pieces of a CAR: the commit, then each node before what is in it, records in their places.
 * Copies bytes from where the database put them into pieces of a set size, and makes nothing else of a block.
 * Holds one path of the tree, a run of records and some nodes ahead. Not for what a revision has not seen (`export-blocks.ts`).
 * Source: order as proposal 0006 on streamable CARs; ipld.io/specs/transport/car/carv1; ours.
 */
import { carHeader } from '@dunlin/protocol/car/header';
import { cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { NodeLayers, WalkedNode } from './node-layers.ts';
import { makeSection, noRun } from './packed-sections.ts';
import type { RecordRuns } from './record-runs.ts';

/** Bytes of a piece; a block that is longer makes its piece longer. */
export const pieceBytes = 131_072;

interface OpenNode {
  readonly node: WalkedNode;
  next: number;
}

/** Fills pieces. What lies side by side where it comes from is copied at once. */
class PieceWriter {
  readonly #room: () => Buffer;
  #piece: Buffer;
  #filled = 0;
  #source: Uint8Array = noRun;
  #from = 0;
  #to = 0;

  constructor(room: () => Buffer) {
    this.#room = room;
    this.#piece = room();
  }

  /** Tells whether so many bytes still fit. */
  hasRoomFor(length: number): boolean {
    const filled = this.#filled + this.#to - this.#from;
    return filled === 0 || filled + length <= this.#piece.length;
  }

  /** Writes bytes of a source, which stay as they are until the piece is taken. */
  write(source: Uint8Array, start: number, end: number): void {
    if (source === this.#source && start === this.#to) {
      this.#to = end;
      return;
    }
    this.#copy();
    this.#source = source;
    this.#from = start;
    this.#to = end;
  }

  /** Gives what was written, and begins anew. */
  take(): Buffer {
    this.#copy();
    const piece = this.#piece.subarray(0, this.#filled);
    this.#piece = this.#room();
    this.#filled = 0;
    return piece;
  }

  #copy(): void {
    const filled = this.#filled + this.#to - this.#from;
    if (filled > this.#piece.length) {
      const larger = Buffer.allocUnsafeSlow(filled);
      larger.set(this.#piece.subarray(0, this.#filled));
      this.#piece = larger;
    }
    this.#piece.set(this.#source.subarray(this.#from, this.#to), this.#filled);
    this.#filled = filled;
    this.#from = this.#to;
  }
}

/** Where the walk gets its blocks. */
export interface BlockSources {
  readonly nodes: NodeLayers;
  readonly records: RecordRuns;
}

/** What a CAR begins with. */
export interface CarStart {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

/** Gives the pieces of the CAR, each in what `room` gave before, of `pieceBytes`; the next is made when it is asked for. */
export function* carPieces(commit: CarStart, { nodes, records }: BlockSources, room: () => Buffer): Generator<Buffer, void, undefined> {
  const writer = new PieceWriter(room);
  for (const start of [carHeader(commit.cid), makeSection(cidToBytes(commit.cid), commit.bytes)]) writer.write(start, 0, start.length);
  const root = nodes.next(0);
  writer.write(root.bytes, root.sectionStart, root.end);
  const path: OpenNode[] = [{ node: root, next: 0 }];
  for (let open = path.at(-1); open !== undefined; open = path.at(-1)) {
    const { node } = open;
    const step = open.next++;
    const offset = node.steps[step];
    if (offset === undefined) path.pop();
    else if ((step & 1) === 1) {
      records.take(node, offset, step >> 1);
      if (!writer.hasRoomFor(records.sectionEnd - records.sectionStart)) yield writer.take();
      writer.write(records.bytes, records.sectionStart, records.sectionEnd);
    } else if (offset >= 0) {
      const child = nodes.next(path.length);
      if (!writer.hasRoomFor(child.end - child.sectionStart)) yield writer.take();
      writer.write(child.bytes, child.sectionStart, child.end);
      path.push({ node: child, next: 0 });
    }
  }
  yield writer.take();
}
