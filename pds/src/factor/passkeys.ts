/**
 * Passkeys: registered by a person who is signed in, shown as a second factor after the password, or alone in the place of both when the
 * authenticator has made sure who holds it (face, finger, PIN). The door of @simplewebauthn/server,
 * which is loaded when a passkey is first used. A challenge is good once, for five minutes, and for the account it was made for.
 * A passkey belongs to the host name of this server. What an authenticator says of its make (its attestation) is taken out before the
 * library sees it: that would ask the addresses in its certificates, which anybody can make up. Source: WebAuthn Level 3.
 */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { fromBase64Url, toBase64Url, utf8Encode } from '@dunlin/protocol/base/bytes';
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { FactorStore, Passkey, Transport } from './factor-store.ts';

/** Most passkeys of one account. */
export const maxPasskeys = 25;

/** Longest name of a passkey, in characters. */
export const maxPasskeyNameLength = 64;

/** How long a challenge holds, in ms. */
export const challengeLifeMs = 5 * 60_000;

/** Most challenges open at once; the oldest go first. */
const maxChallenges = 10_000;

interface Challenge {
  readonly challenge: string;
  readonly untilMs: number;
}

/** Registers and checks passkeys. */
export class Passkeys {
  readonly #accounts: Pick<AccountStore, 'checkEra'>;
  readonly #store: FactorStore;
  readonly #groups: GroupCommit;
  readonly #server: ServerIdentity;
  readonly #clock: Clock;
  /** Challenges of sign-ins whose account is not known yet, each with its end; apart, so that strangers push nobody else's out. */
  readonly #signIns = growingCache<string, number>(maxChallenges);
  /** By purpose and account. */
  readonly #challenges = growingCache<string, Challenge>(maxChallenges);

  constructor(o: { accounts: Pick<AccountStore, 'checkEra'>; store: FactorStore; groups: GroupCommit; server: ServerIdentity; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#store = o.store;
    this.#groups = o.groups;
    this.#server = o.server;
    this.#clock = o.clock;
  }

  /** Gives what a browser needs to make a passkey (`navigator.credentials.create`). @throws XrpcError 400 when there are too many */
  async beginRegistration({ id, did, handle }: Account): Promise<object> {
    const present = this.#store.passkeys(id);
    if (present.length >= maxPasskeys) throw invalidRequest(`too many passkeys: max=${maxPasskeys}`);
    const { generateRegistrationOptions } = await import('@simplewebauthn/server');
    const options = await generateRegistrationOptions({
      rpName: this.#server.host,
      rpID: this.#rpId,
      userName: handle,
      userID: new Uint8Array(utf8Encode(did)).subarray(0, 64),
      attestationType: 'none',
      excludeCredentials: present.map(shownPasskey),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
      timeout: challengeLifeMs,
    });
    this.#open('register', id, options.challenge);
    return options;
  }

  /** Checks what the browser made and keeps it under a name. @throws XrpcError 400 InvalidPasskey */
  async finishRegistration(account: Account, o: { name: string; answer: unknown }): Promise<Passkey> {
    const name = o.name.trim();
    if (name === '' || name.length > maxPasskeyNameLength) throw invalidRequest(`passkey name must have 1 to ${maxPasskeyNameLength} characters`);
    const challenge = this.#take('register', account.id);
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const response = await withoutAttestation(o.answer).catch(asInvalid);
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response, expectedChallenge: challenge, expectedOrigin: this.#server.publicUrl, expectedRPID: this.#rpId, requireUserVerification: false,
    }).catch(asInvalid);
    if (!verified || registrationInfo === undefined) throw invalidPasskey();
    const { credential } = registrationInfo;
    const passkey: Passkey = {
      id: fromBase64Url(credential.id), accountId: account.id, name, publicKey: credential.publicKey, counter: credential.counter,
      transports: knownTransports(credential.transports), createdAtMs: this.#clock.nowMs(), usedAtMs: null,
    };
    return this.#groups.write(() => {
      this.#accounts.checkEra(account);
      if (this.#store.passkey(passkey.id) !== null) throw invalidRequest('this passkey is registered already', 'InvalidPasskey');
      if (this.#store.passkeys(account.id).length >= maxPasskeys) throw invalidRequest(`too many passkeys: max=${maxPasskeys}`);
      this.#store.addPasskey(passkey);
      return passkey;
    });
  }

  /** Gives what a browser needs to show a passkey of the account (`navigator.credentials.get`), or null when it has none. */
  async beginCheck(accountId: number): Promise<object | null> {
    const passkeys = this.#store.passkeys(accountId);
    if (passkeys.length === 0) return null;
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    const options = await generateAuthenticationOptions({
      rpID: this.#rpId, allowCredentials: passkeys.map(shownPasskey), userVerification: 'preferred', timeout: challengeLifeMs,
    });
    this.#open('check', accountId, options.challenge);
    return options;
  }

  /** Checks a passkey that was shown. @throws XrpcError 400 InvalidPasskey */
  async finishCheck(accountId: number, answer: unknown): Promise<void> {
    const challenge = this.#take('check', accountId);
    const passkey = this.#store.passkey(credentialId(answer));
    if (passkey === null || passkey.accountId !== accountId) throw invalidPasskey();
    await this.#verify(passkey, answer, { expectedChallenge: challenge, requireUserVerification: false });
  }

  /** Gives what a browser needs to show any passkey of this server, of an account that only the answer names. */
  async beginSignIn(): Promise<object> {
    const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
    const options = await generateAuthenticationOptions({ rpID: this.#rpId, userVerification: 'required', timeout: challengeLifeMs });
    this.#signIns.set(options.challenge, this.#clock.nowMs() + challengeLifeMs);
    return options;
  }

  /** Checks a passkey that was shown alone and gives the id of its account. @throws XrpcError 400 InvalidPasskey */
  async finishSignIn(answer: unknown): Promise<number> {
    const passkey = this.#store.passkey(credentialId(answer));
    if (passkey === null) throw invalidPasskey();
    await this.#verify(passkey, answer, { expectedChallenge: (challenge) => this.#takeSignIn(challenge), requireUserVerification: true });
    return passkey.accountId;
  }

  async #verify(passkey: Passkey, answer: unknown, o: { expectedChallenge: string | ((challenge: string) => boolean); requireUserVerification: boolean }): Promise<void> {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer as AuthenticationResponseJSON, ...o, expectedOrigin: this.#server.publicUrl, expectedRPID: this.#rpId,
      credential: { ...shownPasskey(passkey), publicKey: new Uint8Array(passkey.publicKey), counter: passkey.counter },
    }).catch(asInvalid);
    if (!verified) throw invalidPasskey();
    await this.#groups.write(() => this.#store.usePasskey(passkey.id, authenticationInfo.newCounter, this.#clock.nowMs()));
  }

  /** Takes a challenge up, which is good once; false when it is not open. */
  #takeSignIn(challenge: string): boolean {
    const untilMs = this.#signIns.get(challenge);
    this.#signIns.delete(challenge);
    return untilMs !== undefined && untilMs >= this.#clock.nowMs();
  }

  get #rpId(): string {
    return new URL(this.#server.publicUrl).hostname;
  }

  #open(purpose: 'register' | 'check', accountId: number, challenge: string): void {
    this.#challenges.set(`${purpose} ${accountId}`, { challenge, untilMs: this.#clock.nowMs() + challengeLifeMs });
  }

  #take(purpose: 'register' | 'check', accountId: number): string {
    const key = `${purpose} ${accountId}`;
    const open = this.#challenges.get(key);
    this.#challenges.delete(key);
    if (open === undefined || open.untilMs < this.#clock.nowMs()) throw invalidRequest('the challenge is over, begin again', 'InvalidPasskey');
    return open.challenge;
  }
}

