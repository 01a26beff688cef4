/**
 * Names, making, listing and removing of the two files of a segment.
 * Not for what is inside them: see record.ts and frame-bytes.ts.
 * Place in the flow: start-up lists, roll-over makes, retention removes. `.idx` decides: a `.dat` alone is a leftover.
 * Source: ours. A new segment is `.dat` first, then `.idx` with its header; removal goes the other way round.
 */
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDurable } from '@dunlin/service/disk/make-durable';
import { encodeHeader } from './record.ts';
import type { SegmentHeader } from './record.ts';

const name = /^(\d{16})\.(dat|idx)$/;

/** Gives the path of a segment without `.dat` or `.idx`; names sort as their seqs do. */
export function segmentPath(folder: string, firstSeq: number): string {
  return join(folder, String(firstSeq).padStart(16, '0'));
}

/** Gives the first seqs of the segments in a folder, ascending, and removes every `.dat` that has no `.idx`. */
export async function listSegments(folder: string): Promise<number[]> {
  const indexes = new Set<number>();
  const data = new Set<number>();
  for (const entry of await readdir(folder)) {
    const match = name.exec(entry);
    if (match) (match[2] === 'idx' ? indexes : data).add(Number(match[1]));
  }
  for (const seq of data) if (!indexes.has(seq)) await unlink(`${segmentPath(folder, seq)}.dat`);
  return [...indexes].sort((a, b) => a - b);
}

/** Makes the files of an empty segment, durable when this resolves. */
export async function createSegmentFiles(folder: string, header: SegmentHeader): Promise<void> {
  const path = segmentPath(folder, header.firstSeq);
  await (await open(`${path}.dat`, 'w')).close();
  const idx = await open(`${path}.idx`, 'w');
  try {
    await idx.writeFile(encodeHeader(header));
    await idx.sync();
  } finally {
    await idx.close();
  }
  await makeDurable(folder);
}

/** Removes a segment's files; open handles keep reading. */
export async function removeSegmentFiles(folder: string, firstSeq: number): Promise<void> {
  const path = segmentPath(folder, firstSeq);
  await unlink(`${path}.idx`);
  await unlink(`${path}.dat`);
  await makeDurable(folder);
}
