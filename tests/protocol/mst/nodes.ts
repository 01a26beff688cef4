/**
 * Nodes written by hand, field by field, so that tests can make what no writer of ours would: and keys of a wanted height.
 * Place: tests of mst/ and repo/. Source: ours; the encoder used is the plain DAG-CBOR one.
 */
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, type Cid } from '@dunlin/protocol/data/cid';
import { keyHeight } from '@dunlin/protocol/mst/key';

/** An entry of a node as it stands on the wire. */
export interface RawEntry {
  readonly p: number;
  readonly k: Uint8Array;
  readonly v: Cid | null;
  readonly t: Cid | null;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Gives the CID of a made-up record. */
export function valueOf(n: number): Cid {
  return cidForCbor(encode({ n }));
}

/** Gives an entry with the whole key, or with what follows `p` shared characters. */
export function entry(key: string, o: { p?: number; v?: Cid; t?: Cid | null } = {}): RawEntry {
  const p = o.p ?? 0;
  return { p, k: bytesOf(key.slice(p)), v: o.v ?? valueOf(key.length), t: o.t ?? null };
}

/** Gives the block of a node. */
export function rawNode(l: Cid | null, e: readonly unknown[]): Uint8Array {
  return encode({ l, e });
}

/** Gives blocks with these nodes in them, and the CID of the last. */
export function blocksWith(...nodes: Uint8Array[]): { blocks: BlockMap; root: Cid } {
  const blocks = new BlockMap();
  let root = valueOf(0);
  for (const node of nodes) root = blocks.add(node);
  return { blocks, root };
}

const found = new Map<number, string[]>();
let tried = 0;

/** Gives `count` keys of a height, ascending, all different from one call's to the next only by height. */
export function keysOfHeight(height: number, count: number): string[] {
  while ((found.get(height)?.length ?? 0) < count) {
    const key = `com.example.record/${(tried++).toString().padStart(7, '0')}`;
    const list = found.get(keyHeight(key)) ?? [];
    list.push(key);
    found.set(keyHeight(key), list);
  }
  return found.get(height)!.slice(0, count);
}

/** Gives a tree whose root has one subtree left and right of its key. */
export function repeatedSubtree(): { blocks: BlockMap; root: Cid } {
  const [low] = keysOfHeight(0, 1) as [string];
  const [high] = keysOfHeight(1, 1) as [string];
  const child = rawNode(null, [entry(low)]);
  const below = blocksWith(child).root;
  return blocksWith(child, rawNode(below, [entry(high, { t: below })]));
}
