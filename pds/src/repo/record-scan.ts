/**
 * Walks a record in lexicon form (as the XRPC layer hands it on), once: finds its blobs, and refuses what the data model does not know.
 * Not a lexicon check (`record-rules.ts`). Links and bytes are values already; only blob references have a form of their own here.
 * The depth is bounded by the body parser. Source: atproto.com/specs/data-model; texts as the reference PDS.
 */
import { BlobRef } from '@atproto/lexicon';
import { cidFromBytes, isCid, rawCode, type Cid } from '@dunlin/protocol/data/cid';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** A blob that a record names, with what the record says of it. */
export interface NamedBlob {
  readonly cid: Cid;
  readonly mimeType: string;
  readonly size: number;
}

/** The way from a call's body to a value in it. */
export type Trail = readonly (string | number)[];

const expectation = 'Expected one of null, boolean, integer, string, cid, bytes, array or object value type';

/** Gives the words for a place, such as '$.record.langs[0]'. */
export function place(trail: Trail): string {
  return trail.reduce<string>((path, step) => (typeof step === 'number' ? `${path}[${step}]` : `${path}.${step}`), '$');
}

/** Gives the blobs of a record, which stands at `start` in the body. @throws XrpcError 400 InvalidRequest for floats, old or broken blob references, naming the place */
export function scanRecord(record: object, start: Trail): NamedBlob[] {
  const blobs: NamedBlob[] = [];
  scanMap(record as Readonly<Record<string, unknown>>, blobs, [...start]);
  return blobs;
}

function scanValue(value: unknown, blobs: NamedBlob[], trail: (string | number)[]): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isSafeInteger(value)) throw invalidRequest(`${expectation} (got ${value}) at ${place(trail)}`);
      return;
    case 'object':
      if (value === null) return;
      if (Array.isArray(value)) scanList(value, blobs, trail);
      else if (value instanceof BlobRef) blobs.push(readBlob(value, trail));
      else if (!(value instanceof Uint8Array) && !isCid(value)) scanMap(value as Readonly<Record<string, unknown>>, blobs, trail);
      return;
    default:
      throw invalidRequest(`${expectation} (got ${typeof value}) at ${place(trail)}`);
  }
}

function scanList(list: readonly unknown[], blobs: NamedBlob[], trail: (string | number)[]): void {
  for (let index = 0; index < list.length; index++) {
    trail.push(index);
    scanValue(list[index], blobs, trail);
    trail.pop();
  }
}

function scanMap(map: Readonly<Record<string, unknown>>, blobs: NamedBlob[], trail: (string | number)[]): void {
  // What calls itself a blob and is well formed has become a BlobRef before.
  if (map['$type'] === 'blob') throw invalidRequest(`Invalid blob at ${place(trail)}`);
  for (const key in map) {
    trail.push(key);
    scanValue(map[key], blobs, trail);
    trail.pop();
  }
}

function readBlob(blob: BlobRef, trail: Trail): NamedBlob {
  if (!('$type' in blob.original)) throw invalidRequest(`Legacy blobs are not allowed at ${place(trail)}`);
  const { ref, mimeType, size } = blob;
  if (!Number.isSafeInteger(size) || size < 0) throw invalidRequest(`Invalid blob at ${place(trail)}: size=${size}`);
  try {
    const cid = cidFromBytes(ref.bytes);
    if (cid.code === rawCode) return { cid, mimeType, size };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  throw invalidRequest(`Invalid blob at ${place(trail)}: ref must be a raw CID with sha-256`);
}

/** Gives the record as the data model has it, for encoding: blob references as plain maps. */
export function withPlainBlobs(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || isCid(value)) return value;
  if (Array.isArray(value)) return value.map(withPlainBlobs);
  if (value instanceof BlobRef) return value.original;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withPlainBlobs(item)]));
}
