/**
 * Signing up on a page of ours (`pds/web/sign-up.ts`), for what the provider's page does not offer: a did:web that this server writes, and
 * a recovery key from the start. The device is signed in, and the person goes back to where they came from: a client's request, or the
 * account page. Only pages of this server may ask. Not for clients that make accounts themselves (`api/server/create-account.ts`).
 * Source: ours, decisions/0026.
 */
import { maxPasswordLength } from '@dunlin/protocol/base/limits';
import type { PlainRouter } from '@dunlin/service/http/router';
import type { RateLimiter } from '@dunlin/service/http/rate-limit';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { AccountDesk, SignUp } from './account-desk.ts';
import { spendOfAddress } from './address-limit.ts';
import { askingDevice, signInDevice } from './device-sign-in.ts';
import type { OAuthDevices } from './device-store.ts';
import { ownQuestion } from './own-question.ts';
import type { RunningProvider } from './provider.ts';
import type { SecondSteps } from './second-steps.ts';

/** What the page offers. */
export interface SignUpOffer {
  /** Domains of handles, each with a leading dot. */
  readonly domains: readonly string[];
  readonly isInviteRequired: boolean;
  /** Whether the DID may be a did:web that this server writes. */
  readonly isDidWebOffered: boolean;
}

/** What the page's questions use. */
export interface SignUpParts {
  readonly load: () => Promise<Pick<RunningProvider, 'provider'>>;
  readonly server: ServerIdentity;
  readonly devices: OAuthDevices;
  readonly steps: SecondSteps;
  readonly desk: Pick<AccountDesk, 'signUp'>;
  readonly offer: SignUpOffer;
  /** Bounds how many accounts one address may ask for; null for no bound. */
  readonly limit: RateLimiter | null;
}

/** Shortest password, in characters, as on the provider's page. */
const minPasswordLength = 8;

/** Serves the page's two questions. */
export function serveSignUp(router: PlainRouter, { load, server, devices, steps, desk, offer, limit }: SignUpParts): void {
  router.post('/account/sign-up/begin', async (context) => {
    await ownQuestion(context, server);
    context.body = { domains: offer.domains, inviteCodeRequired: offer.isInviteRequired, didWeb: offer.isDidWebOffered };
  });
  router.post('/account/sign-up/finish', async (context) => {
    const body = await ownQuestion(context, server);
    const wanted = readSignUp(body);
    spendOfAddress(limit, context);
    const account = await desk.signUp(wanted);
    const { next } = await signInDevice({ devices, steps }, await askingDevice(load, context, { isRenewed: true }), account, body);
    context.body = { did: account.did, handle: account.handle, next };
  });
}

function readSignUp(body: Readonly<Record<string, unknown>>): SignUp {
  const text = (name: string): string => {
    const value = body[name];
    if (typeof value !== 'string' || value.length > 2_048) throw invalidRequest(`${name} is missing or no text`);
    return value;
  };
  const given = (name: string): string | null => (body[name] === undefined || body[name] === null || body[name] === '' ? null : text(name));
  const password = text('password');
  if (password.length < minPasswordLength || password.length > maxPasswordLength) throw invalidRequest(`Password must have ${minPasswordLength} to ${maxPasswordLength} characters`, 'InvalidPassword');
  return {
    handle: text('handle'), email: text('email'), password, inviteCode: given('inviteCode')?.trim() ?? null,
    recoveryKey: given('recoveryKey'), isDidWeb: body['didWeb'] === true,
  };
}
