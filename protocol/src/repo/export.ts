/**
 * A whole repository as a stream of blocks in the order that lets a reader check it as it comes: the commit, then each node,
 * and behind it, in key order, the records it names and the nodes below it.
 * Holds one path of the tree at a time. Writing the CAR around the blocks is car/write's.
 * Source: atproto.com/specs/repository "CAR File Serialization", proposal 0006 on streamable order.
 */
import { ProtocolError } from '../base/errors.ts';
import type { BlockSource } from '../data/block-map.ts';
import { cidAt, cidByteLength, cidToBytes, type Cid } from '../data/cid.ts';
import { latin1Text } from '../data/cbor-cursor.ts';
import { nodeBlocksOf, type Link } from '../mst/node.ts';
import { walkTree } from '../mst/walk.ts';

/** From this size on, a record that several keys name is given once; smaller ones come again. Ours: bounds what is remembered. */
const onceFromBytes = 1024;

/** What an export leaves out. */
export interface ExportOptions {
  /** Says true to a commit, node or record that is not wanted; a node is then not gone into either. */
  readonly skip?: (cid: Cid) => boolean;
}

/**
 * Gives the blocks of the repository under a head.
 * @throws ProtocolError MissingBlock when the source lacks one, InvalidMst when the tree is not what it must be
 */
export function* exportRepo(
  source: BlockSource,
  head: { readonly cid: Cid; readonly data: Cid },
  options: ExportOptions = {},
): Generator<readonly [Cid, Uint8Array], void, undefined> {
  const { skip } = options;
  if (!skip?.(head.cid)) yield [head.cid, take(source, head.cid)];
  const given = new Set<string>();
  const skipLink = skip && ((link: Link): boolean => skip(cidAt(link, 0)));
  for (const step of walkTree(nodeBlocksOf(source), cidToBytes(head.data), skipLink)) {
    if (step.kind === 'node') {
      yield [cidAt(step.link, 0), step.bytes];
      continue;
    }
    const cid = cidAt(step.value, 0);
    if (skip?.(cid)) continue;
    const bytes = take(source, cid);
    if (bytes.length >= onceFromBytes) {
      const name = latin1Text(step.value, 0, cidByteLength);
      if (given.has(name)) continue;
      given.add(name);
    }
    yield [cid, bytes];
  }
}

function take(source: BlockSource, cid: Cid): Uint8Array {
  const bytes = source.get(cid);
  if (bytes === undefined) throw new ProtocolError('MissingBlock', `block is missing: cid=${cid.toString()}`);
  return bytes;
}
