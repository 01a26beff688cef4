/**
 * Letters that only tell of something: that a password or an address was changed, or that every way into an account was taken away.
 * They go to the address the account has, after what they tell of is durable; nobody waits for them, and one that the mail server does
 * not take is a line in the log. Not for what codes say (`mail-codes.ts`). Source: ours.
 */
import type { Account } from '../account/account.ts';
import { happeningLetter, type Happening } from './letters.ts';
import type { Mailer } from './mailer.ts';

/** Sends them. */
export class AccountLetters {
  readonly #mailer: Mailer;
  readonly #onFault: (fault: unknown) => void;

  constructor(mailer: Mailer, onFault: (fault: unknown) => void) {
    this.#mailer = mailer;
    this.#onFault = onFault;
  }

  /** Sends one; an account without an address gets none. */
  send({ email, handle }: Pick<Account, 'email' | 'handle'>, happening: Happening): void {
    if (email !== null) this.letGo(this.#mailer.send(email, happeningLetter(happening, handle)));
  }

  /** Lets a letter go out for which nobody waits. */
  letGo(sending: Promise<void>): void {
    void sending.catch(this.#onFault);
  }
}
