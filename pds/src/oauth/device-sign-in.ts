/**
 * The end of every way of signing in on a page of ours: the browser's device is signed in, and its person goes back to where they came from.
 * Not for the provider's own page (`account-bridge.ts`).
 * Source: ours; sessions of devices as the provider treats them.
 */
import type { Context } from '@dunlin/service/http/app';
import type { Account } from '../account/account.ts';
import type { OAuthDevices } from './device-store.ts';
import type { RunningProvider } from './provider.ts';
import type { SecondSteps } from './second-steps.ts';

/** How long a person stays signed in who does not want to be remembered, in ms: time enough to consent. */
const unrememberedMs = 15 * 60_000;

/** A device, as the provider knows it by its cookie. */
export type DeviceId = Parameters<SecondSteps['owed']>[0];

/**
 * Gives the device that asks. Whoever is signed in next gets another session in the cookie (`isRenewed`), as the provider does it:
 * a copy from before is not signed in.
 */
export async function askingDevice(load: () => Promise<Pick<RunningProvider, 'provider'>>, context: Context, { isRenewed }: { isRenewed: boolean }): Promise<DeviceId> {
  const { provider } = await load();
  const { deviceId } = await provider.deviceManager.load(context.req, context.res, isRenewed);
  return deviceId;
}

/** Signs a device in, as a page's question wants it (`remember`, `from`); gives the page that is next. */
export async function signInDevice(
  { devices, steps }: { devices: OAuthDevices; steps: SecondSteps }, deviceId: DeviceId, account: Account, question: Readonly<Record<string, unknown>>,
): Promise<{ next: string }> {
  steps.end(deviceId);
  await devices.signIn(deviceId, account, question['remember'] === true ? null : unrememberedMs);
  return { next: wayBack(question['from']) };
}

/** Gives the page a person came from; anything that is not one of the sign-in pages becomes the account page. */
export function wayBack(from: unknown): string {
  return typeof from === 'string' && /^\/oauth\/authorize\?[\x21-\x7e]*$/.test(from) ? from : '/account';
}
