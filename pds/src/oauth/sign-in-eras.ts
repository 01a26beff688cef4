/**
 * Which era of an account's sessions a browser's sign-in is of, while the provider works with it: it waits in between, for its own even
 * time and for documents of clients, and all sessions may end meanwhile. Noted when a sign-in is proved or looked at, asked for in the
 * transaction that builds on it. Not kept: a work under way does not outlive the process. Source: ours, decisions/0031.
 */
import type { Account } from '../account/account.ts';
import { growingCache } from '@dunlin/protocol/base/growing-cache';

/** Most sign-ins that are noted; the one looked at longest ago makes place. */
const maxNoted = 10_000;

/** Eras of sign-ins. */
export class SignInEras {
  readonly #eras = growingCache<string, number>(maxNoted);

  /** Notes that a device is signed in to an account, as the account was when that was proved. */
  note(deviceId: string, { did, sessionEra }: Pick<Account, 'did' | 'sessionEra'>): void {
    this.#eras.set(`${deviceId} ${did}`, sessionEra);
  }

  /** Gives the era of a sign-in; without one noted that of the account as it is. */
  of(deviceId: string, { did, sessionEra }: Pick<Account, 'did' | 'sessionEra'>): number {
    return this.#eras.get(`${deviceId} ${did}`) ?? sessionEra;
  }
}
