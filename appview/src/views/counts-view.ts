/**
 * Counts of a subject as clients see them: the same object in queries and in live frames.
 * Not for counting (store/reaction-store.ts).
 * Source: ours, see lexicons/app.dunlin.live.defs.json#subjectCounts.
 */
import { mainClass } from '../reactions/sources.ts';
import type { ReactionRow, SubjectCounts } from '../store/reaction-store.ts';
import { personView, type PersonView } from './person-view.ts';

/** JSON of app.dunlin.live.defs#subjectCounts. */
export interface CountsView extends SubjectCounts {
  readonly subject: string;
  readonly version: number;
  /** People of the main class, each once. */
  readonly people: number;
}

/** JSON of app.dunlin.live.defs#reactionView. */
export interface ReactionView {
  readonly uri: string;
  readonly author: PersonView;
  readonly collection: string;
  readonly class: string;
  readonly value: string;
  readonly key: string;
  readonly indexedAt: string;
}

/** Makes the view of counts taken at a version of the index. */
export function countsView(subject: string, version: number, counts: SubjectCounts): CountsView {
  const people = counts.classes.find((each) => each.class === mainClass)?.people ?? 0;
  return { subject, version, people, classes: counts.classes, values: counts.values, totals: counts.totals };
}

/** Makes the view of one person's reaction. */
export function reactionView(row: ReactionRow): ReactionView {
  return {
    uri: `at://${row.did}/${row.collection}/${row.rkey}`,
    author: personView(row.did, row.handle),
    collection: row.collection,
    class: row.class,
    value: row.value,
    key: row.key,
    indexedAt: new Date(row.indexedAt).toISOString(),
  };
}
