/**
 * Content identifiers: the only door to multiformats.
 * Every CID of this project is version 1 with a SHA-256; blocks are dag-cbor or raw, and 36 bytes long.
 * Links inside records may name other codecs: those are read, kept and written, but never stand for a block here.
 * Source: atproto.com/specs/data-model "Link and CID Formats", github.com/multiformats/cid.
 */
import { CID } from 'multiformats/cid';
import { assert } from '../base/assert.ts';
import { equalBytes, fromBase32, toBase32 } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { readVarint, writeVarint } from '../base/varint.ts';
import { sha256 } from '../crypto/hash.ts';

/** A content identifier; `toString()` gives its base32 text. */
export type Cid = CID;

/** Multicodec of DAG-CBOR: records, MST nodes, commits. */
export const dagCborCode = 0x71;

/** Multicodec of raw bytes: blobs. */
export const rawCode = 0x55;

/** Length of the binary form of a block's CID, in bytes. */
export const cidByteLength = 36;

const sha256Code = 0x12;
const digestByteLength = 32;
const maxCodecBytes = 4;

/** The multihash of a Cid, cut from its bytes only when somebody asks. */
class Sha256Multihash {
  readonly code = sha256Code;
  readonly size = digestByteLength;
  readonly #cidBytes: Uint8Array<ArrayBuffer>;

  constructor(cidBytes: Uint8Array<ArrayBuffer>) {
    this.#cidBytes = cidBytes;
  }

  get digest(): Uint8Array<ArrayBuffer> {
    return this.#cidBytes.subarray(this.#cidBytes.length - digestByteLength);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#cidBytes.subarray(this.#cidBytes.length - digestByteLength - 2);
  }
}

function makeCid(codec: number, bytes: Uint8Array): Cid {
  const owned = bytes as Uint8Array<ArrayBuffer>;
  return new CID(1, codec, new Sha256Multihash(owned), owned);
}

/** Tells whether the 36 bytes at `offset` are the CID of a block: version 1, dag-cbor or raw, SHA-256. */
export function isBlockCidAt(bytes: Uint8Array, offset: number): boolean {
  return offset + cidByteLength <= bytes.length
    && bytes[offset] === 1
    && (bytes[offset + 1] === dagCborCode || bytes[offset + 1] === rawCode)
    && bytes[offset + 2] === sha256Code
    && bytes[offset + 3] === digestByteLength;
}

/**
 * Gives the CID of a block from its binary form. Keeps the array: the caller must not change it afterwards.
 * @throws ProtocolError InvalidCid unless it is exactly one CIDv1 with SHA-256 and codec dag-cbor or raw
 */
export function cidFromBytes(bytes: Uint8Array): Cid {
  if (bytes.length !== cidByteLength || !isBlockCidAt(bytes, 0)) {
    throw new ProtocolError('InvalidCid', `not a sha-256 CIDv1 of dag-cbor or raw: bytes=${bytes.length}`);
  }
  return makeCid(bytes[1]!, bytes);
}

/**
 * Gives the CID of a link in a record, which may name any codec. Keeps the array.
 * @throws ProtocolError InvalidCid unless it is exactly one CIDv1 with SHA-256, its codec in shortest form
 */
export function linkFromBytes(bytes: Uint8Array): Cid {
  if (bytes.length === cidByteLength && isBlockCidAt(bytes, 0)) return makeCid(bytes[1]!, bytes);
  const codec = linkCodecAt(bytes, 0, bytes.length);
  if (codec < 0) throw new ProtocolError('InvalidCid', `not a CIDv1 with sha-256: bytes=${bytes.length}`);
  return makeCid(codec, bytes);
}

/**
 * Gives the text of a block's CID straight from its binary form; several times quicker than by way of a Cid.
 * @throws ProtocolError InvalidCid as `cidFromBytes`
 */
export function cidTextOf(bytes: Uint8Array): string {
  if (bytes.length !== cidByteLength || !isBlockCidAt(bytes, 0)) throw new ProtocolError('InvalidCid', `not a sha-256 CIDv1 of dag-cbor or raw: bytes=${bytes.length}`);
  return `b${toBase32(bytes)}`;
}

/** Memory for the CIDs that decoding gives out, so that none of them keeps a whole frame alive. Cheaper than an array for each. */
const slabCids = 256;
let slab = new Uint8Array(0);
let slabOffset = 0;

/**
 * Gives the CID of a link that lies in `bytes` from `offset` to its end, copied out of it.
 * @throws ProtocolError InvalidCid as `linkFromBytes`
 */
export function copyLink(bytes: Uint8Array, offset: number): Cid {
  if (bytes.length - offset === cidByteLength && isBlockCidAt(bytes, offset)) return cidAt(bytes, offset);
  return linkFromBytes(new Uint8Array(bytes.subarray(offset)));
}

/**
 * Gives the CID of a block whose 36 bytes lie in `bytes` at `offset`, copied out of it. (`slice` would not copy out of a Buffer.)
 * @throws ProtocolError InvalidCid unless it is exactly one CIDv1 with SHA-256 and codec dag-cbor or raw
 */
