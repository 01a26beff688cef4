/**
 * Sign-ins on the OAuth pages by people who do not want to be remembered: the provider gives their page a signed token for fifteen minutes
 * and keeps nothing of it. Here each is held to the era of the account's sessions, so that it ends when all of them are ended.
 * Not for devices that are remembered (`device-store.ts`). Source: ours, decisions/0031; tokens as @atproto/oauth-provider makes them.
 */
import type { OAuthProvider } from '@atproto/oauth-provider/provider';
import { InvalidRequestError } from '@atproto/oauth-provider/errors';
import type { AccountStore } from '../account/account-store.ts';
import type { SignInEras } from './sign-in-eras.ts';

/** Lets the provider's signer make tokens that say the era of their sign-in, and take none of an era before. */
export function holdToEras(signer: OAuthProvider['signer'], { accounts, eras }: { accounts: Pick<AccountStore, 'byDid'>; eras: SignInEras }): void {
  const create = signer.createEphemeralToken.bind(signer);
  const verify = signer.verifyEphemeralToken.bind(signer);
  signer.createEphemeralToken = (payload) => {
    const account = accounts.byDid(payload.sub);
    return create({ ...payload, era: account === null ? 0 : eras.of(payload.deviceId, account) });
  };
  signer.verifyEphemeralToken = async (token, options) => {
    const verified = await verify(token, options);
    const { sub, deviceId, era } = verified.payload as { sub: string; deviceId: string; era?: unknown };
    const account = accounts.byDid(sub);
    if (account === null || era !== account.sessionEra) throw new InvalidRequestError('this sign-in was ended');
    eras.note(deviceId, account);
    return verified;
  };
}
