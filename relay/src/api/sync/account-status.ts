/**
 * The status of an account in the protocol's words, and the errors of methods that need an active one.
 * Not for what is kept of an account (accounts/). Place in the flow: listRepos, getRepoStatus, getLatestCommit, getRepo.
 * Source: lexicons com.atproto.sync.*; HTTP codes as the indigo relay gives them.
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { AccountTable } from '../../accounts/account-table.ts';

/** Status as #account and getRepoStatus have it. */
export interface AccountStatus {
  readonly active: boolean;
  /** Left out when there is nothing to say. */
  readonly status?: string;
}

/** Gives the status of an account as this relay sees it: our own word first, then its host's. */
export function accountStatus(table: AccountTable, row: number): AccountStatus {
  const local = table.local(row);
  if (local !== 'none') return { active: false, status: local };
  if (table.isActiveUpstream(row)) return table.isDesynchronized(row) ? { active: true, status: 'desynchronized' } : { active: true };
  const upstream = table.upstream(row);
  return upstream === 'none' || upstream === 'other' ? { active: false } : { active: false, status: upstream };
}

/** Finds an account. @throws XrpcError RepoNotFound */
export function findAccount(table: AccountTable, did: string): number {
  const row = table.find(did);
  if (row === -1) throw new XrpcError(404, 'RepoNotFound', `this relay knows no repository of ${did}`);
  return row;
}

/** Finds an active account. @throws XrpcError RepoNotFound, RepoTakendown, RepoSuspended, RepoDeactivated, RepoDeleted, RepoInactive */
export function findActiveAccount(table: AccountTable, did: string): number {
  const row = findAccount(table, did);
  const { active, status } = accountStatus(table, row);
  if (active) return row;
  throw new XrpcError(403, errorOf(status), `repository is not active: status=${status ?? 'unknown'}`);
}

function errorOf(status: string | undefined): string {
  switch (status) {
    case 'takendown':
      return 'RepoTakendown';
    case 'suspended':
      return 'RepoSuspended';
    case 'deactivated':
      return 'RepoDeactivated';
    case 'deleted':
      return 'RepoDeleted';
    default:
      return 'RepoInactive';
  }
}
