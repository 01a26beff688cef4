/**
 * Holds the texts of a record to the formats of its lexicon where the library is lenient: a datetime names its time zone, a language tag
 * is in its canonical case and says nothing twice, a CID is written in its own base. Consumers drop what does not keep to it.
 * Not for what the library checks itself. Called after validation. Source: atproto.com/specs/lexicon "string formats"; texts as the
 * reference PDS.
 */
import type { LexUserType } from '@atproto/lexicon';
import { isDatetimeString, parseLanguageString } from '@atproto/syntax';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import { firstMisfit, type Definition } from './definition-walk.ts';

/** Longest piece of a caller's value that is repeated to it, in characters. */
const maxShownLength = 256;

const names: Readonly<Record<string, string>> = { datetime: 'datetime', language: 'language', cid: 'CID string' };

/** Checks every text of a record of a known type; `at` is where it stands, such as '$.record'. @throws XrpcError 400 InvalidRequest */
export function checkStringRules(lexicons: Lexicons, collection: string, definition: LexUserType, record: unknown, at: string): void {
  const misfit = firstMisfit(lexicons, definition, record, suits);
  if (misfit === null) return;
  const { leaf, value, path } = misfit;
  throw invalidRequest(`Invalid ${collection} record: Invalid ${names[leaf.format ?? '']} (got ${JSON.stringify(String(value).slice(0, maxShownLength))}) at ${at}${path}`);
}

function suits({ format }: Definition, value: unknown): boolean {
  if (format === undefined || typeof value !== 'string') return true;
  switch (format) {
    case 'datetime':
      return isDatetime(value);
    case 'language':
      return isLanguage(value);
    case 'cid':
      return value.startsWith('b') || value.startsWith('Qm');
    default:
      return true;
  }
}

/** What nearly all programs write, on days that every month has; it says the same as the library's parser, which has the rest. */
const usualDatetime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;

/** A language, and perhaps a country. */
const usualLanguage = /^[a-z]{2}(?:-[A-Z]{2})?$/;

/** Tells whether a datetime keeps to its format. */
export function isDatetime(text: string): boolean {
  return usualDatetime.test(text) || isDatetimeString(text);
}

/** Tells whether a language tag keeps to its format. */
export function isLanguage(text: string): boolean {
  return usualLanguage.test(text) || parseLanguageString(text) !== null;
}
