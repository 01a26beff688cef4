/**
 * Says whether a record fits the lexicon of its collection, for collections of ours.
 * Other apps' records are taken by the paths of the sources table alone: their lexicons are theirs to change.
 * Source: @atproto/lexicon; our documents in lexicons/.
 */
import { jsonToLex, type Lexicons } from '@atproto/lexicon';

/** A check of records against our lexicons. */
export interface RecordLexicon {
  /** True when the record (JSON form) fits, or its collection is not ours. */
  fits(collection: string, record: unknown): boolean;
}

/** Prefix of the collections that are ours. */
const ourPrefix = 'app.dunlin.live.';

/** Makes the check from loaded lexicons. */
export function createRecordLexicon(lexicons: Lexicons): RecordLexicon {
  return {
    fits(collection, record) {
      if (!collection.startsWith(ourPrefix)) return true;
      try {
        lexicons.assertValidRecord(collection, jsonToLex(record as Parameters<typeof jsonToLex>[0]));
        return true;
      } catch {
        return false;
      }
    },
  };
}
