/**
 * Cuts what an import works through into pieces, between which the server turns to others.
 * A piece has a bound in items and one in bytes: 256 records may be 256 MB, and one may name thousands of blobs.
 * Not for reading bodies, which come in pieces by themselves. Source: ours.
 */

/** Most items of a slice. */
export const sliceLength = 256;

/** A slice ends with the item that brings it to so many bytes. */
export const sliceBytes = 1_048_576;

/** Gives the items in slices; `weigh` says how many bytes of work an item is. */
export function* slices<T>(items: Iterable<T>, weigh: (item: T) => number = () => 0): Generator<T[], void, undefined> {
  let [slice, bytes]: [T[], number] = [[], 0];
  for (const item of items) {
    slice.push(item);
    bytes += weigh(item);
    if (slice.length < sliceLength && bytes < sliceBytes) continue;
    yield slice;
    [slice, bytes] = [[], 0];
  }
  if (slice.length > 0) yield slice;
}
