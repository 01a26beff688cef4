/**
 * Counting against a plain model: whatever is created, changed, deleted, deactivated, brought back, repeated or cut in batches,
 * the counts are those that a few lines over plain maps give.
 */
import * as fc from 'fast-check';
import { expect, test } from '@jest/globals';
import type { IndexEvent, IndexOperation } from '@dunlin/appview/index/event';
import { emojiForKey, emojiKey } from '@dunlin/appview/reactions/emoji-key';
import { account, like, person, react, remove, rev, smallIndex } from '../small-index.ts';

const people = [1, 2, 3, 4].map(person);
const subjects = ['https://example.com/', 'isbn:9783161484100'];
const values = ['❤️', '👍', '👍🏽', '🎉'];
const ours = 'app.dunlin.live.reaction';
const likes = 'app.bsky.feed.like';

const operation: fc.Arbitrary<IndexOperation> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...values), fc.constantFrom(...subjects)).map(([rkey, value, subject]) => react(rkey, value, subject)) },
  { weight: 1, arbitrary: fc.constantFrom('a', 'b', 'c').map((rkey) => react(rkey, 'no emoji')) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(...subjects)).map(([rkey, subject]) => like(rkey, subject)) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(ours, likes), fc.constantFrom('a', 'b', 'c')).map(([collection, rkey]) => remove(collection, rkey)) },
);
const step = fc.record({
  did: fc.constantFrom(...people),
  what: fc.oneof(
    { weight: 6, arbitrary: fc.array(operation, { minLength: 1, maxLength: 4 }).map((operations) => ({ operations })) },
    { weight: 2, arbitrary: fc.constantFrom('active', 'deactivated', 'takendown', 'deleted').map((status) => ({ status })) },
  ),
});

interface Modelled {
  isVisible: boolean;
  /** By collection and rkey. */
  rows: Map<string, { subject: string; key: string; source: string }>;
}

/** The plain model: one map of rows a person. */
class Model {
  readonly people = new Map<string, Modelled>(people.map((did) => [did, { isVisible: true, rows: new Map() }]));

  apply(event: IndexEvent): void {
    const modelled = this.people.get(event.did) as Modelled;
    if (event.kind === 'account') {
      modelled.isVisible = event.isActive;
      if (event.status === 'deleted') modelled.rows.clear();
    }
    if (event.kind !== 'commit') return;
    for (const operation of event.operations) this.#operate(modelled.rows, operation);
  }

  #operate(rows: Modelled['rows'], operation: IndexOperation): void {
    const at = `${operation.collection}/${operation.rkey}`;
    rows.delete(at);
    if (operation.action === 'delete') return;
    const { subject, value = '❤️' } = operation.record as { subject: { uri: string }; value?: string };
    const key = emojiKey(value);
    if (key !== null) rows.set(at, { subject: subject.uri, key, source: operation.collection });
  }

  /** Lines such as 'value ❤ 2', sorted. */
  counts(subject: string): string[] {
    const groups = new Map<string, Set<string>>();
    for (const [did, { isVisible, rows }] of this.people) {
      for (const row of isVisible ? rows.values() : []) {
        if (row.subject !== subject) continue;
        for (const group of ['people', `value ${row.key}`, `total ${row.source} ${row.key}`]) groups.set(group, (groups.get(group) ?? new Set()).add(did));
      }
    }
    return [...groups].map(([group, dids]) => `${group} ${dids.size}`).sort();
  }
}

test('counts are those of the model after any history, told once or twice, in batches of any size', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), fc.nat(), (steps, batchSize, repeatFrom) => {
      const index = smallIndex();
      const model = new Model();
      const events: IndexEvent[] = steps.map(({ did, what }, number) =>
        'status' in what ? account(did, what.status) : { kind: 'commit', did, rev: rev(number), operations: what.operations });
      for (const event of events) model.apply(event);
      for (let start = 0; start < events.length; start += batchSize) index.apply(...events.slice(start, start + batchSize));
      // A crash before the cursor was saved: the stream comes again from some point.
      index.apply(...events.slice(repeatFrom % (events.length + 1)));
      for (const subject of subjects) {
        const { classes, values: counted, totals } = index.store.reactions.count(subject);
        const told = [
          ...classes.map(({ people: count }) => `people ${count}`),
          ...counted.map(({ key, people: count }) => `value ${key} ${count}`),
          ...totals.map(({ collection, key, people: count }) => `total ${collection} ${key} ${count}`),
        ];
        expect(told.sort()).toEqual(model.counts(subject));
        for (const { key, value } of counted) expect(value).toBe(emojiForKey(key));
      }
      index.store.close();
    }),
    { numRuns: 100 },
  );
});
