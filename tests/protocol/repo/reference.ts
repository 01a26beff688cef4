/**
 * The reference packages as a second opinion: its tree, its commits, its CARs, given the same inputs as ours.
 * Place: differential tests of mst/ and repo/ only. Source: @atproto/repo and @atproto/crypto from npm.
 */
import { Secp256k1Keypair } from '@atproto/crypto';
import { BlockMap as ReferenceBlockMap, MemoryBlockstore, MST, Repo } from '@atproto/repo';
import type { BlockMap } from '@dunlin/protocol/data/block-map';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';

/** What the reference calls a CID. */
export type ReferenceCid = Awaited<ReturnType<MST['getPointer']>>;

/** Gives our CID as the reference's: both are read from text by their own libraries. */
export function toReference(cid: Cid): ReferenceCid {
  return cid as unknown as ReferenceCid;
}

/** Gives the reference's CID as ours. */
export function toOurs(cid: { toString(): string }): Cid {
  return parseCid(cid.toString());
}

/** Gives a reference block store with our blocks. */
export function referenceStore(blocks: BlockMap): MemoryBlockstore {
  const map = new ReferenceBlockMap();
  for (const [cid, bytes] of blocks) map.set(toReference(cid), bytes);
  return new MemoryBlockstore(map);
}

/** Gives the root the reference makes of these entries. */
export async function referenceRoot(entries: Iterable<readonly [string, Cid]>): Promise<string> {
  let tree = await MST.create(new MemoryBlockstore());
  for (const [key, value] of entries) tree = await tree.add(key, toReference(value));
  return (await tree.getPointer()).toString();
}

/** Gives a reference keypair with these private bytes. */
export async function referenceKeypair(privateBytes: Uint8Array): Promise<Secp256k1Keypair> {
  return Secp256k1Keypair.import(privateBytes);
}

export { MemoryBlockstore, MST, Repo };
