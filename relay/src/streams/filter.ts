/**
 * What a consumer wants: kinds, accounts, collections and a largest message; all of them have to agree, none given means all.
 * Collections are asked of commits alone: what happens to a whole account is for everyone who follows the account.
 * Checked when made, never changed afterwards: equal filters have equal keys, and consumers with the same key share their work.
 * Not for cursors, nor for where a filter is read from (jetstream-options.ts, frame-filter.ts).
 * Source: Jetstream's README "Consuming Jetstream" for bounds and prefixes.
 */
import { isValidDid, isValidNsid } from '@atproto/syntax';
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';
import type { LoggedKind } from '../log/record.ts';
import type { Judged } from './entry.ts';

/** Most collections and prefixes of one filter. */
export const maxCollections = 100;

/** Most accounts of one filter. */
export const maxDids = 10_000;

/** Times a list may be longer than its bound when entries repeat; beyond, it is not even looked through. */
const maxRepeats = 10;

/** Longest prefix with its `.*`, in characters: an NSID is at most 317. */
const maxPrefixLength = 319;

/** Memory an entry of a filter takes beside its text, in bytes; a rough figure for the bound of all filters. */
const entryBytes = 100;

/** Fixed memory of a filter, in bytes. */
const filterBytes = 500;

/** A filter whose entries are known to be well formed. */
export interface Filter {
  /** The same for filters that want the same. */
  readonly key: string;
  readonly kinds: ReadonlySet<LoggedKind> | null;
  readonly dids: ReadonlySet<string> | null;
  readonly collections: ReadonlySet<string>;
  /** With the dot at their end: `app.bsky.`. */
  readonly prefixes: ReadonlySet<string>;
  /** Largest message, in bytes of JSON; 0 for any. */
  readonly maxMessageBytes: number;
  /** Memory it takes, in bytes, roughly. */
  readonly costBytes: number;
}

/** What a filter is made of, as texts. */
export interface FilterWish {
  readonly kinds?: readonly string[];
  readonly dids?: readonly string[];
  readonly collections?: readonly string[];
  readonly maxMessageBytes?: number;
}

/** Says in a sentence why a wish is no filter. */
export class InvalidFilter extends Error {
  override readonly name = 'InvalidFilter';
}

const allKinds: readonly LoggedKind[] = ['commit', 'sync', 'identity', 'account'];

/** Makes the filter of a wish. @throws InvalidFilter for what is not well formed or too much */
export function makeFilter(wish: FilterWish): Filter {
  const dids = unique(wish.dids ?? [], maxDids, 'dids');
  const wanted = unique(wish.collections ?? [], maxCollections, 'collections');
  const kinds = unique(wish.kinds ?? [], allKinds.length, 'kinds');
  for (const did of dids) if (!isValidDid(did)) throw new InvalidFilter(`invalid did: ${shown(did)}`);
  for (const kind of kinds) if (!allKinds.some((known) => known === kind)) throw new InvalidFilter(`unknown kind: ${shown(kind)}`);
  const prefixes = new Set<string>();
  const collections = new Set<string>();
  for (const collection of wanted) {
    if (collection.endsWith('.*')) prefixes.add(checkPrefix(collection));
    else if (isValidNsid(collection)) collections.add(collection);
    else throw new InvalidFilter(`invalid collection: ${shown(collection)}`);
  }
  const maxMessageBytes = wish.maxMessageBytes ?? 0;
  const parts = [kinds, dids, collections, prefixes].map((set) => [...set].toSorted());
  const costBytes = filterBytes + parts.flat().reduce((sum, text) => sum + text.length + entryBytes, 0);
  return {
    key: sha256Latin1(JSON.stringify([...parts, maxMessageBytes])),
    kinds: kinds.size === 0 ? null : new Set(allKinds.filter((kind) => kinds.has(kind))),
    dids: dids.size === 0 ? null : dids,
    collections, prefixes, maxMessageBytes, costBytes,
  };
}

/** The filter that lets everything through. */
export const wantAll: Filter = makeFilter({});

/** Tells whether a filter asks for certain collections. */
export function asksCollections(filter: Filter): boolean {
  return filter.collections.size > 0 || filter.prefixes.size > 0;
}

/** Tells whether a filter wants something, its size aside. */
export function wants(filter: Filter, item: Judged): boolean {
  if (filter.dids !== null && !filter.dids.has(item.did)) return false;
  if (filter.kinds !== null && !filter.kinds.has(item.kind)) return false;
  const { collections } = item;
  if (collections.length === 0 || !asksCollections(filter)) return true;
  for (const collection of collections) {
    if (filter.collections.has(collection)) return true;
    for (const prefix of filter.prefixes) if (collection.startsWith(prefix)) return true;
  }
  return false;
}

/** Gives every prefix a collection stands under: `app.`, `app.bsky.`, … */
export function prefixesOf(collection: string): string[] {
  const prefixes: string[] = [];
  for (let dot = collection.indexOf('.'); dot !== -1; dot = collection.indexOf('.', dot + 1)) prefixes.push(collection.slice(0, dot + 1));
  return prefixes;
}

function unique(values: readonly string[], max: number, what: string): Set<string> {
  if (values.length > max * maxRepeats) throw new InvalidFilter(`too many wanted ${what}: got=${values.length} max=${max}`);
  const set = new Set(values);
  if (set.size > max) throw new InvalidFilter(`too many wanted ${what}: got=${set.size} max=${max}`);
  return set;
}

/** Jetstream takes any text in front of `.*`; we ask for what can be the beginning of a collection. */
function checkPrefix(wildcard: string): string {
  if (wildcard.length > maxPrefixLength || !/^[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*\.\*$/.test(wildcard)) throw new InvalidFilter(`invalid collection: ${shown(wildcard)}`);
  return wildcard.slice(0, -1);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
