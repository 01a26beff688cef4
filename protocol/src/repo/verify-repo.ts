/**
 * A whole repository from a CAR, checked through and through: commit and signature, every node, every record present.
 * For imports, backfill and tests; a commit on the stream is verify-commit's, a proof of one record verifyRecordCar's below.
 * Always checks: hashes (by the CAR reader), the commit object, its account and signature, the whole tree's form and order,
 * that each record's block is there and canonical.
 * Does not check: lexicons, blobs, whether blocks are in the CAR that the tree does not name.
 * Source: atproto.com/specs/repository; lexicons com.atproto.sync.getRepo and getRecord.
 */
import { ProtocolError } from '../base/errors.ts';
import { readCar } from '../car/read.ts';
import type { PublicKey } from '../crypto/did-key.ts';
import { checkCanonical } from '../data/cbor-canon.ts';
import type { BlockMap } from '../data/block-map.ts';
import type { Cid } from '../data/cid.ts';
import { readProof } from '../mst/proof.ts';
import { walkEntries } from '../mst/walk.ts';
import { decodeCommit, verifyCommitSignature, type Commit } from './commit.ts';

/** A repository that was verified. */
export interface VerifiedRepo {
  readonly commit: Commit;
  readonly cid: Cid;
  readonly recordCount: number;
  readonly blocks: BlockMap;
}

/**
 * Verifies the CAR of a repository.
 * @throws ProtocolError InvalidCar, InvalidCommit, InvalidMst, MissingBlock by where the fault is; InvalidRepo when it has not
 *   exactly one root, belongs to another account, is not signed by the key, or holds a record that is not canonical
 */
export function verifyRepoCar(bytes: Uint8Array, did: string, key: PublicKey): VerifiedRepo {
  const { roots, blocks } = readCar(bytes);
  const cid = onlyRoot(roots);
  const commit = checkSignedBy(blocks, cid, did, key);
  let recordCount = 0;
  for (const entry of walkEntries(blocks, commit.data)) {
    checkRecord(blocks, entry.value, entry.key);
    recordCount++;
  }
  return { commit, cid, recordCount, blocks };
}

/**
 * Verifies the CAR that proves one record, or that there is none; gives the record's CID and bytes, or null.
 * @throws ProtocolError as verifyRepoCar; MissingBlock also when the nodes prove neither
 */
export function verifyRecordCar(bytes: Uint8Array, did: string, key: PublicKey, path: string): { cid: Cid; bytes: Uint8Array } | null {
  const { roots, blocks } = readCar(bytes);
  const commit = checkSignedBy(blocks, onlyRoot(roots), did, key);
  const cid = readProof(blocks, commit.data, path);
  return cid === null ? null : { cid, bytes: checkRecord(blocks, cid, path) };
}

function onlyRoot(roots: readonly Cid[]): Cid {
  const [root] = roots;
  if (root === undefined || roots.length > 1) throw new ProtocolError('InvalidRepo', `car has not one root: roots=${roots.length}`);
  return root;
}

function checkSignedBy(blocks: BlockMap, cid: Cid, did: string, key: PublicKey): Commit {
  const bytes = blocks.get(cid);
  if (bytes === undefined) throw new ProtocolError('MissingBlock', `commit is missing: cid=${cid.toString()}`);
  const commit = decodeCommit(bytes);
  if (commit.did !== did) throw new ProtocolError('InvalidRepo', `commit belongs to another account: expected=${did}`);
  if (!verifyCommitSignature(bytes, key)) throw new ProtocolError('InvalidRepo', `commit is not signed by the key: did=${did}`);
  return commit;
}

function checkRecord(blocks: BlockMap, cid: Cid, path: string): Uint8Array {
  const bytes = blocks.get(cid);
  if (bytes === undefined) throw new ProtocolError('MissingBlock', `record is missing: path=${path}`);
  try {
    if (checkCanonical(bytes) === bytes.length) return bytes;
  } catch (cause) {
    throw new ProtocolError('InvalidRepo', `record is not canonical: path=${path}`, { cause });
  }
  throw new ProtocolError('InvalidRepo', `record is not one item: path=${path}`);
}
