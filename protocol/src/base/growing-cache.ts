/**
 * A cache of at most so many entries, of which the least recently used goes first. It takes memory for what is in it:
 * lru-cache with `max` lays out lists for the most at once (64 bytes an entry, 4 MB for 65,536), which an idle server never fills.
 * Not for what is bounded in bytes: that is lru-cache with `maxSize`, which grows by itself.
 * Source: ours, docs/decisions/0028.
 */
import { LRUCache } from 'lru-cache';

/** Gives an empty cache of at most `maxEntries` entries. */
export function growingCache<K extends {}, V extends {}>(maxEntries: number): LRUCache<K, V> {
  return new LRUCache<K, V>({ maxSize: maxEntries, sizeCalculation: () => 1 });
}