const transports: readonly string[] = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'] satisfies Transport[];

/** A browser's word, and so of any kind. */
function knownTransports(named: unknown): Transport[] {
  return Array.isArray(named) ? transports.filter((name): name is Transport => named.includes(name)) : [];
}

/** Gives an answer whose authenticator says nothing of its make. @throws whatever the library throws for what is none */
async function withoutAttestation(answer: unknown): Promise<RegistrationResponseJSON> {
  const { decodeAttestationObject, isoBase64URL, isoCBOR } = await import('@simplewebauthn/server/helpers');
  const given = answer as RegistrationResponseJSON;
  const authData = decodeAttestationObject(isoBase64URL.toBuffer(given.response.attestationObject)).get('authData');
  const attestationObject = isoBase64URL.fromBuffer(isoCBOR.encode(new Map<string, string | Uint8Array | Map<string, number>>([['fmt', 'none'], ['attStmt', new Map<string, number>()], ['authData', authData]])));
  return { ...given, response: { ...given.response, attestationObject } };
}

function shownPasskey({ id, transports }: Passkey): { id: string; transports: Transport[] } {
  return { id: toBase64Url(id), transports: [...transports] };
}

/** Gives the id of the credential an answer names. */
function credentialId(answer: unknown): Uint8Array {
  if (typeof answer !== 'object' || answer === null || !('id' in answer) || typeof answer.id !== 'string' || answer.id.length > 2_048) throw invalidPasskey();
  try {
    return fromBase64Url(answer.id);
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidPasskey();
    throw fault;
  }
}

function invalidPasskey(): Error {
  return invalidRequest('the passkey does not hold', 'InvalidPasskey');
}

/** The library throws plain errors for what a browser sent; the sentence helps whoever writes a client. */
function asInvalid(fault: unknown): never {
  throw invalidRequest(`the passkey does not hold: ${fault instanceof Error ? fault.message.slice(0, 200) : 'unknown'}`, 'InvalidPasskey');
}
