/**
 * Gathers the changes of one write while it runs; given to the change feed once the write is durable.
 * Not for telling them: that is changes.ts.
 * Source: ours.
 */
import type { Change, Changes } from './changes.ts';

/** A list being made. */
export class ChangeList implements Changes {
  readonly subjects = new Set<string>();
  readonly inOrder: Change[] = [];
  /** Accounts that began or ceased to be visible and are not told yet: row id and DID. */
  readonly turned = new Map<number, string>();

  /** Notes that the counts of a subject may have changed. */
  subject(uri: string | null): void {
    if (uri !== null) this.subjects.add(uri);
  }

  /** Notes any other change. */
  add(change: Change): void {
    this.inOrder.push(change);
  }
}
