/**
 * Letters that only tell of something: that a password or an address was changed, or that every way into an account was taken away.
 * They go to the address the account has, after what they tell of is durable; nobody waits for them, and one that the mail server does
 * not take is a line in the log. An address gets so many a day: it may be a stranger's whom somebody wants to annoy.
 * Not for what codes say (`mail-codes.ts`). Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import type { Account } from '../account/account.ts';
import { happeningLetter, type Happening } from './letters.ts';
import type { Mailer } from './mailer.ts';

/** Most letters to one address in a day. */
const lettersADay = 10;

/** Sends them. */
export class AccountLetters {
  readonly #mailer: Mailer;
  readonly #onFault: (fault: unknown) => void;
  readonly #limiter: RateLimiter;

  constructor({ mailer, clock, onFault }: { mailer: Mailer; clock: Clock; onFault: (fault: unknown) => void }) {
    this.#mailer = mailer;
    this.#onFault = onFault;
    this.#limiter = new RateLimiter({ points: lettersADay, windowMs: 86_400_000, clock });
  }

  /** Sends one; an account without an address gets none, nor one whose address had as many as it may. */
  send({ email, handle }: Pick<Account, 'email' | 'handle'>, happening: Happening): void {
    if (email !== null && this.#limiter.spend(email.toLowerCase()).isAllowed) this.letGo(this.#mailer.send(email, happeningLetter(happening, handle)));
  }

  /** Lets a letter go out for which nobody waits. */
  letGo(sending: Promise<void>): void {
    void sending.catch(this.#onFault);
  }
}
