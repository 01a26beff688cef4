/**
 * com.atproto.admin.getInviteCodes, disableInviteCodes, disableAccountInvites and enableAccountInvites.
 * For the operator and the moderation service the operator named.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import { operator, type InviteOrder, type InvitePlace, type InviteStore } from '../../invite/invite-store.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Authenticator } from '../auth.ts';
import { inviteView } from '../server/invites.ts';
import { requireAccount } from './accounts.ts';

/** Gives the methods. */
export function adminInviteRoutes(o: { auth: Authenticator; accounts: AccountStore; invites: InviteStore; groups: GroupCommit }): XrpcRoute[] {
  const { auth, accounts, invites, groups } = o;
  const setDisabled = async (did: string, areDisabled: boolean): Promise<void> => {
    const { id } = requireAccount(accounts, did);
    await groups.write(() => accounts.setInvitesDisabled(id, areDisabled));
  };
  return [
    route<{ sort: string; limit: number; cursor?: string }, unknown, unknown>('com.atproto.admin.getInviteCodes', {
      auth: (call) => auth.moderator(call),
      handler({ params: { sort, limit, cursor } }) {
        const order = parseOrder(sort);
        const codes = invites.list(order, cursor === undefined ? null : parseCursor(cursor), limit);
        const last = codes.at(-1);
        return { body: { ...(last && { cursor: formatCursor(invites.placeOf(order, last)) }), codes: codes.map(inviteView) } };
      },
    }),
    route<unknown, { codes?: readonly string[]; accounts?: readonly string[] }, unknown>('com.atproto.admin.disableInviteCodes', {
      auth: (call) => auth.moderator(call),
      async handler({ input: { codes = [], accounts: dids = [] } }) {
        if (dids.includes(operator)) throw invalidRequest('cannot disable admin invite codes');
        await groups.write(() => {
          for (const code of codes) invites.disable(code);
          for (const did of dids) invites.disableOf(did);
        });
      },
    }),
    route<unknown, { account: string }, unknown>('com.atproto.admin.disableAccountInvites', {
      auth: (call) => auth.moderator(call),
      handler: ({ input }) => setDisabled(input.account, true),
    }),
    route<unknown, { account: string }, unknown>('com.atproto.admin.enableAccountInvites', {
      auth: (call) => auth.moderator(call),
      handler: ({ input }) => setDisabled(input.account, false),
    }),
  ];
}

function parseOrder(sort: string): InviteOrder {
  if (sort === 'recent' || sort === 'usage') return sort;
  throw invalidRequest(`unknown sort method: ${sort.slice(0, 100)}`);
}

function formatCursor({ value, code }: InvitePlace): string {
  return `${value}::${code}`;
}

function parseCursor(text: string): InvitePlace {
  const [, value, code] = /^(\d{1,15})::(.{1,300})$/.exec(text) ?? [];
  if (value === undefined || code === undefined) throw invalidRequest('Malformed cursor');
  return { value: Number(value), code };
}
