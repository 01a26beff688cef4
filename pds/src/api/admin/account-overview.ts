/**
 * app.dunlin.admin.listAccounts, getAccount and reviewBlobs: accounts with their states, one with all there is to know of it, and the
 * accounts whose blobs are not as they should be. For the operator alone.
 * Not for what the protocol's own methods tell (`accounts.ts`), which moderation services read too.
 * Source: lexicons of those names, ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { accountState, type Account } from '../../account/account.ts';
import type { AccountStore, ListedState } from '../../account/account-store.ts';
import type { AppPasswordStore } from '../../account/app-password-store.ts';
import type { Sessions } from '../../account/sessions.ts';
import type { AccountBlobs, BlobFigures } from '../../blob/blob-figures.ts';
import type { Factors } from '../../factor/factors.ts';
import type { InviteStore } from '../../invite/invite-store.ts';
import type { OAuthTokens } from '../../oauth/token-store.ts';
import type { RepoReader } from '../../repo/read.ts';
import type { Authenticator } from '../auth.ts';
import { aboveAll, readNumberCursor } from '../cursors.ts';
import { accountView } from './account-view.ts';
import { requireAccount } from './accounts.ts';

/** What these methods use. */
export interface AccountOverviewParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly invites: InviteStore;
  readonly appPasswordStore: AppPasswordStore;
  readonly sessions: Pick<Sessions, 'list'>;
  readonly tokens: Pick<OAuthTokens, 'countOf'>;
  readonly factors: Pick<Factors, 'list'>;
  readonly repos: RepoReader;
  readonly blobFigures: BlobFigures;
  readonly clock: Clock;
}

const states: readonly string[] = ['active', 'deactivated', 'takendown'] satisfies ListedState[];

/** Accounts a review goes through before others may have their turn. */
const reviewStep = 20;

/** How long one call reviews, in ms; it ends with the step in which this is over. */
const reviewMs = 500;

/** Most accounts one call tells of. */
const maxReviewed = 200;

/** Gives the methods. */
export function accountOverviewRoutes(o: AccountOverviewParts): XrpcRoute[] {
  return [
    route<{ q?: string; state?: string; limit: number; cursor?: string }, unknown, unknown>('app.dunlin.admin.listAccounts', {
      auth: o.auth.admin,
      handler({ params: { q = '', state, limit, cursor } }) {
        if (state !== undefined && !states.includes(state)) throw invalidRequest(`state must be one of ${states.join(', ')}`);
        const text = q.trim().replace(/^@/, '');
        const found = o.accounts.list({ text, state: (state as ListedState | undefined) ?? null, below: readNumberCursor(cursor, aboveAll), limit });
        const last = found.at(-1);
        return { body: { ...(last && found.length === limit && { cursor: String(last.id) }), accounts: found.map(listedView) } };
      },
    }),
    route<{ account: string }, unknown, unknown>('app.dunlin.admin.getAccount', {
      auth: o.auth.admin,
      handler: ({ params }) => ({ body: wholeView(o, requireAccount(o.accounts, params.account)) }),
    }),
    route<{ cursor?: string }, unknown, unknown>('app.dunlin.admin.reviewBlobs', {
      auth: o.auth.admin,
      handler: async ({ params: { cursor }, signal }) => ({ body: await review(o, readNumberCursor(cursor, aboveAll), signal) }),
    }),
  ];
}

function stateOf(account: Account): string {
  const state = accountState(account);
  return state.active ? 'active' : state.status;
}

function listedView(account: Account): Record<string, unknown> {
  const { did, handle, email, createdAtMs } = account;
  return { did, handle, ...(email !== null && { email }), state: stateOf(account), createdAt: new Date(createdAtMs).toISOString() };
}

function wholeView(o: AccountOverviewParts, account: Account): Record<string, unknown> {
  const { id, takedownRef, deleteAfter } = account;
  const head = o.repos.head(id);
  const { hasTotp, passkeys, recoveryCodesLeft } = o.factors.list(id);
  return {
    account: accountView(account, o.invites),
    state: stateOf(account),
    ...(takedownRef !== null && { takedownRef }),
    ...(deleteAfter !== null && { deleteAfter }),
    sessions: o.sessions.list(id).length,
    oauthSessions: o.tokens.countOf(id),
    appPasswords: o.appPasswordStore.list(id).length,
    factors: { totp: hasTotp, passkeys: passkeys.length, recoveryCodes: recoveryCodesLeft },
    ...(head && { repo: { commit: head.cid.toString(), rev: head.rev, ...o.repos.counts(id) } }),
    blobs: blobView(o.blobFigures.of(id)),
  };
}

function blobView({ named, missing, unused }: AccountBlobs): Record<string, number> {
  return { named, missing, unused: unused.count, unusedBytes: unused.bytes };
}

/** Goes through accounts below an id, newest first, a few at a time, so that nobody else waits long. */
async function review({ accounts, blobFigures, clock }: AccountOverviewParts, from: number, signal: AbortSignal): Promise<Record<string, unknown>> {
  const endMs = clock.elapsedMs() + reviewMs;
  const told: Record<string, unknown>[] = [];
  let [below, looked] = [from, 0];
  for (;;) {
    const step = accounts.list({ text: '', state: null, below, limit: reviewStep });
    for (const { id, did, handle } of step) {
      const blobs = blobFigures.of(id);
      if (blobs.missing > 0 || blobs.unused.count > 0) told.push({ did, handle, blobs: blobView(blobs) });
    }
    looked += step.length;
    below = step.at(-1)?.id ?? 0;
    if (step.length < reviewStep) return { looked, accounts: told };
    if (clock.elapsedMs() >= endMs || signal.aborted || told.length > maxReviewed - reviewStep) return { cursor: String(below), looked, accounts: told };
    await new Promise((resolve) => setImmediate(resolve));
  }
}
