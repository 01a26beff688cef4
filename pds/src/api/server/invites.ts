/**
 * com.atproto.server.createInviteCode, createInviteCodes and getAccountInviteCodes.
 * The operator makes codes; people see those that are theirs, and earn new ones while they look.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { operator, type InviteCode } from '../../invite/invite-store.ts';
import type { Invites } from '../../invite/invites.ts';
import type { Authenticator, Caller } from '../auth.ts';

/** Gives the methods. */
export function inviteRoutes({ auth, invites }: { auth: Authenticator; invites: Invites }): XrpcRoute[] {
  return [
    route<unknown, { useCount: number; forAccount?: string }, unknown>('com.atproto.server.createInviteCode', {
      auth: auth.admin,
      async handler({ input: { useCount, forAccount = operator } }) {
        const [made] = await invites.create([forAccount], { count: 1, useCount });
        return { body: { code: made?.codes[0] } };
      },
    }),
    route<unknown, { codeCount: number; useCount: number; forAccounts?: readonly string[] }, unknown>('com.atproto.server.createInviteCodes', {
      auth: auth.admin,
      async handler({ input: { codeCount, useCount, forAccounts = [operator] } }) {
        return { body: { codes: await invites.create(forAccounts, { count: codeCount, useCount }) } };
      },
    }),
    route<{ includeUsed: boolean; createAvailable: boolean }, unknown, Caller>('com.atproto.server.getAccountInviteCodes', {
      auth: auth.access({ scope: 'full' }),
      async handler({ params: { includeUsed, createAvailable }, auth: { account } }) {
        const codes = await invites.of(account, { createAvailable });
        const shown = codes.filter((code) => !code.isDisabled && (includeUsed || code.used < code.available));
        return { body: { codes: shown.map(inviteView) } };
      },
    }),
  ];
}

/** Gives an invite code as answers show it. */
export function inviteView({ code, available, isDisabled, forAccount, createdBy, createdAtMs, uses }: InviteCode): Record<string, unknown> {
  return {
    code, available, forAccount, createdBy,
    createdAt: new Date(createdAtMs).toISOString(),
    disabled: isDisabled,
    uses: uses.map(({ usedBy, usedAtMs }) => ({ usedBy, usedAt: new Date(usedAtMs).toISOString() })),
  };
}
