/**
 * Checks the blobs a record names against what its lexicon allows: size and type.
 * A blob the lexicon does not speak of may be anything.
 * Not for whether a blob was uploaded as the record says (`refusals.ts`). Called for records with blobs only, after validation.
 * Source: atproto.com/specs/lexicon "blob"; error names and texts as the reference PDS.
 */
import { BlobRef, type LexUserType } from '@atproto/lexicon';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import { firstMisfit, type Definition } from './definition-walk.ts';

/** Checks every blob of a record of a known type. @throws XrpcError 400 BlobTooLarge, InvalidMimeType */
export function checkBlobRules(lexicons: Lexicons, definition: LexUserType, record: unknown): void {
  firstMisfit(lexicons, definition, record, (leaf, value) => {
    if (value instanceof BlobRef) checkOne(leaf, value);
    return true;
  });
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
