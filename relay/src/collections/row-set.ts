/**
 * Which of 4,096 neighbouring account rows are in a collection, as bytes: a short list of numbers, or a bitmap when there
 * are many.
 * Not for finding the set of a collection (members.ts). Place in the flow: the value of a row in collections.sqlite, used
 * as it is read. Source: ours, after the containers of Roaring bitmaps. The length tells the form: 512 bytes are a
 * bitmap; less is a list of ascending numbers, two bytes each, low byte first.
 */

/** Rows that one set is about. */
export const rowsPerSet = 4_096;

const bitmapBytes = rowsPerSet / 8;
/** A list of more becomes a bitmap. */
const maxListed = bitmapBytes / 2 - 1;
/** A bitmap of fewer becomes a list again; well below, so that a set does not flip with every change. */
const minMapped = maxListed >>> 1;

/** The set of none. */
export const emptySet: Uint8Array = new Uint8Array(0);

/** Says whether a row, 0 to 4,095, is in the set. */
export function hasRow(set: Uint8Array, row: number): boolean {
  return set.length === bitmapBytes ? ((set[row >>> 3] ?? 0) & (1 << (row & 7))) !== 0 : valueAt(set, placeOf(set, row)) === row;
}

/** Gives the set with a row that it does not have; a bitmap is changed in place. */
export function withRow(set: Uint8Array, row: number): Uint8Array {
  if (set.length === bitmapBytes) {
    set[row >>> 3] = (set[row >>> 3] ?? 0) | (1 << (row & 7));
    return set;
  }
  if (set.length / 2 >= maxListed) return withRow(mapped(set), row);
  const at = placeOf(set, row) * 2;
  const larger = new Uint8Array(set.length + 2);
  larger.set(set.subarray(0, at));
  larger[at] = row & 0xff;
  larger[at + 1] = row >>> 8;
  larger.set(set.subarray(at), at + 2);
  return larger;
}

/** Gives the set without a row that it has; a bitmap may be changed in place. */
export function withoutRow(set: Uint8Array, row: number): Uint8Array {
  if (set.length === bitmapBytes) {
    set[row >>> 3] = (set[row >>> 3] ?? 0) & ~(1 << (row & 7));
    const rows = rowsFrom(set, 0);
    return rows.length < minMapped ? listed(rows) : set;
  }
  const at = placeOf(set, row) * 2;
  const smaller = new Uint8Array(set.length - 2);
  smaller.set(set.subarray(0, at));
  smaller.set(set.subarray(at + 2), at);
  return smaller;
}

/** Gives the rows from a number on, ascending. */
export function rowsFrom(set: Uint8Array, from: number): number[] {
  const rows: number[] = [];
  if (set.length !== bitmapBytes) {
    for (let place = placeOf(set, from); place < set.length / 2; place++) rows.push(valueAt(set, place));
    return rows;
  }
  for (let byte = from >>> 3; byte < bitmapBytes; byte++) {
    const bits = set[byte] ?? 0;
    for (let bit = 0; bits >>> bit !== 0; bit++) {
      const row = byte * 8 + bit;
      if ((bits & (1 << bit)) !== 0 && row >= from) rows.push(row);
    }
  }
  return rows;
}

/** Gives the place in a list of the first number that is not below `row`. */
function placeOf(list: Uint8Array, row: number): number {
  let [low, high] = [0, list.length / 2];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueAt(list, middle) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** −1 behind the last. */
function valueAt(list: Uint8Array, place: number): number {
  return place * 2 >= list.length ? -1 : (list[place * 2] ?? 0) | ((list[place * 2 + 1] ?? 0) << 8);
}

function mapped(list: Uint8Array): Uint8Array {
  const map = new Uint8Array(bitmapBytes);
  for (let place = 0; place < list.length / 2; place++) withRow(map, valueAt(list, place));
  return map;
}

function listed(rows: readonly number[]): Uint8Array {
  const list = new Uint8Array(rows.length * 2);
  for (const [place, row] of rows.entries()) {
    list[place * 2] = row & 0xff;
    list[place * 2 + 1] = row >>> 8;
  }
  return list;
}
