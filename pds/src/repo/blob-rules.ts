/**
 * Checks the blobs a record names against what its lexicon allows: size and type.
 * Follows the definition and the record side by side, as far as the lexicon speaks; a blob it does not speak of may be anything.
 * Not for whether a blob was uploaded as the record says (`refusals.ts`). Called for records with blobs only, after validation.
 * Source: atproto.com/specs/lexicon "blob"; error names and texts as the reference PDS.
 */
import { BlobRef, type LexUserType } from '@atproto/lexicon';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';

/** The parts of definitions that are looked at; the rest has no blobs. */
interface Definition {
  readonly type: string;
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly items?: Definition;
  readonly ref?: string;
  readonly refs?: readonly string[];
  readonly record?: Definition;
  readonly accept?: readonly string[];
  readonly maxSize?: number;
}

/** Checks every blob of a record of a known type. @throws XrpcError 400 BlobTooLarge, InvalidMimeType */
export function checkBlobRules(lexicons: Lexicons, definition: LexUserType, record: unknown): void {
  // The library's types tell every kind of definition apart; here only what may lead to a blob matters.
  check(lexicons, definition as unknown as Definition, record);
}

function check(lexicons: Lexicons, definition: Definition | undefined, value: unknown): void {
  if (definition === undefined || typeof value !== 'object' || value === null) return;
  switch (definition.type) {
    case 'record':
      return check(lexicons, definition.record, value);
    case 'object':
      for (const [name, property] of Object.entries(definition.properties ?? {})) check(lexicons, property, (value as Record<string, unknown>)[name]);
      return;
    case 'array':
      if (Array.isArray(value)) for (const item of value) check(lexicons, definition.items, item);
      return;
    case 'ref':
      return check(lexicons, find(lexicons, definition.ref), value);
    case 'union':
      return check(lexicons, find(lexicons, memberOf(definition, value)), value);
    case 'blob':
      if (value instanceof BlobRef) checkOne(definition, value);
  }
}

function find(lexicons: Lexicons, ref: string | undefined): Definition | undefined {
  return ref === undefined ? undefined : (lexicons.getDef(ref) as unknown as Definition | undefined);
}

/** Gives the member of a union that the value says it is. */
function memberOf({ refs = [] }: Definition, value: object): string | undefined {
  const { $type } = value as { $type?: unknown };
  return refs.find((ref) => ref === `lex:${String($type)}` || ref === `lex:${String($type)}#main`);
}

function checkOne({ accept, maxSize }: Definition, { mimeType, size }: BlobRef): void {
  if (maxSize !== undefined && size > maxSize) {
    throw invalidRequest(`This file is too large. It is ${size} bytes but the maximum size is ${maxSize} bytes.`, 'BlobTooLarge');
  }
  if (accept !== undefined && !accept.some((pattern) => fits(mimeType, pattern))) {
    throw invalidRequest(`Wrong type of file. It is ${mimeType} but it must match ${accept.join(', ')}.`, 'InvalidMimeType');
  }
}

function fits(mimeType: string, pattern: string): boolean {
  if (pattern === '*/*' || pattern === mimeType) return true;
  return pattern.endsWith('/*') && mimeType.startsWith(pattern.slice(0, -1));
}
