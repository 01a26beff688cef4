/**
 * What a client of /subscribe may ask for, in the query and in messages: Jetstream's names and rules.
 * Not for what is done with it (subscribe.ts). Lenient exactly where Jetstream is: a largest size that is no number means none.
 * Place in the flow: the edge of the JSON streams; /events and /poll read their filters here too.
 * Source: Jetstream's README "Consuming Jetstream" and "Subscriber Sourced messages".
 */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { InvalidFilter, makeFilter, type Filter } from './filter.ts';
import { readTimeCursor } from './place.ts';

/** How messages are compressed: not at all, without a dictionary (any client of Jetstream reads that), or with ours. */
export type Compression = 'none' | 'plain' | 'dictionary';

/** What was asked for when connecting. */
export interface JetstreamOptions {
  readonly filter: Filter;
  /** µs since 1970; null for now. */
  readonly cursorUs: number | null;
  readonly compression: Compression;
  readonly requireHello: boolean;
}

/** Reads the request of a WebSocket. @throws XrpcError 400 */
export function readJetstreamOptions(url: URL, headers: IncomingHttpHeaders, dictionaryId: number): JetstreamOptions {
  const query = url.searchParams;
  return {
    filter: readJsonFilter(query),
    cursorUs: readTimeCursor(query.get('cursor')),
    compression: readCompression(query, headers, dictionaryId),
    requireHello: query.get('requireHello') === 'true',
  };
}

/** Reads the filter of a query. @throws XrpcError 400 */
export function readJsonFilter(query: URLSearchParams): Filter {
  const size = query.get('maxMessageSizeBytes') ?? '';
  return orInvalidRequest(() => makeFilter({
    collections: query.getAll('wantedCollections'),
    dids: query.getAll('wantedDids'),
    maxMessageBytes: /^[+-]?\d+$/.test(size) ? readSize(Number(size)) : 0,
  }));
}

/** Gives what `make` gives; what it says about an invalid filter becomes the answer 400. */
export function orInvalidRequest(make: () => Filter): Filter {
  try {
    return make();
  } catch (error) {
    if (error instanceof InvalidFilter) throw invalidRequest(error.message);
    throw error;
  }
}

function readCompression(query: URLSearchParams, headers: IncomingHttpHeaders, dictionaryId: number): Compression {
  const wanted = query.get('zstdDictionary');
  if (wanted !== null) {
    if (wanted !== String(dictionaryId)) throw invalidRequest(`unknown zstd dictionary; the current one is ${dictionaryId}, to be had at /zstd-dictionary`, 'UnknownZstdDictionary');
    return 'dictionary';
  }
  const encoding = headers['socket-encoding'];
  const isAsked = query.get('compress') === 'true' || (typeof encoding === 'string' && encoding.includes('zstd'));
  return isAsked ? 'plain' : 'none';
}

/** A message of a client: the new filter, a type we do not know, or what is wrong with it. */
export type ClientMessage =
  | { readonly kind: 'options'; readonly filter: Filter }
  | { readonly kind: 'other' }
  | { readonly kind: 'notJson'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Reads a text message of a client. */
export function readClientMessage(text: string): ClientMessage {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { kind: 'notJson', reason: 'message is not JSON' };
  }
  if (!isObject(message) || typeof message['type'] !== 'string') return { kind: 'notJson', reason: 'message is not {type, payload}' };
  if (message['type'] !== 'options_update') return { kind: 'other' };
  const { payload } = message;
  if (!isObject(payload)) return { kind: 'notJson', reason: 'payload of options_update is not an object' };
  const collections = readTexts(payload['wantedCollections']);
  const dids = readTexts(payload['wantedDids']);
  const size = payload['maxMessageSizeBytes'] ?? 0;
  if (collections === null || dids === null || !Number.isInteger(size)) return { kind: 'notJson', reason: 'a field of options_update has the wrong type' };
  try {
    return { kind: 'options', filter: makeFilter({ collections, dids, maxMessageBytes: readSize(Number(size)) }) };
  } catch (error) {
    if (error instanceof InvalidFilter) return { kind: 'invalid', reason: error.message };
    throw error;
  }
}

/** Sizes that are negative or beyond 32 bits mean none, as in Jetstream. */
function readSize(bytes: number): number {
  return bytes > 0 && bytes <= 0xffff_ffff ? bytes : 0;
}

/** A list that is missing or null is empty. */
function readTexts(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) && value.every((item): item is string => typeof item === 'string') ? value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