export function cidAt(bytes: Uint8Array, offset: number): Cid {
  if (!isBlockCidAt(bytes, offset)) throw new ProtocolError('InvalidCid', `not a sha-256 CIDv1 of dag-cbor or raw: offset=${offset}`);
  if (slabOffset === slab.length) {
    slab = new Uint8Array(slabCids * cidByteLength);
    slabOffset = 0;
  }
  const end = slabOffset + cidByteLength;
  for (let from = offset, to = slabOffset; to < end; from++, to++) slab[to] = bytes[from]!;
  const copy = slab.subarray(slabOffset, end);
  slabOffset = end;
  return makeCid(copy[1]!, copy);
}

/** Gives the codec of the CID that fills exactly `offset` to `end`, or −1 when it is no CIDv1 with SHA-256. */
export function linkCodecAt(bytes: Uint8Array, offset: number, end: number): number {
  const codecBytes = end - offset - 3 - digestByteLength;
  if (codecBytes < 1 || codecBytes > maxCodecBytes || bytes[offset] !== 1) return -1;
  const multihash = end - digestByteLength - 2;
  if (bytes[multihash] !== sha256Code || bytes[multihash + 1] !== digestByteLength) return -1;
  let last = offset + 1;
  while (last < multihash && bytes[last]! >= 0x80) last++;
  if (last !== multihash - 1 || (codecBytes > 1 && bytes[last] === 0)) return -1;
  return readVarint(bytes, offset + 1).value;
}

/**
 * Reads the base32 text of a CID.
 * @throws ProtocolError InvalidCid for another multibase, CIDv0, another hash, or any text that is not the one canonical form
 */
export function parseCid(text: string): Cid {
  if (text.length > 128 || text.charCodeAt(0) !== 0x62) throw new ProtocolError('InvalidCid', `not a base32 CIDv1: length=${text.length}`);
  try {
    return linkFromBytes(fromBase32(text.slice(1)));
  } catch (cause) {
    if (cause instanceof ProtocolError && cause.code === 'InvalidCid') throw cause;
    throw new ProtocolError('InvalidCid', `not a base32 CIDv1: length=${text.length}`, { cause });
  }
}

/** Gives the CID of a DAG-CBOR block by hashing it. */
export function cidForCbor(bytes: Uint8Array): Cid {
  return cidFromDigest(dagCborCode, sha256(bytes));
}

/** Gives the CID of a raw block (a blob) by hashing it. */
export function cidForRaw(bytes: Uint8Array): Cid {
  return cidFromDigest(rawCode, sha256(bytes));
}

/** Gives the CID for a codec and the SHA-256 of its content; copies the digest. */
export function cidFromDigest(codec: number, digest: Uint8Array): Cid {
  assert(digest.length === digestByteLength, 'digest is not a sha-256');
  const codecBytes = codec < 0x80 ? 1 : writeVarint(codec).length;
  const bytes = new Uint8Array(3 + codecBytes + digestByteLength);
  bytes[0] = 1;
  if (codecBytes === 1) bytes[1] = codec;
  else bytes.set(writeVarint(codec), 1);
  bytes[1 + codecBytes] = sha256Code;
  bytes[2 + codecBytes] = digestByteLength;
  bytes.set(digest, 3 + codecBytes);
  return makeCid(codec, bytes);
}

/** Gives the binary form; 36 bytes for the CID of a block. Not to be changed by the caller. */
export function cidToBytes(cid: Cid): Uint8Array {
  return cid.bytes;
}

/** Gives the 32 bytes of the SHA-256 inside; a view, not to be changed. */
export function cidDigest(cid: Cid): Uint8Array {
  return cid.bytes.subarray(cid.bytes.length - digestByteLength);
}

/** Gives an equal CID that shares no memory with a larger buffer: for what is kept long. */
export function ownedCid(cid: Cid): Cid {
  return makeCid(cid.code, new Uint8Array(cid.bytes));
}

/** Tells whether both are the same CID, or both are null. */
export function sameCid(a: Cid | null, b: Cid | null): boolean {
  if (a === null || b === null) return a === b;
  return equalBytes(a.bytes, b.bytes);
}

/** Tells whether a value is a CID, be it of this or of another copy of the library. */
export function isCid(value: unknown): value is Cid {
  return value instanceof CID || (typeof value === 'object' && value !== null && CID.asCID(value) !== null);
}

/**
 * Gives a CID of this project's own kind for one of another copy of the library.
 * @throws ProtocolError InvalidCid when it is no CIDv1 with SHA-256
 */
export function adoptCid(value: Cid): Cid {
  return value instanceof CID && value.multihash instanceof Sha256Multihash ? value : linkFromBytes(new Uint8Array(value.bytes));
}

/** The class behind `Cid`, for `instanceof` in the codecs of this folder; others use `isCid`. */
export const CidClass = CID;
