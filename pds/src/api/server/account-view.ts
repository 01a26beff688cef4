/**
 * An account as its own clients see it.
 * Not for others: they see `sync.getRepoStatus` and `repo.describeRepo`. Source: lexicon com.atproto.server.getSession.
 * The order of fields is that of the reference PDS.
 */
import { accountState, type Account } from '../../account/account.ts';

/** The fields that session methods share. */
export interface SessionView {
  readonly did: string;
  readonly handle: string;
  readonly email?: string;
  readonly emailConfirmed?: boolean;
  readonly active: boolean;
  readonly status?: string;
}

/** Gives the view. */
export function sessionView(account: Account): SessionView {
  const state = accountState(account);
  return {
    did: account.did,
    handle: account.handle,
    ...(account.email !== null && { email: account.email, emailConfirmed: account.emailConfirmedAtMs !== null }),
    active: state.active,
    ...(!state.active && { status: state.status }),
  };
}

/** Gives the view for an OAuth client that may not see the e-mail address. */
export function withoutEmail({ email: _email, emailConfirmed: _emailConfirmed, ...others }: SessionView): SessionView {
  return others;
}
