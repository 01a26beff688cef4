/**
 * Sign-in codes: a person who proved a factor in a browser types one into an app that has no way to ask for it (a passkey, above all).
 * One an account, good once, for five minutes, in bounded memory. Not for recovery, whose codes are kept for years.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { newWrittenCode, writtenCodeHash } from './written-code.ts';

/** How long a sign-in code holds, in ms. */
export const signInCodeLifeMs = 5 * 60_000;

/** Most sign-in codes open at once; the oldest go first. */
const maxSignInCodes = 10_000;

/** Open sign-in codes. */
export class SignInCodes {
  readonly #clock: Clock;
  readonly #open = growingCache<number, { hash: Uint8Array; untilMs: number }>(maxSignInCodes);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives a new code, in the place of the one before. */
  make(accountId: number): { code: string; expiresAtMs: number } {
    const code = newWrittenCode();
    const untilMs = this.#clock.nowMs() + signInCodeLifeMs;
    this.#open.set(accountId, { hash: writtenCodeHash(accountId, code), untilMs });
    return { code, expiresAtMs: untilMs };
  }

  /** Forgets the code of an account. */
  forget(accountId: number): void {
    this.#open.delete(accountId);
  }

  /** Uses up a code, given as a hash; false when it is not the open one. */
  use(accountId: number, hash: Uint8Array): boolean {
    const open = this.#open.get(accountId);
    if (open === undefined || open.untilMs < this.#clock.nowMs() || !constantTimeEqual(open.hash, hash)) return false;
    this.#open.delete(accountId);
    return true;
  }
}
