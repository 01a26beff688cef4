/**
 * An account as operators see it: with its address, its invites, and who invited it.
 * Not for clients (`api/server/account-view.ts`).
 * Source: lexicon com.atproto.admin.defs#accountView; order of fields as the reference PDS.
 */
import type { Account } from '../../account/account.ts';
import type { InviteStore } from '../../invite/invite-store.ts';
import { inviteView } from '../server/invites.ts';

/** Gives the view. */
export function accountView(account: Account, invites: InviteStore): Record<string, unknown> {
  const invitation = invites.invitationOf(account.did);
  return {
    did: account.did,
    handle: account.handle,
    ...(account.email !== null && { email: account.email }),
    indexedAt: iso(account.createdAtMs),
    ...(account.emailConfirmedAtMs !== null && { emailConfirmedAt: iso(account.emailConfirmedAtMs) }),
    ...(invitation && { invitedBy: inviteView(invitation) }),
    invites: invites.of(account.did).map(inviteView),
    invitesDisabled: account.areInvitesDisabled,
    ...(account.deactivatedAtMs !== null && { deactivatedAt: iso(account.deactivatedAtMs) }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
