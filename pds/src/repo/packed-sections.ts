/**
 * Blocks as the database packs them for an export: sections of a CAR side by side in one run of bytes, each as length, CID in 36
 * bytes, contents. What is next to each other in a run can be next to each other in the CAR, and be copied at once.
 * The length is put in front by SQL, out of a table of lengths that is bound to the query. A row that is longer than others leaves
 * only a mark, and is fetched alone: so a run is bounded by its number of rows.
 * Not for pages of records as JSON (`packed-records.ts`). Source: ipld.io/specs/transport/car/carv1; ours, docs/decisions/0029.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { varintLength, writeVarintAt } from '@dunlin/protocol/base/varint';
import { cidByteLength } from '@dunlin/protocol/data/cid';

/** Longest contents that lie in a run, in bytes. */
export const maxPackedBytes = 1_024;

/** Stands in a run for a row with longer contents; no section begins with it. */
export const longMark = 0;

/** Contents from this length on have a section whose length takes two bytes. */
const twoByteContents = 128 - cidByteLength;

/** Lengths of two bytes of the sections for contents of `twoByteContents` to `maxPackedBytes`, to be bound to the query. */
export const sectionLengths: Buffer = makeLengths();

/** A row of a table with `cid` and `bytes` as a section, as SQL; its one parameter is `sectionLengths`. */
export const packedSection = `CASE
  WHEN length(bytes) BETWEEN ${twoByteContents} AND ${maxPackedBytes} THEN substr(?, 2 * length(bytes) - ${2 * twoByteContents - 1}, 2) || cid || bytes
  WHEN length(bytes) < ${twoByteContents} THEN char(${cidByteLength} + length(bytes)) || cid || bytes
  ELSE x'00' END`;

/** No run. */
export const noRun: Buffer = Buffer.alloc(0);

/** Gives where the CID of the section at `start` begins. */
export function cidOfSection(run: Uint8Array, start: number): number {
  return run[start]! < 128 ? start + 1 : start + 2;
}

/** Gives where the section at `start` of a run ends. */
export function endOfSection(run: Uint8Array, start: number): number {
  const first = run[start]!;
  const end = first < 128 ? start + 1 + first : start + 2 + (first - 128) + run[start + 1]! * 128;
  assert(end <= run.length && end > start + cidByteLength, `packed section is damaged: start=${start} end=${end} length=${run.length}`);
  return end;
}

/** Gives a section by itself, however long; `contents` of it are its last bytes. */
export function makeSection(cid: Uint8Array, contents: Uint8Array): Buffer {
  const length = cidByteLength + contents.length;
  const section = Buffer.allocUnsafeSlow(varintLength(length) + length);
  const cidStart = writeVarintAt(section, 0, length);
  section.set(cid, cidStart);
  section.set(contents, cidStart + cidByteLength);
  return section;
}

function makeLengths(): Buffer {
  const table = Buffer.alloc(2 * (maxPackedBytes - twoByteContents + 1));
  for (let contents = twoByteContents; contents <= maxPackedBytes; contents++) writeVarintAt(table, 2 * (contents - twoByteContents), cidByteLength + contents);
  return table;
}
