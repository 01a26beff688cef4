/**
 * Finds the blobs that a stored record names, also in the form of 2022, which lives on in old repositories.
 * For records that come in whole repositories; records that are written one by one are scanned in lexicon form (`record-scan.ts`).
 * The depth is bounded by the decoder. Source: atproto.com/specs/data-model, section on blobs.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { CborValue } from '@dunlin/protocol/data/cbor';
import { cidToBytes, isCid, parseCid, rawCode, type Cid } from '@dunlin/protocol/data/cid';
import type { NamedBlob } from './record-scan.ts';

/** Gives the CIDs of the blobs a record names, each once, in the order they stand. */
export function blobsOf(record: CborValue): Cid[] {
  const found = new Map<string, Cid>();
  collect(record, found);
  return [...found.values()];
}

/** Gives what a record says of blobs in the form of today, as often as it says it. */
export function* claimsOf(record: CborValue): Generator<NamedBlob, void, undefined> {
  if (typeof record !== 'object' || record === null || record instanceof Uint8Array || isCid(record)) return;
  const map = record as Readonly<Record<string, CborValue>>;
  const { $type, ref, mimeType, size } = map;
  if ($type !== 'blob') for (const item of Object.values(map)) yield* claimsOf(item);
  else if (isCid(ref) && typeof mimeType === 'string' && typeof size === 'number') yield { cid: ref, mimeType, size };
}

function collect(value: CborValue, found: Map<string, Cid>): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || isCid(value)) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
    return;
  }
  const cid = blobCid(value as Readonly<Record<string, CborValue>>);
  if (cid !== null) {
    found.set(Buffer.from(cidToBytes(cid)).toString('latin1'), cid);
    return;
  }
  for (const item of Object.values(value)) collect(item, found);
}

function blobCid(map: Readonly<Record<string, CborValue>>): Cid | null {
  const { $type, ref, cid, mimeType } = map;
  if ($type === 'blob') return isCid(ref) && ref.code === rawCode ? ref : null;
  const isOldForm = $type === undefined && typeof cid === 'string' && typeof mimeType === 'string' && Object.keys(map).length === 2;
  return isOldForm ? readCid(cid) : null;
}

function readCid(text: string): Cid | null {
  try {
    const cid = parseCid(text);
    return cid.code === rawCode ? cid : null;
  } catch (fault) {
    if (fault instanceof ProtocolError) return null;
    throw fault;
  }
}
