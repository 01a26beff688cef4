/**
 * Consumers of one feed that want the same: an event is judged and put into bytes once for all of them.
 * With it the table that leads from an event to the channels that want it, so that the cost of an event is that of the
 * channels it reaches, not of those there are.
 * Place in the flow: inside a feed (feed.ts). Not for deciding what is sent when. Source: ours.
 */
import { asksCollections, prefixesOf, wants, type Filter } from './filter.ts';
import type { Judged } from './entry.ts';

/** One filter and those who are at the head with it. */
export class Channel<Consumer> {
  readonly filter: Filter;
  /** Consumers that have everything up to the feed's last flush. */
  readonly live = new Set<Consumer>();
  /** Consumers of any state. */
  users = 0;

  constructor(filter: Filter) {
    this.filter = filter;
  }
}

/** Sets of channels by a word of an event. */
type Table<Consumer> = Map<string, Set<Channel<Consumer>>>;

/** Keys of the table for channels that no word of an event leads to. */
const open = 'open', asking = 'asking';

/** The channels of a feed. */
export class ChannelTable<Consumer> {
  readonly #byKey = new Map<string, Channel<Consumer>>();
  readonly #byDid: Table<Consumer> = new Map();
  readonly #byCollection: Table<Consumer> = new Map();
  readonly #byPrefix: Table<Consumer> = new Map();
  /** `open`: they ask for neither accounts nor collections. `asking`: for collections, so they want all that is no commit. */
  readonly #others: Table<Consumer> = new Map();
  #costBytes = 0;

  /** Memory the filters take, in bytes, roughly. */
  get costBytes(): number {
    return this.#costBytes;
  }

  /** Gives the channel of a filter, one user more. */
  join(filter: Filter): Channel<Consumer> {
    let channel = this.#byKey.get(filter.key);
    if (channel === undefined) {
      channel = new Channel<Consumer>(filter);
      this.#byKey.set(filter.key, channel);
      this.#costBytes += filter.costBytes;
      for (const [table, word] of this.#places(filter)) addTo(table, word, channel);
    }
    channel.users += 1;
    return channel;
  }

  /** Takes a user away; a channel without users is gone. */
  leave(channel: Channel<Consumer>): void {
    channel.users -= 1;
    if (channel.users > 0) return;
    this.#byKey.delete(channel.filter.key);
    this.#costBytes -= channel.filter.costBytes;
    for (const [table, word] of this.#places(channel.filter)) removeFrom(table, word, channel);
  }

  /** Every channel. */
  all(): Iterable<Channel<Consumer>> {
    return this.#byKey.values();
  }

  /** Gives every channel that wants the item, sizes aside, each once. */
  wanting(item: Judged): Set<Channel<Consumer>> {
    const found = new Set<Channel<Consumer>>();
    const look = (table: Table<Consumer>, word: string): void => {
      for (const channel of table.get(word) ?? []) if (wants(channel.filter, item)) found.add(channel);
    };
    look(this.#others, open);
    look(this.#byDid, item.did);
    if (item.collections.length === 0) look(this.#others, asking);
    else if (this.#others.has(asking)) {
      for (const collection of item.collections) {
        look(this.#byCollection, collection);
        if (this.#byPrefix.size > 0) for (const prefix of prefixesOf(collection)) look(this.#byPrefix, prefix);
      }
    }
    return found;
  }

  /** Gives where an event finds the channels of a filter. */
  *#places(filter: Filter): Iterable<readonly [Table<Consumer>, string]> {
    if (filter.dids !== null) for (const did of filter.dids) yield [this.#byDid, did];
    else if (asksCollections(filter)) {
      yield [this.#others, asking];
      for (const collection of filter.collections) yield [this.#byCollection, collection];
      for (const prefix of filter.prefixes) yield [this.#byPrefix, prefix];
    } else yield [this.#others, open];
  }
}

function addTo<Value>(table: Map<string, Set<Value>>, word: string, value: Value): void {
  const set = table.get(word);
  if (set === undefined) table.set(word, new Set([value]));
  else set.add(value);
}

function removeFrom<Value>(table: Map<string, Set<Value>>, word: string, value: Value): void {
  const set = table.get(word);
  set?.delete(value);
  if (set?.size === 0) table.delete(word);
}
