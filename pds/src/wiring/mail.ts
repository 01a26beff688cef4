/**
 * A stage of the wiring beside accounts: the operator's mail servers, and the codes that go out through them.
 * A mail server that does not let us in is said in the log at the start, since people would only notice much later.
 * Not for what the codes allow (`accounts.ts`). Source: ours.
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { MailCodes } from '../mail/mail-codes.ts';
import { Mailer, type MailAccount } from '../mail/mailer.ts';
import { AccountLetters } from '../mail/account-letters.ts';
import { reportFault, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** Opens the mail servers. */
export function openMail(stage: Stage, { codes }: Stores, { groups }: Writes) {
  const { config, clock } = stage;
  const mailer = openMailer(stage, 'mail', accountOf(config.emailSmtpUrl, config.emailFromAddress));
  const moderation = accountOf(config.moderationSmtpUrl, config.moderationFromAddress);
  return {
    mailer,
    accountLetters: new AccountLetters({
      mailer, clock,
      onFault: (fault) => {
        // What the mail server did not take is told already.
        if (!(fault instanceof XrpcError)) reportFault(stage.log, 'a letter that nobody waits for was not sent')(fault);
      },
    }),
    mailCodes: new MailCodes({ codes, mailer, groups, clock }),
    moderationMailer: moderation === null ? mailer : openMailer(stage, 'moderation mail', moderation),
  };
}

function openMailer({ log, lifecycle }: Stage, name: string, account: MailAccount | null): Mailer {
  const mailer = new Mailer(account, { onFault: (reason) => log.warn({ mailer: name, reason }, 'mail server did not take a letter') });
  lifecycle.own(name, () => mailer.close());
  void mailer.test().then((fault) => {
    if (fault !== null) log.warn({ mailer: name, reason: fault }, 'mail server cannot be used, mails will not arrive');
  });
  return mailer;
}

function accountOf(smtpUrl: string | null, from: string | null): MailAccount | null {
  return smtpUrl === null || from === null ? null : { smtpUrl, from };
}
