/**
 * Commit objects: the signed root of a repository at one revision.
 * Reading is strict: exactly the six fields of version 3, canonical, nothing else. The signature covers the same map without `sig`,
 * which is taken from the block's own bytes, so nothing is encoded again to verify it.
 * Source: atproto.com/specs/repository "Commit Objects".
 */
import { concatBytes } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import type { Keypair } from '../crypto/keypair.ts';
import type { PublicKey } from '../crypto/did-key.ts';
import { verifySignature } from '../crypto/signature.ts';
import { encode } from '../data/cbor.ts';
import { CborCursor } from '../data/cbor-cursor.ts';
import { cidAt, cidForCbor, dagCborCode, type Cid } from '../data/cid.ts';

/** A commit. `data` is the root of the tree; `prev` is a relic and null in all that is written today. */
export interface Commit {
  readonly did: string;
  readonly version: 3;
  readonly data: Cid;
  readonly rev: string;
  readonly prev: Cid | null;
  readonly sig: Uint8Array;
}

/** Where the parts of a commit lie in its bytes; made by scanCommit. */
export interface CommitScan {
  readonly did: string;
  readonly rev: string;
  /** Offset of the 36-byte CID of the tree. */
  readonly dataOffset: number;
  /** Offset of the 36-byte CID of `prev`; −1 for null. */
  readonly prevOffset: number;
  /** First byte of the entry `sig`, its key included, and first byte behind it. */
  readonly sigEntryOffset: number;
  readonly sigEntryEnd: number;
  /** The bytes of the signature; whether they are 64 is seen when it is verified. */
  readonly sigOffset: number;
}

const key = (name: string): Uint8Array => encode(name);
const [didKey, revKey, sigKey, dataKey, prevKey, versionKey] = ['did', 'rev', 'sig', 'data', 'prev', 'version'].map(key) as [
  Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array,
];
const mapOfSix = 0xa6;
const mapOfFive = Uint8Array.of(0xa5);

/**
 * Finds the parts of the commit in `bytes` from `start` up to `end`.
 * @throws ProtocolError InvalidCommit unless it is exactly a signed commit of version 3 in canonical form
 */
export function scanCommit(bytes: Uint8Array, start: number, end: number): CommitScan {
  const cursor = new CborCursor(bytes, start, end, 'InvalidCommit');
  if (bytes[start] !== mapOfSix) cursor.fail('commit is not a map of six fields');
  cursor.offset++;
  cursor.expect(didKey, 'did');
  const did = cursor.textValue();
  cursor.expect(revKey, 'rev');
  const rev = cursor.textValue();
  const sigEntryOffset = cursor.offset;
  cursor.expect(sigKey, 'sig');
  const sigLength = cursor.byteString();
  const sigOffset = cursor.offset;
  const sigEntryEnd = sigOffset + sigLength;
  cursor.offset = sigEntryEnd;
  cursor.expect(dataKey, 'data');
  const dataOffset = cursor.link();
  if (bytes[dataOffset + 1] !== dagCborCode) cursor.fail('data is not dag-cbor');
  cursor.expect(prevKey, 'prev');
  const prevOffset = cursor.linkOrNull();
  cursor.expect(versionKey, 'version');
  if (cursor.unsigned() !== 3) cursor.fail('version is not 3');
  cursor.finish();
  return { did, rev, dataOffset, prevOffset, sigEntryOffset, sigEntryEnd, sigOffset };
}

/** Tells whether the signature in a scanned commit is the key's. */
export function verifyScannedCommit(bytes: Uint8Array, scan: CommitScan, start: number, end: number, publicKey: PublicKey): boolean {
  const message = concatBytes([mapOfFive, bytes.subarray(start + 1, scan.sigEntryOffset), bytes.subarray(scan.sigEntryEnd, end)]);
  // A copy: the frame may lie in shared memory, which not every signature library reads.
  return verifySignature(publicKey, message, new Uint8Array(bytes.subarray(scan.sigOffset, scan.sigEntryEnd)));
}

/**
 * Reads a commit block.
 * @throws ProtocolError InvalidCommit as scanCommit does
 */
export function decodeCommit(bytes: Uint8Array): Commit {
  const scan = scanCommit(bytes, 0, bytes.length);
  return {
    did: scan.did,
    version: 3,
    data: cidAt(bytes, scan.dataOffset),
    rev: scan.rev,
    prev: scan.prevOffset < 0 ? null : cidAt(bytes, scan.prevOffset),
    sig: new Uint8Array(bytes.subarray(scan.sigOffset, scan.sigEntryEnd)),
  };
}

/** Tells whether a commit block is a commit and signed by the key; false for anything that cannot be read. */
export function verifyCommitSignature(bytes: Uint8Array, publicKey: PublicKey): boolean {
  try {
    return verifyScannedCommit(bytes, scanCommit(bytes, 0, bytes.length), 0, bytes.length, publicKey);
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** Gives the signed commit of a tree at a revision, with its block. */
export function signCommit(o: { did: string; data: Cid; rev: string; keypair: Keypair }): { commit: Commit; cid: Cid; bytes: Uint8Array } {
  const unsigned = { did: o.did, version: 3 as const, data: o.data, rev: o.rev, prev: null };
  const commit: Commit = { ...unsigned, sig: o.keypair.sign(encode(unsigned)) };
  const bytes = encode(commit);
  return { commit, cid: cidForCbor(bytes), bytes };
}
