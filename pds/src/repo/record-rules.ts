/**
 * Judges a record against the lexicon of its collection: contents, key, and what it demands of its blobs.
 * Knows the documents of this installation only; a type it does not know is `unknown`, not wrong.
 * Part of hop 1. Source: atproto.com/specs/lexicon and record-key; texts as the reference PDS.
 */
import type { LexUserType } from '@atproto/lexicon';
import { isTid } from '@dunlin/protocol/repo/tid';
import { isValidNsid } from '@atproto/syntax';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { explainInvalid } from '@dunlin/service/xrpc/explain';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import { checkStringRules } from './string-rules.ts';

/** What came of the check; null when the caller asked for none. */
export type ValidationStatus = 'valid' | 'unknown' | null;

type RecordDefinition = Extract<LexUserType, { type: 'record' }>;

/** Gives the definition of a record type, or null when it is not known here (or not a record). */
export function recordDefinition(lexicons: Lexicons, collection: string): RecordDefinition | null {
  const definition = lexicons.getDef(collection);
  return definition?.type === 'record' ? definition : null;
}

/** Gives the key a record of this type takes when the caller names none: its one literal key, else null for "a new TID". */
export function literalKey(definition: RecordDefinition | null): string | null {
  const key = definition?.key;
  return key?.startsWith('literal:') ? key.slice('literal:'.length) : null;
}

/** Checks a key against the kind of key the lexicon asks for. @throws XrpcError 400 InvalidRequest */
export function checkKey(definition: RecordDefinition, collection: string, rkey: string): void {
  const kind = definition.key ?? 'any';
  const literal = literalKey(definition);
  const fits = kind === 'tid' ? isTid(rkey) : kind === 'nsid' ? isValidNsid(rkey) : literal === null || rkey === literal;
  if (fits) return;
  const expected = literal === null ? (kind === 'tid' ? 'Invalid TID string' : 'Invalid NSID') : `Expected ${JSON.stringify(literal)}`;
  throw invalidRequest(`Invalid record key for ${collection}: ${expected} (got ${JSON.stringify(rkey)}) at $`);
}

/**
 * Checks a record's contents and key; `at` is where the record stands in the call, such as '$.record'.
 * Always checks, for a known type: every field by its definition, the key.
 * Does not check: whether blobs exist (hop 3), what a strong reference points at.
 * @throws XrpcError 400 InvalidRequest when the record does not fit, or its type is unknown although `validate` demands it
 */
export function validateRecord(
  lexicons: Lexicons,
  o: { collection: string; rkey: string; record: object; validate: boolean | undefined; at: string },
): ValidationStatus {
  if (o.validate === false) return null;
  const definition = recordDefinition(lexicons, o.collection);
  if (definition === null) {
    if (o.validate === true) throw invalidRequest(`Unknown lexicon type: ${o.collection}`);
    return 'unknown';
  }
  const result = lexicons.validate(o.collection, o.record);
  if (!result.success) {
    const { text, path } = explainInvalid(result.error.message, o.record, 'Record', o.at);
    throw invalidRequest(`Invalid ${o.collection} record: ${text} at ${path}`);
  }
  checkStringRules(lexicons, o.collection, definition, o.record, o.at);
  checkKey(definition, o.collection, o.rkey);
  return 'valid';
}
