/**
 * Sends letters through the operator's mail server, by nodemailer (this is its only door); without one, sends nothing.
 * A letter counts as sent when the server has taken it: the caller waits for that, and is told when it did not.
 * Addresses and contents are never logged. Not for what letters say (`letters.ts`).
 * Source: PDS_EMAIL_SMTP_URL as the reference PDS reads it (smtp://, smtps://, smtp:///?sendmail=true); bounds are ours.
 */
import type { Transporter } from 'nodemailer';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Letter } from './letters.ts';

/** Longest wait for each step of a delivery, in ms. */
export const mailTimeoutMs = 20_000;

/** Most deliveries at once; further ones wait. */
export const maxDeliveriesAtOnce = 5;

/** The operator's mail server and the address letters come from. */
export interface MailAccount {
  readonly smtpUrl: string;
  readonly from: string;
}

/** Sends letters. */
export class Mailer {
  readonly #account: MailAccount | null;
  readonly #onFault: (reason: string) => void;
  #transport: Promise<Transporter> | null = null;

  /** `account` null sends nothing. `onFault` is told of each letter that was not taken, by codes alone: a server's words may name people. */
  constructor(account: MailAccount | null, { onFault = () => undefined }: { onFault?: (reason: string) => void } = {}) {
    this.#account = account;
    this.#onFault = onFault;
  }

  /** True when letters are sent at all. */
  get isOn(): boolean {
    return this.#account !== null;
  }

  /** Sends a letter and resolves when the mail server has taken it. @throws XrpcError 502 UpstreamFailure */
  async send(to: string, { subject, text, html }: Letter): Promise<void> {
    if (this.#account === null) return;
    try {
      const transport = await this.#open(this.#account);
      await transport.sendMail({ from: this.#account.from, to: { name: '', address: to }, subject, text, html });
    } catch (fault) {
      this.#onFault(codesOf(fault));
      throw new XrpcError(502, 'UpstreamFailure', 'mail server did not take the message: try again later, or ask the operator of this server for the code', {}, { cause: fault });
    }
  }

  /** Tells whether the mail server can be reached and lets us in: null when it does, else what it says. */
  async test(): Promise<string | null> {
    try {
      if (this.#account !== null) await (await this.#open(this.#account)).verify();
      return null;
    } catch (fault) {
      return fault instanceof Error ? fault.message : 'unknown';
    }
  }

  /** Ends open connections. */
  async close(): Promise<void> {
    (await this.#transport)?.close();
  }

  #open({ smtpUrl }: MailAccount): Promise<Transporter> {
    return (this.#transport ??= openTransport(smtpUrl));
  }
}

function codesOf(fault: unknown): string {
  const { code, errno, responseCode } = Object(fault) as { code?: unknown; errno?: unknown; responseCode?: unknown };
  return [code, errno, responseCode].filter((each) => typeof each === 'string' || typeof each === 'number').join(' ') || 'unknown';
}

/** Loads nodemailer, which takes megabytes that a server without mail need not have. */
async function openTransport(smtpUrl: string): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  const bounds = { disableFileAccess: true, disableUrlAccess: true };
  if (new URL(smtpUrl).searchParams.get('sendmail') === 'true') return createTransport({ url: smtpUrl, ...bounds });
  return createTransport({
    url: smtpUrl, pool: true, maxConnections: maxDeliveriesAtOnce, ...bounds,
    connectionTimeout: mailTimeoutMs, greetingTimeout: mailTimeoutMs, socketTimeout: mailTimeoutMs,
  });
}
