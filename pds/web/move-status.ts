/**
 * What the server says of a move, and how sizes are written: shared by the parts of its page.
 * Not for showing it (`move-progress.ts`).
 * Source: ours; app.dunlin.move.getStatus.
 */

/** What app.dunlin.move.getStatus gives. */
export interface MoveStatus {
  readonly did: string;
  readonly handle: string;
  readonly origin?: string;
  readonly step: 'archive' | 'repo' | 'blobs' | 'preferences' | 'identity' | 'activation' | 'farewell' | 'done';
  readonly state: 'running' | 'inLine' | 'retrying' | 'yourTurn' | 'stopped' | 'done';
  readonly stop?: { readonly code: string; readonly message: string };
  readonly receivedBytes: number;
  readonly records: number;
  readonly expectedBlobs: number;
  readonly importedBlobs: number;
}

/** Looks at the move once more, at once. */
export type Again = () => Promise<void>;

/** Gives bytes as people write them. */
export function sizeOf(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.ceil(bytes / 1_000).toLocaleString()} kB`;
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}
