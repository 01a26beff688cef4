/**
 * Finds the account a request names, and says in the caller's words when it is not to be had.
 * Three kinds of asking: writes to one's own repository, sync methods (closed repositories have names), plain reads.
 * Not for authentication. Source: error names and texts as the reference PDS.
 */
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { accountState, type Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { Caller, Reader } from './auth.ts';

/** Checks that a `repo` parameter (DID or handle) names the caller's own account. @throws XrpcError 401, 403 AccountNotFound */
export function ownRepo(accounts: AccountStore, repo: string, { account }: Caller): Account {
  if (repo === account.did || repo.toLowerCase() === account.handle) return account;
  const other = accounts.byIdentifier(repo);
  throw other === null ? new XrpcError(403, 'AccountNotFound', 'Account not found') : new XrpcError(401, 'AuthenticationRequired', 'Authentication Required');
}

/**
 * Gives the account of a DID whose repository the reader may read; the account itself and the operator read closed ones too.
 * @throws XrpcError 400 RepoNotFound, RepoTakendown, RepoDeactivated
 */
export function readableRepo(accounts: AccountStore, repo: string, reader: Reader): Account {
  const account = accounts.byIdentifier(repo);
  if (account === null) throw invalidRequest(`Could not find repo for DID: ${repo}`, 'RepoNotFound');
  if (reader.kind === 'admin' || (reader.kind === 'account' && reader.did === account.did)) return account;
  const state = accountState(account);
  if (state.active) return account;
  throw state.status === 'takendown'
    ? invalidRequest(`Repo has been takendown: ${account.did}`, 'RepoTakendown')
    : invalidRequest(`Repo has been deactivated: ${account.did}`, 'RepoDeactivated');
}

/** Gives the account a DID or handle names when everybody may read it, or null. */
export function openRepo(accounts: AccountStore, repo: string): Account | null {
  const account = accounts.byIdentifier(repo);
  return account !== null && accountState(account).active ? account : null;
}
