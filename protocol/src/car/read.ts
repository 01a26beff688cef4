/**
 * Reads a CAR v1 that lies in memory as a whole.
 * Always checks: version, roots, every length, that each CID is one of a block and that its bytes hash to it, nothing left over.
 * Does not check: that a block is canonical CBOR (data/cbor does when it is decoded), that a root's block is there, that all is reachable.
 * Place: `blocks` of events, proofs; repositories of unknown size go through car/read-stream. Source: ipld.io/specs/transport/car/carv1.
 */
import { ProtocolError } from '../base/errors.ts';
import { maxCarHeaderBytes } from '../base/limits.ts';
import { isSha256At } from '../crypto/hash.ts';
import { BlockMap } from '../data/block-map.ts';
import { cidByteLength, isBlockCidAt } from '../data/cid.ts';
import type { Cid } from '../data/cid.ts';
import { parseCarHeader } from './header.ts';
import { fullLimits } from './limits.ts';
import type { CarLimits } from './limits.ts';

/** A CAR that was read. */
export interface Car {
  readonly roots: Cid[];
  /** The blocks in the order of the file; their bytes are views into it. */
  readonly blocks: BlockMap;
}

const digestOffset = 4;

/**
 * Reads a whole CAR. Blocks are views into `bytes`, which must not change afterwards.
 * @throws ProtocolError InvalidCar with the offset of the fault
 */
export function readCar(bytes: Uint8Array, limits: CarLimits = {}): Car {
  const { maxBlocks, maxBlockBytes, maxBytes } = fullLimits(limits);
  if (bytes.length > maxBytes) throw new ProtocolError('InvalidCar', `car is too large: bytes=${bytes.length} max=${maxBytes}`);
  // A plain view: cutting pieces from a Buffer is three times as slow.
  const file = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readSection(file, 0, maxCarHeaderBytes);
  const roots = parseCarHeader(file.subarray(header.start, header.end));
  const blocks = new BlockMap();
  let count = 0;
  for (let offset = header.end; offset < file.length; ) {
    const { start, end } = readSection(file, offset, maxBlockBytes + cidByteLength);
    if (++count > maxBlocks) throw new ProtocolError('InvalidCar', `too many blocks: max=${maxBlocks}`);
    if (end - start < cidByteLength || !isBlockCidAt(file, start)) throw new ProtocolError('InvalidCar', `not the cid of a block: offset=${start}`);
    const block = file.subarray(start + cidByteLength, end);
    if (!isSha256At(file, start + digestOffset, block)) throw new ProtocolError('InvalidCar', `block does not hash to its cid: offset=${start}`);
    blocks.setBytes(file, start, block);
    offset = end;
  }
  return { roots, blocks };
}

/** Gives where the section behind the varint at `offset` begins and ends. */
function readSection(file: Uint8Array, offset: number, maxBytes: number): { start: number; end: number } {
  let length = 0;
  let start = offset;
  for (let shift = 0; ; shift += 7) {
    // Four bytes of varint hold 256 MiB, far beyond every limit of a section.
    if (start >= file.length || shift > 21) throw new ProtocolError('InvalidCar', `section length is cut short or too large: offset=${offset}`);
    const byte = file[start++]!;
    length |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte === 0 && shift > 0) throw new ProtocolError('InvalidCar', `section length is not in its shortest form: offset=${offset}`);
    break;
  }
  if (length > maxBytes) throw new ProtocolError('InvalidCar', `section is too large: bytes=${length} max=${maxBytes} offset=${offset}`);
  const end = start + length;
  if (end > file.length) throw new ProtocolError('InvalidCar', `section is cut short: offset=${offset}`);
  return { start, end };
}
