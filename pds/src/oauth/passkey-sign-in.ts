/**
 * Signing in on the OAuth pages with a passkey alone: on a page of ours (`pds/web/passkey-sign-in.ts`), which the sign-in pages link to.
 * The passkey has proved possession and person at once, so there is no second step; the device is signed in and the person goes back to
 * where they came from. Only pages of this server may ask. Source: ours, decisions/0014.
 */
import type { PlainRouter } from '@dunlin/service/http/router';
import type { RateLimiter } from '@dunlin/service/http/rate-limit';
import type { PasskeySignIn } from '../factor/passkey-sign-in.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import { spendOfAddress } from './address-limit.ts';
import { askingDevice, signInDevice } from './device-sign-in.ts';
import type { OAuthDevices } from './device-store.ts';
import { ownQuestion } from './own-question.ts';
import type { RunningProvider } from './provider.ts';
import type { SecondSteps } from './second-steps.ts';

/** What the page's questions use. */
export interface PasskeySignInParts {
  readonly load: () => Promise<Pick<RunningProvider, 'provider'>>;
  readonly server: ServerIdentity;
  readonly devices: OAuthDevices;
  readonly steps: SecondSteps;
  readonly signIn: PasskeySignIn;
  /** Bounds what one address may ask; null for no bound. */
  readonly limit: RateLimiter | null;
}

/** Serves the page's two questions. */
export function servePasskeySignIn(router: PlainRouter, { load, server, devices, steps, signIn, limit }: PasskeySignInParts): void {
  router.use('/account/passkey-sign-in', async (context, next) => {
    if (context.method === 'POST') spendOfAddress(limit, context);
    await next();
  });
  router.post('/account/passkey-sign-in/begin', async (context) => {
    await ownQuestion(context, server);
    context.body = { options: await signIn.begin() };
  });
  router.post('/account/passkey-sign-in/finish', async (context) => {
    const body = await ownQuestion(context, server);
    const account = await signIn.finish(body['passkey']);
    context.body = await signInDevice({ devices, steps }, await askingDevice(load, context, { isRenewed: true }), account, body);
  });
}
