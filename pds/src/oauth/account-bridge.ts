/**
 * Accounts as the OAuth provider asks for them: sign in, sign up, devices, consents, and what its account page changes.
 * Each question goes to the part of the PDS that answers it elsewhere too; faults come back in the provider's words.
 * Not for what those parts do. Source: AccountStore of @atproto/oauth-provider; behaviour of the reference PDS.
 */
import { HandleUnavailableError, InvalidCredentialsError, InvalidRequestError } from '@atproto/oauth-provider/errors';
import type {
  Account as AccountCard, AccountStore as ProviderAccounts, AuthenticateAccountData, AuthorizedClientData, AuthorizedClients, ClientId,
  CreateAccountData, DeviceAccount, DeviceId, Did,
} from '@atproto/oauth-provider/store';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AccountCards } from './account-card.ts';
import type { AccountDesk } from './account-desk.ts';
import type { OAuthConsents } from './consent-store.ts';
import type { OAuthDevices, SignedIn } from './device-store.ts';
import type { SignInDesk } from './sign-in-desk.ts';
import type { SignInEras } from './sign-in-eras.ts';

/** What the bridge asks. */
export interface BridgeParts {
  readonly accounts: AccountStore;
  readonly cards: AccountCards;
  readonly devices: OAuthDevices;
  readonly consents: OAuthConsents;
  readonly signIns: SignInDesk;
  readonly eras: SignInEras;
  readonly desk: AccountDesk;
  /** Ends every session of an account's clients, within a group. */
  readonly endClients: (accountId: number) => void;
}

/** Gives the accounts in the provider's form. */
export function bridgeAccounts({ accounts, cards, devices, consents, signIns, eras, desk, endClients }: BridgeParts): ProviderAccounts {
  const find = (did: string): Account => {
    const account = accounts.byDid(did);
    if (account === null || account.takedownRef !== null) throw new InvalidRequestError('Account not found');
    return account;
  };
  /** Runs a change of an account and gives the account as it is afterwards. */
  const changed = async (did: string, change: (account: Account) => Promise<unknown>): Promise<AccountCard> => {
    await change(find(did));
    return cards.of(find(did));
  };
  const toDeviceAccount = (signedIn: SignedIn): DeviceAccount[] => {
    const account = accounts.byId(signedIn.accountId);
    if (account === null || account.takedownRef !== null) return [];
    const { deviceId, device, createdAt, updatedAt } = signedIn;
    eras.note(deviceId, account);
    return [{ deviceId, deviceData: device, createdAt, updatedAt, account: cards.of(account), authorizedClients: consents.of(account.id) }];
  };
  return {
    createAccount: async (data: CreateAccountData) => cards.of(await inWords(() => desk.signUp({ ...data, inviteCode: data.inviteCode ?? null }))),
    authenticateAccount: async (data: AuthenticateAccountData) => cards.of(await signIns.check(data)),
    setAuthorizedClient: (did: Did, clientId: ClientId, data: AuthorizedClientData) => consents.set(find(did).id, clientId, data),
    getAccount(did: Did): { account: AccountCard; authorizedClients: AuthorizedClients } {
      const account = find(did);
      return { account: cards.of(account), authorizedClients: consents.of(account.id) };
    },
    upsertDeviceAccount: (deviceId: DeviceId, did: Did) => inWords(() => {
      const account = find(did);
      return devices.signIn(deviceId, { id: account.id, sessionEra: eras.of(deviceId, account) });
    }),
    getDeviceAccount(deviceId: DeviceId, did: Did): DeviceAccount | null {
      const signedIn = devices.signedIn(deviceId, find(did).id);
      return signedIn === null ? null : (toDeviceAccount(signedIn)[0] ?? null);
    },
    async removeDeviceAccount(deviceId: DeviceId, did: Did): Promise<void> {
      const account = accounts.byDid(did);
      if (account !== null) await devices.signOut(deviceId, account.id);
    },
    listDeviceAccounts(filter: { did: Did } | { deviceId: DeviceId }): DeviceAccount[] {
      const signedIn = 'did' in filter ? devices.ofAccount(find(filter.did).id) : devices.onDevice(filter.deviceId);
      return signedIn.flatMap(toDeviceAccount);
    },
    resetPasswordRequest({ email }) {
      const account = desk.requestPasswordReset(email);
      return account && cards.of(account);
    },
    async resetPasswordConfirm({ token, password }) {
      const account = await orNull(() => desk.resetPassword({ token, password }));
      return account && cards.of(account);
    },
    updateEmailRequest: async ({ did }) => ({ tokenRequired: await inWords(() => desk.requestEmailUpdate(find(did))) }),
    updateEmailConfirm: ({ did, email, token }) => inWords(() => changed(did, (account) => desk.updateEmail(account, { email, token: token ?? null }))),
    verifyEmailRequest: ({ did }) => inWords(() => desk.requestEmailConfirmation(find(did))),
    verifyEmailConfirm: ({ did, email, token }) => orNull(() => changed(did, (account) => desk.confirmEmail(account, { email, token }))),
    verifyHandleAvailability: (handle) => inHandleWords(() => desk.checkHandle(handle)),
    updateHandle: ({ did, handle }) => inHandleWords(() => changed(did, (account) => desk.changeHandle(account, handle))),
    deactivateAccount: ({ did, deleteAfter }) => inWords(() => changed(did, (account) => desk.deactivate(account, deleteAfter ?? null, endClients))),
    reactivateAccount: ({ did }) => inWords(() => changed(did, (account) => desk.reactivate(account))),
    deleteAccountRequest: ({ did }) => inWords(() => desk.requestDeletion(find(did))),
    deleteAccountConfirm: ({ did, token, password }) => inWords(() => desk.delete(find(did), { token, password })),
  };
}

/** Runs a verb of ours; a fault of the caller becomes one of the provider's. */
async function inWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (!(fault instanceof XrpcError) || fault.status >= 500) throw fault;
    if (fault.status === 401) throw new InvalidCredentialsError(fault.message, undefined, fault);
    throw new InvalidRequestError(fault.message, fault);
  }
}

/** As inWords, but a code that does not hold gives null, for which the provider has words of its own. */
async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof XrpcError && fault.status < 500) return null;
    throw fault;
  }
}

/** As inWords, for handles: the provider's page says in the person's language why one cannot be had. */
async function inHandleWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (!(fault instanceof XrpcError) || fault.status >= 500) throw fault;
    const reason = handleReason(fault);
    throw reason === null ? new InvalidRequestError(fault.message, fault) : new HandleUnavailableError(reason, fault.message, fault);
  }
}

function handleReason({ error, message }: XrpcError): HandleUnavailableError['reason'] | null {
  if (error === 'HandleNotAvailable') return message === 'Reserved handle' ? 'reserved' : 'taken';
  if (error === 'UnsupportedDomain') return 'unsupported';
  if (error === 'InvalidHandle') return message === 'Handle TLD is invalid or disallowed' ? 'domain' : 'syntax';
  if (message.startsWith('Handle already taken')) return 'taken';
  return message === 'External handle did not resolve to DID' ? 'resolution' : null;
}
