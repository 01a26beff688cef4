/**
 * com.atproto.server.getServiceAuth: a token with which an account speaks to another service, signed with the account's key.
 * Bounded in time, and refused for methods that change the account itself, so that a stolen session gains nothing by it.
 * Source: lexicon of that name; rules and texts as the reference PDS.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { didMethod } from '@dunlin/protocol/identity/did';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { SigningKeys } from '../../account/signing-keys.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { createAccountMethod, isPrivilegedMethod, isProtectedMethod } from '../method-rules.ts';

interface Params {
  readonly aud: string;
  readonly exp?: number;
  readonly lxm?: string;
}

const defaultLifeSeconds = 60;
const longestLifeSeconds = 3_600;
const longestFreeLifeSeconds = 60;

/** Gives the method. */
export function serviceAuthRoute({ auth, keys, clock }: { auth: Authenticator; keys: SigningKeys; clock: Clock }): XrpcRoute {
  return route<Params, unknown, Caller>('com.atproto.server.getServiceAuth', {
    auth: auth.access({ allowTakendown: true, oauth: 'allowed' }),
    handler({ params: { aud, exp, lxm }, auth: { account, scope, permissions } }) {
      permissions?.requireRpc(lxm ?? '*', aud);
      if (!isAudience(aud)) throw invalidRequest('aud must be a valid atproto DID or did#serviceId reference');
      const nowSeconds = Math.floor(clock.nowMs() / 1000);
      // Clients in Go send a zero where they mean nothing.
      const lifetimeSeconds = exp === undefined || exp === 0 ? defaultLifeSeconds : exp - nowSeconds;
      checkLife(lifetimeSeconds, lxm);
      const method = lxm?.toLowerCase();
      if (method !== undefined && isProtectedMethod(method)) {
        throw invalidRequest(`cannot request a service auth token for the following protected method: ${lxm}`);
      }
      // A token from before the takedown says nothing of it: the account does.
      if ((scope === 'com.atproto.takendown' || account.takedownRef !== null) && method !== createAccountMethod) throw invalidRequest('Bad token scope', 'InvalidToken');
      if (method !== undefined && scope === 'com.atproto.appPass' && isPrivilegedMethod(method)) {
        throw invalidRequest(`insufficient access to request a service auth token for the following method: ${lxm}`);
      }
      const token = mintServiceJwt({
        issuer: account.did, audience: aud, lxm: lxm ?? null, keypair: keys.of(account.id), nowMs: nowSeconds * 1000, lifetimeSeconds,
      });
      return { body: { token } };
    },
  });
}

function isAudience(aud: string): boolean {
  const [did, service, ...more] = aud.split('#');
  return did !== undefined && didMethod(did) !== null && more.length === 0 && (service === undefined || /^[a-zA-Z0-9_.-]+$/.test(service));
}

function checkLife(seconds: number, lxm: string | undefined): void {
  if (seconds < 0) throw invalidRequest('expiration is in past', 'BadExpiration');
  if (seconds > longestLifeSeconds) throw invalidRequest('cannot request a token with an expiration more than an hour in the future', 'BadExpiration');
  if (lxm === undefined && seconds > longestFreeLifeSeconds) {
    throw invalidRequest('cannot request a method-less token with an expiration more than a minute in the future', 'BadExpiration');
  }
}
