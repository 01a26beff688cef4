/**
 * Where people sign in on the OAuth pages: with the account's own password, never an app password, and a second factor if they have one.
 * The page can take a written code only (its field is made for mailed ones). For every other factor the desk notes that the password was
 * right on this device, and our own page takes the second step (`second-step.ts`).
 * Attempts are limited by name and address, as for password sessions. Source: AccountStore of @atproto/oauth-provider; ours.
 */
import { InvalidCredentialsError, InvalidRequestError, SecondAuthenticationFactorRequiredError } from '@atproto/oauth-provider/errors';
import type { AuthenticateAccountData, DeviceId } from '@atproto/oauth-provider/store';
import type { OAuthHooks } from '@atproto/oauth-provider/hooks';
import { limitKey } from '@dunlin/service/http/client-address';
import type { RateLimiter } from '@dunlin/service/http/rate-limit';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { Sessions } from '../account/sessions.ts';
import type { FactorCheck } from '../factor/factor-check.ts';
import type { SecondSteps } from './second-steps.ts';
import type { SignInEras } from './sign-in-eras.ts';

/** What a sign-in attempt tells of itself. */
type Attempt = Parameters<NonNullable<OAuthHooks['onSignInAttempt']>>[0];

/** Takes sign-ins. */
export class SignInDesk {
  readonly #sessions: Sessions;
  readonly #factors: FactorCheck;
  readonly #steps: SecondSteps;
  readonly #eras: SignInEras;
  readonly #limits: readonly RateLimiter[];
  /** The device each attempt comes from: the provider tells it to the hook, then asks for the check with the same object. */
  readonly #devices = new WeakMap<object, DeviceId>();

  constructor(o: { sessions: Sessions; factors: FactorCheck; steps: SecondSteps; eras: SignInEras; limits: readonly RateLimiter[] }) {
    this.#sessions = o.sessions;
    this.#factors = o.factors;
    this.#steps = o.steps;
    this.#eras = o.eras;
    this.#limits = o.limits;
  }

  /** Hears of an attempt before it is checked. @throws InvalidRequestError when there were too many */
  readonly onAttempt = ({ data, deviceId, deviceMetadata }: Attempt): void => {
    const key = `${this.#sessions.nameOf(data.username)}-${limitKey(deviceMetadata.ipAddress)}`;
    if (this.#limits.some((limiter) => !limiter.spend(key).isAllowed)) throw new InvalidRequestError('Too many sign-in attempts, try again later');
    this.#devices.set(data, deviceId);
  };

  /**
   * Gives the account that signs in.
   * @throws InvalidCredentialsError, InvalidRequestError, SecondAuthenticationFactorRequiredError
   */
  async check(data: AuthenticateAccountData): Promise<Account> {
    const account = await this.#recognise(data);
    const deviceId = this.#devices.get(data);
    if (deviceId !== undefined) this.#eras.note(deviceId, account);
    return account;
  }

  async #recognise(data: AuthenticateAccountData): Promise<Account> {
    const found = await this.#sessions.authenticate(data.username, data.password);
    if (found === null) throw new InvalidCredentialsError('Invalid identifier or password');
    const { account, appPassword } = found;
    if (appPassword !== null) throw new InvalidRequestError('App passwords are not allowed');
    if (account.takedownRef !== null) throw new InvalidRequestError('Account was taken down');
    if (!this.#factors.isRequired(account.id)) return account;
    if (data.emailOtp !== undefined && (await this.#holds(account, data.emailOtp))) return account;
    if (!this.#sessions.isOfPresentEra(account)) throw new InvalidCredentialsError('Invalid identifier or password');
    const deviceId = this.#devices.get(data);
    if (deviceId !== undefined) this.#steps.begin(deviceId, account.id);
    throw new SecondAuthenticationFactorRequiredError('emailOtp', 'recovery codes or');
  }

  async #holds(account: Account, code: string): Promise<boolean> {
    try {
      await this.#factors.check(account, code);
      return true;
    } catch (fault) {
      if (fault instanceof XrpcError && fault.status === 429) throw new InvalidRequestError(fault.message, fault);
      if (fault instanceof XrpcError) return false;
      throw fault;
    }
  }
}
