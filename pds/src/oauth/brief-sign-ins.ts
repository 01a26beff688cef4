/**
 * Sign-ins on the OAuth pages by people who do not want to be remembered: the provider gives their page a signed token for fifteen minutes
 * and keeps nothing of it. Here each is held to the era of the account's sessions, so that it ends when all of them are ended.
 * Not for devices that are remembered (`device-store.ts`). Source: ours, decisions/0031; tokens as @atproto/oauth-provider makes them.
 */
import type { OAuthProvider } from '@atproto/oauth-provider/provider';
import { InvalidRequestError } from '@atproto/oauth-provider/errors';
import type { AccountStore } from '../account/account-store.ts';

/** Lets the provider's signer make tokens that say their account's era, and take none of an era before. */
export function holdToEras(signer: OAuthProvider['signer'], accounts: Pick<AccountStore, 'byDid'>): void {
  const create = signer.createEphemeralToken.bind(signer);
  const verify = signer.verifyEphemeralToken.bind(signer);
  const eraOf = (did: string): number | null => accounts.byDid(did)?.sessionEra ?? null;
  signer.createEphemeralToken = (payload) => create({ ...payload, era: eraOf(payload.sub) ?? 0 });
  signer.verifyEphemeralToken = async (token, options) => {
    const verified = await verify(token, options);
    const { sub, era } = verified.payload as { sub: string; era?: unknown };
    if (era !== eraOf(sub)) throw new InvalidRequestError('this sign-in was ended');
    return verified;
  };
}
