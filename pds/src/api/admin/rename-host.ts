/**
 * app.dunlin.admin.renameHost: moves accounts to the server's new host name, a few a call, until there is no cursor.
 * The caller asks again with the cursor; what was done is not done twice.
 * Source: lexicon of that name, ours; decisions/0025.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { HostRename } from '../../identity/host-rename.ts';
import type { Authenticator } from '../auth.ts';
import { readNumberCursor } from '../cursors.ts';

interface Input {
  readonly from: string;
  readonly to: string;
  readonly handles?: { readonly from: string; readonly to: string };
  readonly dryRun?: boolean;
  readonly cursor?: string;
  readonly limit?: number;
  readonly perSecond?: number;
}

const domainSyntax = /^\.[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/** Gives the method. */
export function renameHostRoutes({ auth, rename }: { auth: Authenticator; rename: HostRename }): XrpcRoute[] {
  return [
    route<unknown, Input, unknown>('app.dunlin.admin.renameHost', {
      auth: auth.admin,
      async handler({ input: { from, to, handles = null, dryRun = false, cursor, limit = 20, perSecond = 5 }, signal }) {
        const after = readNumberCursor(cursor, 0);
        if (handles !== null && !(domainSyntax.test(handles.from) && domainSyntax.test(handles.to))) throw invalidRequest('domains of handles need a leading dot');
        const wanted = { from: from.toLowerCase(), to: to.toLowerCase(), handles, isDryRun: dryRun, perSecond };
        const page = await rename.run(wanted, { after, limit, signal });
        return { body: { accounts: page.accounts, ...(page.cursor !== null && { cursor: String(page.cursor) }), ...(page.fault !== null && { fault: page.fault }) } };
      },
    }),
  ];
}
