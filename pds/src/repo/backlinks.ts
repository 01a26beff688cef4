/**
 * Says what a record points at, for the few collections in which a person has one record per subject.
 * createRecord replaces the earlier like, repost, follow or block of the same subject in the same commit.
 * Source: behaviour of the reference PDS; collections of the app.bsky lexicons.
 */

const subjectsWithUri: ReadonlySet<string> = new Set(['app.bsky.feed.like', 'app.bsky.feed.repost']);
const subjectsWithDid: ReadonlySet<string> = new Set(['app.bsky.graph.follow', 'app.bsky.graph.block']);

/** Tells whether records of a collection are one per subject, and therefore remembered. */
export function hasBacklinks(collection: string): boolean {
  return subjectsWithUri.has(collection) || subjectsWithDid.has(collection);
}

/** Gives the subject (an at:// URI or a DID) that a record must be the only one for, or null. */
export function backlinkSubject(collection: string, record: Readonly<Record<string, unknown>>): string | null {
  const subject = record['subject'];
  if (subjectsWithDid.has(collection)) return typeof subject === 'string' ? subject : null;
  if (!subjectsWithUri.has(collection) || typeof subject !== 'object' || subject === null) return null;
  const { uri } = subject as { uri?: unknown };
  return typeof uri === 'string' ? uri : null;
}
