/**
 * app.dunlin.account.makeArchiveTicket, and the download that takes the ticket: POST /account/export/archive with a form of one field.
 * With the account's own password only. Deactivated accounts may: they are the ones that leave. What is in it: `moving/archive.ts`.
 * Source: lexicon of that name, ours.
 */
import type { PlainRouter } from '@dunlin/service/http/router';
import { readBody } from '@dunlin/service/xrpc/body';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { ArchiveTickets } from '../../moving/archive-tickets.ts';
import type { Archives } from '../../moving/archive.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { dayMs, hourMs, type Limits } from '../limits.ts';

const maxFormBytes = 1_024;

/** Gives the method. */
export function archiveTicketRoute({ auth, tickets, limits }: { auth: Authenticator; tickets: ArchiveTickets; limits: Limits }): XrpcRoute {
  return route<unknown, unknown, Caller>('app.dunlin.account.makeArchiveTicket', {
    auth: auth.access({ scope: 'full' }),
    rateLimit: limits.perAccount([10, hourMs], [30, dayMs]),
    handler({ auth: { account } }) {
      const { ticket, expiresAtMs } = tickets.make(account.id);
      return { body: { ticket, expiresAt: new Date(expiresAtMs).toISOString() } };
    },
  });
}

/** Serves the download. */
export function serveArchives(router: PlainRouter, { accounts, tickets, archives }: { accounts: AccountStore; tickets: ArchiveTickets; archives: Archives }): void {
  router.post('/account/export/archive', async (context) => {
    context.set('cache-control', 'no-store');
    const form = new URLSearchParams((await readBody(context.req, maxFormBytes)).toString('utf8'));
    const accountId = tickets.use(form.get('ticket') ?? '');
    const account = accountId === null ? null : accounts.byId(accountId);
    if (account === null || account.takedownRef !== null) throw new XrpcError(401, 'InvalidToken', 'this download was begun already, or too late: ask for it again');
    const archive = archives.open(account);
    context.set('content-disposition', `attachment; filename="${account.handle}-archive.tar"`);
    context.set('x-content-type-options', 'nosniff');
    context.type = 'application/x-tar';
    context.body = archive;
  });
}
