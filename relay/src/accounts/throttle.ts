/**
 * Lets throttled accounts of a host speak when its account limit is raised.
 * Not for throttling them: that happens when an account is first seen (ingest/identities.ts).
 * Place in the flow: an operator's act. Source: ours; meaning of the limit as in the indigo relay.
 */
import type { AccountTable } from './account-table.ts';

/** Frees a host's throttled accounts, oldest first, until `limit` of its accounts are not throttled; gives how many. */
export function releaseThrottled(table: AccountTable, hostId: number, limit: number): number {
  const throttled: number[] = [];
  let speaking = 0;
  for (let row = 0; row < table.size; row++) {
    if (table.hostId(row) !== hostId) continue;
    if (table.local(row) === 'throttled') throttled.push(row);
    else speaking += 1;
  }
  const freed = throttled.slice(0, Math.max(0, limit - speaking));
  for (const row of freed) table.setLocal(row, 'none');
  return freed.length;
}
