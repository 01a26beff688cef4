/**
 * The second step of signing in on the OAuth pages: after the password, on a page of ours, an authenticator code, a recovery code or a passkey.
 * The device cookie says whose step is owed; the provider's own sign-in noted it (`sign-in-desk.ts`). Once the step is taken the device
 * is signed in and the person goes back to where they came from. Only pages of this server may ask: origin and fetch metadata are checked.
 * Source: ours; checks as the provider makes them for its own pages.
 */
import type { Context } from '@dunlin/service/http/app';
import type { PlainRouter } from '@dunlin/service/http/router';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { FactorCheck } from '../factor/factor-check.ts';
import type { Factors } from '../factor/factors.ts';
import type { Passkeys } from '../factor/passkeys.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import { askingDevice, signInDevice, type DeviceId } from './device-sign-in.ts';
import type { OAuthDevices } from './device-store.ts';
import { ownQuestion } from './own-question.ts';
import type { RunningProvider } from './provider.ts';
import type { SecondSteps } from './second-steps.ts';

/** What the second step uses. */
export interface SecondStepParts {
  readonly load: () => Promise<Pick<RunningProvider, 'provider'>>;
  readonly server: ServerIdentity;
  readonly accounts: AccountStore;
  readonly devices: OAuthDevices;
  readonly steps: SecondSteps;
  readonly check: FactorCheck;
  readonly factors: Factors;
  readonly passkeys: Passkeys;
}

interface Step {
  readonly deviceId: DeviceId;
  readonly account: Account;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Serves the step's two questions; the page that asks them is `pds/web/second-step.ts`. */
export function serveSecondStep(router: PlainRouter, parts: SecondStepParts): void {
  router.post('/account/second-step/begin', async (context) => {
    const { account } = await ownStep(context, parts, { isLast: false });
    const { hasTotp, recoveryCodesLeft } = parts.factors.list(account.id);
    context.body = { handle: account.handle, totp: hasTotp, recoveryCodes: recoveryCodesLeft > 0, passkey: await parts.passkeys.beginCheck(account.id) };
  });
  router.post('/account/second-step/finish', async (context) => {
    const { deviceId, account, body } = await ownStep(context, parts, { isLast: true });
    await prove(parts, account, body);
    context.body = await signInDevice(parts, deviceId, account, body);
  });
}

async function prove({ check, passkeys }: SecondStepParts, account: Account, body: Step['body']): Promise<void> {
  if (body['passkey'] !== undefined) return passkeys.finishCheck(account.id, body['passkey']);
  if (typeof body['code'] !== 'string') throw invalidRequest('code or passkey is missing');
  await check.check(account, body['code']);
}

/** Gives the step that the asking device owes. @throws XrpcError 400, 403 from elsewhere than our pages, 401 SignInAgain when none is owed */
async function ownStep(context: Context, { load, server, accounts, steps }: SecondStepParts, { isLast }: { isLast: boolean }): Promise<Step> {
  const body = await ownQuestion(context, server);
  const deviceId = await askingDevice(load, context, { isRenewed: isLast });
  const accountId = steps.owed(deviceId);
  const account = accountId === null ? null : accounts.byId(accountId);
  if (account === null || account.takedownRef !== null) throw new XrpcError(401, 'SignInAgain', 'there is no sign-in under way on this device, or it took too long');
  return { deviceId, account, body };
}
