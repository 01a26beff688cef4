/**
 * A person as clients see them: the DID, and the handle if this app view has verified it.
 * Not for looking handles up (index/handles.ts).
 * Source: ours, see lexicons/app.dunlin.live.defs.json#person.
 */

/** JSON of app.dunlin.live.defs#person. */
export interface PersonView {
  readonly did: string;
  readonly handle?: string;
}

/** Makes the view; an unknown handle is left out, never guessed. */
export function personView(did: string, handle: string | null): PersonView {
  return handle === null ? { did } : { did, handle };
}
