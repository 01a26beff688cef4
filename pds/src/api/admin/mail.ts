/**
 * com.atproto.admin.sendEmail, and app.dunlin.admin.listMailCodes: the codes that were sent, to one account or to all, and still hold.
 * The second is how an operator without a mail server (or whose mail was lost on the way) helps somebody in person.
 * Source: lexicons of those names; the first behaves as in the reference PDS.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { MailCode } from '../../mail/code-store.ts';
import { operatorLetter } from '../../mail/letters.ts';
import { codeLifeMs, type MailCodes } from '../../mail/mail-codes.ts';
import type { Mailer } from '../../mail/mailer.ts';
import type { Authenticator } from '../auth.ts';
import { requireAccount } from './accounts.ts';

interface Message {
  readonly recipientDid: string;
  readonly content: string;
  readonly subject?: string;
}

/** Longest subject of a message, in characters. */
const maxSubjectLength = 500;

/** Gives the methods; `moderationMailer` may be another mail server than that of codes. */
export function adminMailRoutes(o: { auth: Authenticator; accounts: AccountStore; moderationMailer: Mailer; mailCodes: MailCodes }): XrpcRoute[] {
  return [
    route<unknown, Message, unknown>('com.atproto.admin.sendEmail', {
      auth: (call) => o.auth.moderator(call),
      async handler({ input: { recipientDid, content, subject = 'Message via your PDS' } }) {
        const account = o.accounts.byDid(recipientDid);
        if (account === null) throw invalidRequest('Recipient not found');
        if (account.email === null) throw invalidRequest('account does not have an email address');
        await o.moderationMailer.send(account.email, operatorLetter({ subject: subject.slice(0, maxSubjectLength), content }));
        return { body: { sent: o.moderationMailer.isOn } };
      },
    }),
    route<{ account?: string; limit: number }, unknown, unknown>('app.dunlin.admin.listMailCodes', {
      auth: o.auth.admin,
      handler({ params: { account, limit } }) {
        const codes = account === undefined ? o.mailCodes.listAll(limit) : o.mailCodes.list(requireAccount(o.accounts, account).id);
        return { body: { codes: codes.flatMap((code) => codeView(code, o.accounts.byId(code.accountId))) } };
      },
    }),
  ];
}

function codeView({ purpose, code, requestedAtMs }: MailCode, account: Account | null): object[] {
  if (account === null) return [];
  const { did, handle } = account;
  return [{ did, handle, purpose, code, requestedAt: iso(requestedAtMs), expiresAt: iso(requestedAtMs + codeLifeMs) }];
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
