/**
 * What people do with their second factors: set up an authenticator app, add and remove passkeys, make recovery codes, see what there is.
 * An app is asked for from the moment it has shown one right code. With the last factor the recovery codes go too.
 * Not here: whether whoever asks has proved who they are just now (`api/account/factors.ts`). Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { FactorStore, Passkey } from './factor-store.ts';
import { qrCode } from './qr-code.ts';
import { matchingStep, newTotpSecret, shownSecret, totpUri } from './totp.ts';
import { newWrittenCode, writtenCodeHash } from './written-code.ts';

/** How many recovery codes are made at once. */
export const recoveryCodeCount = 10;

/** The factors of an account. */
export interface FactorList {
  readonly hasTotp: boolean;
  readonly passkeys: readonly Passkey[];
  readonly recoveryCodesLeft: number;
}

/** Manages factors. */
export class Factors {
  readonly #store: FactorStore;
  readonly #groups: GroupCommit;
  readonly #server: ServerIdentity;
  readonly #clock: Clock;

  constructor(o: { store: FactorStore; groups: GroupCommit; server: ServerIdentity; clock: Clock }) {
    this.#store = o.store;
    this.#groups = o.groups;
    this.#server = o.server;
    this.#clock = o.clock;
  }

  /** Gives what an account has. */
  list(accountId: number): FactorList {
    return {
      hasTotp: this.#store.totp(accountId)?.isConfirmed === true,
      passkeys: this.#store.passkeys(accountId),
      recoveryCodesLeft: this.#store.recoveryCodesLeft(accountId),
    };
  }

  /** Gives a new secret for an authenticator app, to be confirmed. @throws XrpcError 400 when an app is set up already */
  async beginTotp({ id, handle }: Account): Promise<{ secret: string; uri: string; qr: string }> {
    const secret = newTotpSecret();
    await this.#groups.write(() => {
      if (this.#store.totp(id)?.isConfirmed) throw invalidRequest('an authenticator app is set up already: remove it first', 'AlreadySetUp');
      this.#store.putTotp(id, secret, this.#clock.nowMs());
    });
    const uri = totpUri(secret, { issuer: this.#server.host, name: handle });
    return { secret: shownSecret(secret), uri, qr: qrCode(uri) };
  }

  /** Confirms the app with a code it shows, which is used up by it. @throws XrpcError 400 InvalidToken, NotBegun */
  async confirmTotp({ id }: Account, code: string): Promise<void> {
    await this.#groups.write(() => {
      const totp = this.#store.totp(id);
      if (totp === null || totp.isConfirmed) throw invalidRequest('no authenticator app waits to be confirmed', 'NotBegun');
      const step = matchingStep(totp.secret, code.replaceAll(/\s/g, ''), this.#clock.nowMs());
      if (step === null || !this.#store.useStep(id, step)) throw invalidRequest('Token is invalid', 'InvalidToken');
      this.#store.confirmTotp(id);
    });
  }

  /** Removes the app. */
  async removeTotp({ id }: Account): Promise<void> {
    await this.#groups.write(() => {
      this.#store.removeTotp(id);
      this.#clean(id);
    });
  }

  /** Removes a passkey. @throws XrpcError 400 when the account has none of that id */
  async removePasskey({ id }: Account, passkeyId: Uint8Array): Promise<void> {
    await this.#groups.write(() => {
      if (!this.#store.removePasskey(id, passkeyId)) throw invalidRequest('there is no such passkey');
      this.#clean(id);
    });
  }

  /** Makes recovery codes in the place of those before, and gives them this once. @throws XrpcError 400 when there is no factor to recover from */
  async makeRecoveryCodes({ id }: Account): Promise<string[]> {
    const codes = Array.from({ length: recoveryCodeCount }, newWrittenCode);
    await this.#groups.write(() => {
      if (!this.#store.isAny(id)) throw invalidRequest('recovery codes need a second factor first', 'NoFactor');
      this.#store.replaceRecoveryCodes(id, codes.map((code) => writtenCodeHash(id, code)));
    });
    return codes;
  }

  /** Removes everything, for a person who lost it all: the operator's word. */
  async removeAll({ id }: { id: number }): Promise<void> {
    await this.#groups.write(() => this.#store.removeAll(id));
  }

  #clean(accountId: number): void {
    if (!this.#store.isAny(accountId)) this.#store.replaceRecoveryCodes(accountId, []);
  }
}
