/**
 * Which events somebody wants, decided before anything costly is done with them.
 * Not for: changing events; a commit that touches other collections too is cut down in decode.ts by the same rule.
 * Place in the flow: right behind the frame scan.
 * Rules: `dids` and `kinds` go for every event; `collections` only for commits, whose kind is "commit" in both units.
 * Source: ours; `prefix.*` as in Jetstream's wantedCollections.
 */
import { FirehoseError } from './errors.ts';

/** Kinds of events a consumer can ask for. */
export type EventKind = 'commit' | 'identity' | 'account' | 'sync';

/** What is wanted; undefined means everything, an empty list is refused since it could be taken both ways. */
export interface FilterOptions {
  /** NSIDs, or prefixes of NSIDs that end in `.*` ("app.bsky.*", also "app.bsky.feed.*"). */
  collections?: readonly string[] | undefined;
  dids?: readonly string[] | undefined;
  kinds?: readonly EventKind[] | undefined;
}

const collectionPattern = /^[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*(\.[a-zA-Z][a-zA-Z0-9]*|\.\*)$/i;
const kindNames: readonly EventKind[] = ['commit', 'identity', 'account', 'sync'];

/** Answers whether a kind, an account or a collection is wanted. */
export class Filter {
  /** Whether commits are wanted whatever they touch. */
  readonly wantsAnyCollection: boolean;
  readonly #collections: Map<string, boolean>;
  readonly #exact: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #dids: ReadonlySet<string> | null;
  readonly #kinds: ReadonlySet<EventKind>;

  /** @throws FirehoseError InvalidOption when a collection is neither an NSID nor a prefix, a DID no DID, a kind unknown */
  constructor(options: FilterOptions) {
    const collections = checked(options.collections, 'collection or prefix.*', (each) => collectionPattern.test(each)) ?? [];
    const dids = checked(options.dids, 'did', (each) => /^did:[a-z]+:./.test(each));
    const kinds = checked(options.kinds, 'kind of event', (each) => kindNames.includes(each)) ?? kindNames;
    this.wantsAnyCollection = options.collections === undefined;
    this.#collections = new Map();
    this.#exact = new Set(collections.filter((each) => !each.endsWith('.*')));
    this.#prefixes = collections.filter((each) => each.endsWith('.*')).map((each) => each.slice(0, -1));
    this.#dids = dids ? new Set(dids) : null;
    this.#kinds = new Set(kinds);
  }

  wantsKind(kind: EventKind): boolean {
    return this.#kinds.has(kind);
  }

  wantsDid(did: string): boolean {
    return this.#dids === null || this.#dids.has(did);
  }

  /** Answers for the collection of one operation. */
  wantsCollection(collection: string): boolean {
    if (this.wantsAnyCollection) return true;
    const known = this.#collections.get(collection);
    if (known !== undefined) return known;
    const isWanted = this.#exact.has(collection) || this.#prefixes.some((prefix) => collection.startsWith(prefix));
    // Strangers choose collection names: remember a few thousand, then start over.
    if (this.#collections.size >= 4_096) this.#collections.clear();
    this.#collections.set(collection, isWanted);
    return isWanted;
  }
}

function checked<T extends string>(list: readonly T[] | undefined, what: string, isRight: (each: T) => boolean): readonly T[] | undefined {
  if (list?.length === 0) throw new FirehoseError('InvalidOption', `empty list of what is wanted: ${what}; leave it out for everything`);
  const wrong = list?.find((each) => !isRight(each));
  if (wrong !== undefined) throw new FirehoseError('InvalidOption', `not a ${what}: ${wrong}`);
  return list;
}
