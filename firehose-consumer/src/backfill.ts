/**
 * Has accounts fetched that never were: each becomes stale there, and so a resync.
 * Not for: finding accounts (see account-lists.ts) or fetching them (see resync.ts).
 * Place in the flow: once a run, when the stream is there, so that what happens to an account after its fetch comes by it.
 * Bounds: some hundred accounts at a time; the ledger is the queue.
 * Source: ours, see firehose-consumer/README.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { AccountSource } from './account-lists.ts';
import type { Continuity } from './continuity.ts';
import type { Notice } from './notice.ts';
import { untilAborted } from './until-aborted.ts';

/** Accounts that are taken into the ledger at once. */
const groupSize = 500;

/** What a backfill works with. */
export interface BackfillParts {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly continuity: Continuity;
  readonly onNotice: (notice: Notice) => void;
  readonly signal: AbortSignal;
}

/** Goes through the accounts; resolves when each is known to the ledger, or the signal aborted. Rejects with what the source throws. */
export async function demandAll(accounts: Iterable<string> | AccountSource, { fetch, clock, continuity, onNotice, signal }: BackfillParts): Promise<void> {
  let demands: Promise<void>[] = [];
  let listed = 0;
  const settle = async (isOver: boolean): Promise<void> => {
    await untilAborted(Promise.all(demands), signal);
    listed += demands.length;
    demands = [];
    if (!signal.aborted) onNotice({ kind: 'backfill', listed, isOver });
  };
  for await (const did of typeof accounts === 'function' ? accounts({ fetch, clock, signal, onFailed: (reason) => onNotice({ kind: 'listFailed', reason }) }) : accounts) {
    if (signal.aborted) return;
    demands.push(continuity.demand(did));
    if (demands.length >= groupSize) await settle(false);
  }
  await settle(true);
}
