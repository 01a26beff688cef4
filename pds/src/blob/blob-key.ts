/**
 * The key under which somebody works on one blob of an account.
 * Blobs need it: naming a file and writing its row must not be crossed by the trash removing both.
 * Not for repository writes, which are serial by running synchronously. Source: ours.
 */
import type { Cid } from '@dunlin/protocol/data/cid';

/** Gives the key, for `Turns`. */
export function blobKey(did: string, cid: Cid): string {
  return `${did}/${cid.toString()}`;
}
