/**
 * Tickets for downloads: a browser cannot show a session when it downloads a file, so it shows a ticket that is good once, for two minutes.
 * It goes in the body of a form, never in an address, which logs and histories keep. In bounded memory, by digest.
 * Source: ours.
 */
import { toBase64Url } from '@dunlin/protocol/base/bytes';
import type { Clock } from '@dunlin/protocol/base/clock';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';
import { randomBytes } from '@dunlin/protocol/crypto/random';

/** How long a ticket is good, in ms. */
export const ticketLifeMs = 120_000;

/** Most tickets at once; the oldest go first. */
const maxTickets = 10_000;

/** Tickets. */
export class ArchiveTickets {
  readonly #clock: Clock;
  readonly #open = growingCache<string, { accountId: number; untilMs: number }>(maxTickets);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes a ticket for an account. */
  make(accountId: number): { ticket: string; expiresAtMs: number } {
    const ticket = toBase64Url(randomBytes(32));
    const expiresAtMs = this.#clock.nowMs() + ticketLifeMs;
    this.#open.set(sha256Latin1(ticket), { accountId, untilMs: expiresAtMs });
    return { ticket, expiresAtMs };
  }

  /** Ends every ticket of an account. */
  endAll(accountId: number): void {
    for (const [digest, ticket] of this.#open) if (ticket.accountId === accountId) this.#open.delete(digest);
  }

  /** Uses a ticket up and gives the account it is for, or null. */
  use(ticket: string): number | null {
    const digest = sha256Latin1(ticket);
    const found = this.#open.get(digest);
    this.#open.delete(digest);
    return found !== undefined && this.#clock.nowMs() < found.untilMs ? found.accountId : null;
  }
}
