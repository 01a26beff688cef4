/**
 * Turns records of the reaction sources into rows, and their deletion into rows gone.
 * Not for which collections those are (reactions/sources.ts) nor for counting (store/reaction-store.ts).
 * Source: ours; counting rules in docs/gateway.md.
 */
import type { ReactionSource } from '../reactions/sources.ts';
import { readReaction } from '../reactions/sources.ts';
import type { ReactionStore } from '../store/reaction-store.ts';
import type { ChangeList } from './change-list.ts';
import type { CollectionIndex } from './collection-index.ts';

/** Makes the index of one source. */
export function createReactionIndex(source: ReactionSource, reactions: ReactionStore): CollectionIndex {
  const remove = (accountId: number, rkey: string, changes: ChangeList): void => changes.subject(reactions.remove(accountId, source.collection, rkey));
  return {
    put(record, changes) {
      const reaction = readReaction(source, record.value);
      if (typeof reaction === 'string') {
        remove(record.accountId, record.rkey, changes);
        return reaction;
      }
      const { subject, key, value } = reaction;
      changes.subject(reactions.put({ accountId: record.accountId, collection: source.collection, rkey: record.rkey, subject, key, value, indexedAt: record.indexedAt }));
      changes.subject(subject);
      return null;
    },
    remove: (did, accountId, rkey, changes) => remove(accountId, rkey, changes),
  };
}
