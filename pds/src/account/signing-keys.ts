/**
 * The signing key of each account, ready to sign: read from the database once, then kept in memory while in use.
 * Not for rotation keys (`identity/plc-client.ts`).
 * Source: ours.
 */
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { AccountStore } from './account-store.ts';

/** Most keys held in memory. */
const maxCachedKeys = 10_000;

/** Signing keys by account. */
export class SigningKeys {
  readonly #accounts: AccountStore;
  readonly #cache = growingCache<number, Keypair>(maxCachedKeys);

  constructor(accounts: AccountStore) {
    this.#accounts = accounts;
  }

  /** Gives the key of an account. @throws XrpcError 400 AccountNotFound when it was deleted, while its caller waited for something perhaps */
  of(accountId: number): Keypair {
    const cached = this.#cache.get(accountId);
    if (cached !== undefined) return cached;
    const bytes = this.#accounts.signingKey(accountId);
    if (bytes === null) throw invalidRequest('Account not found', 'AccountNotFound');
    const keypair = Keypair.fromPrivateBytes('k256', bytes);
    this.#cache.set(accountId, keypair);
    return keypair;
  }

  /** Forgets the key of an account that is gone. */
  forget(accountId: number): void {
    this.#cache.delete(accountId);
  }
}
