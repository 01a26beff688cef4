/**
 * A whole repository as the pieces of a CAR: the commit, then each node before what is in it, records in their places.
 * Copies bytes from where the database put them into pieces of a set size, and makes nothing else of a block.
 * Holds one path of the tree, a run of records and some nodes ahead. Not for what a revision has not seen (`export-blocks.ts`).
 * Source: order as proposal 0006 on streamable CARs; ipld.io/specs/transport/car/carv1; ours.
 */
import { varintLength, writeVarintAt } from '@dunlin/protocol/base/varint';
import { carHeader } from '@dunlin/protocol/car/header';
import { cidByteLength, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { NodeBatches, WalkedNode } from './node-batches.ts';
import type { RecordRuns } from './record-runs.ts';

/** Bytes of a piece; a block that is longer makes its piece longer. */
export const pieceBytes = 131_072;

interface OpenNode {
  readonly node: WalkedNode;
  next: number;
}

/** Fills pieces. */
class PieceWriter {
  #piece = Buffer.allocUnsafeSlow(pieceBytes);
  #filled = 0;

  /** Tells whether a block whose CID and contents have this length still fits. */
  hasRoomFor(length: number): boolean {
    return this.#filled === 0 || this.#filled + varintLength(length) + length <= this.#piece.length;
  }

  /** Gives what was filled, and begins anew. */
  take(): Buffer {
    const piece = this.#piece.subarray(0, this.#filled);
    this.#piece = Buffer.allocUnsafeSlow(pieceBytes);
    this.#filled = 0;
    return piece;
  }

  /** Writes bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#copy(bytes, 0, bytes.length);
  }

  /** Writes a block whose CID and contents lie side by side. */
  section(bytes: Uint8Array, start: number, end: number): void {
    this.#begin(end - start);
    this.#copy(bytes, start, end);
  }

  /** Writes a block whose CID lies elsewhere. */
  block(cid: Uint8Array, cidOffset: number, bytes: Uint8Array): void {
    this.#begin(cidByteLength + bytes.length);
    this.#copy(cid, cidOffset, cidOffset + cidByteLength);
    this.#copy(bytes, 0, bytes.length);
  }

  #begin(length: number): void {
    this.#reserve(varintLength(length) + length);
    this.#filled = writeVarintAt(this.#piece, this.#filled, length);
  }

  #reserve(length: number): void {
    const needed = this.#filled + length;
    if (needed <= this.#piece.length) return;
    const larger = Buffer.allocUnsafeSlow(needed);
    this.#piece.copy(larger, 0, 0, this.#filled);
    this.#piece = larger;
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    this.#piece.set(from.subarray(start, end), this.#filled);
    this.#filled += end - start;
  }
}

/** What a CAR begins with. */
export interface CarStart {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

/** Gives the pieces of the CAR; each belongs to who receives it, and the next is made when it is asked for. */
export function* carPieces(start: CarStart, root: WalkedNode, rootLink: Uint8Array, { nodes, records }: { nodes: NodeBatches; records: RecordRuns }): Generator<Buffer, void, undefined> {
  const writer = new PieceWriter();
  writer.raw(carHeader(start.cid));
  writer.block(cidToBytes(start.cid), 0, start.bytes);
  writer.block(rootLink, 0, root.bytes);
  const path: OpenNode[] = [{ node: root, next: 0 }];
  for (let open = path.at(-1); open !== undefined; open = path.at(-1)) {
    const { node } = open;
    const step = open.next++;
    const offset = node.steps[step];
    if (offset === undefined) path.pop();
    else if ((step & 1) === 1) {
      records.take(node.bytes, offset, step >> 1);
      if (!writer.hasRoomFor(records.end - records.start)) yield writer.take();
      writer.section(records.bytes, records.start, records.end);
    } else if (offset >= 0) {
      const child = nodes.child(node, step);
      if (!writer.hasRoomFor(cidByteLength + child.bytes.length)) yield writer.take();
      writer.block(node.bytes, offset, child.bytes);
      path.push({ node: child, next: 0 });
    }
  }
  yield writer.take();
}
