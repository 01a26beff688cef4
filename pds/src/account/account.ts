/**
 * The account as the rest of the PDS sees it, and what its state means to the outside.
 * A plain value read from the store; it never changes under the reader's hands. Not the session: see `session-token.ts`.
 * Source: lexicon com.atproto.sync.getRepoStatus and #account (names of the states).
 */

/** One account of this server. Times are ms since 1970. */
export interface Account {
  readonly id: number;
  readonly did: string;
  readonly handle: string;
  readonly email: string | null;
  readonly emailConfirmedAtMs: number | null;
  readonly createdAtMs: number;
  readonly deactivatedAtMs: number | null;
  readonly deleteAfter: string | null;
  readonly takedownRef: string | null;
  /** True when an operator keeps the account from getting invite codes. */
  readonly areInvitesDisabled: boolean;
  /** How often its password was changed or taken away; access tokens of an earlier era hold no more. */
  readonly sessionEra: number;
}

/** Why an account is not served; `deleted` exists in events only. */
export type InactiveStatus = 'takendown' | 'deactivated' | 'deleted';

/** Whether an account is served, and why not, in the words of the lexicons. */
export type AccountState = { active: true } | { active: false; status: InactiveStatus };

/** Gives the state the outside is told; a takedown outweighs a deactivation. */
export function accountState(account: Account): AccountState {
  if (account.takedownRef !== null) return { active: false, status: 'takendown' };
  if (account.deactivatedAtMs !== null) return { active: false, status: 'deactivated' };
  return { active: true };
}
