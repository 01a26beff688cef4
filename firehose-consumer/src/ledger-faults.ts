/**
 * A ledger whose failures say that they are the ledger's, whichever call they come from.
 * Not for: trying again; a ledger that fails ends the run.
 * Place in the flow: around the user's ledger, once a run.
 * Source: ours.
 */
import { FirehoseError } from './errors.ts';
import type { Ledger } from './ledger.ts';

/** Gives the same ledger; what it throws or rejects with becomes a FirehoseError Ledger. */
export function withNamedFaults(ledger: Ledger): Ledger {
  return {
    account: (did) => named(() => ledger.account(did)),
    records: (did, after, limit) => named(() => ledger.records(did, after, limit)),
    stale: (after, limit) => named(() => ledger.stale(after, limit)),
    mark: (name) => named(() => ledger.mark(name)),
    staleAll: () => named(() => ledger.staleAll()),
    write: (changes) => named(() => ledger.write(changes)),
  };
}

function named<T>(work: () => T | Promise<T>): T | Promise<T> {
  try {
    const result = work();
    return result instanceof Promise ? result.catch(fail) : result;
  } catch (error) {
    return fail(error);
  }
}

function fail(error: unknown): never {
  throw error instanceof FirehoseError ? error : new FirehoseError('Ledger', 'ledger could not be read or written', { cause: error });
}
