/**
 * What can be set on `continuity`, with its defaults.
 * Not for: the consumer's other options (see options.ts).
 * Place in the flow: once, in the constructor.
 * Source: ours, see firehose-consumer/README.md.
 */
import { tmpdir } from 'node:os';
import type { AccountSource } from './account-lists.ts';
import type { Ledger } from './ledger.ts';

/** Continuity: gaps noticed, accounts fetched, differences told. Only `ledger` is required. */
export interface ContinuityOptions {
  /** Keeps what was told: `memoryLedger()`, `sqliteLedger(path)` of `@dunlin/firehose-consumer/sqlite-ledger`, or yours. */
  ledger: Ledger;
  /** Accounts the ledger has never heard of: `follow` (default) from their next commit on, or `fetch` all they have first. */
  newAccounts?: 'follow' | 'fetch';
  /** Accounts to fetch at the start unless they ever were, a backfill: DIDs, or `listedAccounts({ service })`. */
  accounts?: Iterable<string> | AccountSource;
  /** Asks accounts' servers, whose addresses strangers choose: hand in a guarded one (the global fetch). */
  fetch?: typeof globalThis.fetch;
  /** Repositories fetched at once (8). */
  concurrency?: number;
  /** Of those, from one host (2). */
  hostConcurrency?: number;
  /** The least time between two fetches from one host, in ms (200). */
  hostIntervalMs?: number;
  /** The largest repository, in bytes of CAR (1 GiB). */
  maxRepoBytes?: number;
  /** Deadline of one fetch, in ms (10 min). */
  fetchTimeoutMs?: number;
  /** Where repositories above 8 MiB lie while they are compared (the system's folder for temporary files). */
  folder?: string;
}

/** The same with nothing left out. */
export type FullContinuityOptions = Required<Omit<ContinuityOptions, 'accounts'>> & Pick<ContinuityOptions, 'accounts'>;

/** Fills in the defaults. */
export function fullContinuity(options: ContinuityOptions): FullContinuityOptions {
  return {
    newAccounts: 'follow',
    fetch: globalThis.fetch,
    concurrency: 8,
    hostConcurrency: 2,
    hostIntervalMs: 200,
    maxRepoBytes: 1_073_741_824,
    fetchTimeoutMs: 600_000,
    folder: tmpdir(),
    ...(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as ContinuityOptions),
  };
}
