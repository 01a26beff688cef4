/**
 * Turns what a caller wants written into a prepared write: record complete and valid, key and CID fixed, bytes canonical.
 * Hop 1 of the flow, `JSON body → PreparedWrite`. Reads nothing from the database and stores nothing; whether a record exists,
 * a blob was uploaded or a swap holds is hop 3's question (`write.ts`).
 * Source: lexicons com.atproto.repo.*; behaviour of the reference PDS.
 */
import { maxRecordBytes } from '@dunlin/protocol/base/limits';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import type { PreparedPut } from '@dunlin/protocol/repo/operation';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import { backlinkSubject } from './backlinks.ts';
import { checkBlobRules } from './blob-rules.ts';
import { literalKey, recordDefinition, validateRecord, type ValidationStatus } from './record-rules.ts';
import { place, scanRecord, withPlainBlobs, type NamedBlob, type Trail } from './record-scan.ts';

/** A record as a caller hands it in. */
export interface WantedRecord {
  readonly action: 'create' | 'update';
  readonly collection: string;
  /** Null asks for a key to be made. */
  readonly rkey: string | null;
  /** In lexicon form: CIDs, bytes and blob references are values. */
  readonly record: unknown;
  /** The caller's `validate`: true demands a known type, false checks nothing, undefined checks known types. */
  readonly validate: boolean | undefined;
  /** Where the record stands in the caller's body; faults name it. */
  readonly at: Trail;
}

/** A prepared write with what the PDS itself must know about the record. */
export interface PreparedRecord extends PreparedPut {
  readonly blobs: readonly NamedBlob[];
  /** What the record points at, where a person has one record per subject; else null. */
  readonly linkSubject: string | null;
  readonly validationStatus: ValidationStatus;
}

/** Prepares records; `nextTid` gives a new key. */
export class RecordPreparer {
  readonly #lexicons: Lexicons;
  readonly #nextTid: () => string;

  constructor(lexicons: Lexicons, nextTid: () => string) {
    this.#lexicons = lexicons;
    this.#nextTid = nextTid;
  }

  /** Prepares one record. @throws XrpcError 400 InvalidRequest when it is no record, does not fit its lexicon or is too large */
  prepare(wanted: WantedRecord): PreparedRecord {
    const { action, collection, validate } = wanted;
    const record = withType(wanted.record, collection);
    const definition = recordDefinition(this.#lexicons, collection);
    const rkey = wanted.rkey ?? literalKey(definition) ?? this.#nextTid();
    const blobs = scanRecord(record, wanted.at);
    const validationStatus = validateRecord(this.#lexicons, { collection, rkey, record, validate, at: place(wanted.at) });
    if (blobs.length > 0 && validationStatus === 'valid' && definition !== null) checkBlobRules(this.#lexicons, definition, record);
    const bytes = encode(blobs.length > 0 ? withPlainBlobs(record) : record);
    if (bytes.length > maxRecordBytes) throw invalidRequest(`record too large: bytes=${bytes.length} max=${maxRecordBytes}`);
    return { action, collection, rkey, cid: cidForCbor(bytes), bytes, blobs, linkSubject: backlinkSubject(collection, record), validationStatus };
  }
}

function withType(record: unknown, collection: string): Readonly<Record<string, unknown>> {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) throw invalidRequest('Record must be an object');
  const { $type } = record as { $type?: unknown };
  if ($type === undefined) return { ...record, $type: collection };
  if ($type !== collection) throw invalidRequest(`Invalid $type: expected ${collection}, got ${String($type).slice(0, 256)}`);
  return record as Readonly<Record<string, unknown>>;
}
