/**
 * app.dunlin.move.*: how an account comes to this server from another one, as the page `/account/move-in` asks it, or any program.
 * With the account's own password only: no app password and no OAuth client gets here. What the methods do: `moving/moves.ts`.
 * Source: lexicons of those names, ours.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { IdentityPlan } from '../../moving/move-identity.ts';
import type { IdentityView, Moves, MoveView } from '../../moving/moves.ts';
import { moveState } from '../../moving/move-state.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { fiveMinutesMs, hourMs, type Limits } from '../limits.ts';

/** What these methods use. */
export interface MoveParts {
  readonly auth: Authenticator;
  readonly moves: Moves;
  readonly limits: Limits;
}

/** Gives the methods. */
export function moveRoutes({ auth, moves, limits }: MoveParts): XrpcRoute[] {
  const access = auth.access({ scope: 'full' });
  return [
    route<unknown, { accessJwt: string; refreshJwt: string }, Caller>('app.dunlin.move.begin', {
      auth: access,
      rateLimit: limits.perAccount([20, fiveMinutesMs]),
      handler: ({ input: { accessJwt, refreshJwt }, auth: { account } }) => moves.begin(account, { accessJwt, refreshJwt }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.move.getStatus', {
      auth: access,
      handler: ({ auth: { account } }) => ({ body: statusView(account, moves.view(account)) }),
    }),
    route<unknown, { withoutMissing?: boolean; withoutFarewell?: boolean } | undefined, Caller>('app.dunlin.move.goOn', {
      auth: access,
      rateLimit: limits.perAccount([60, fiveMinutesMs]),
      handler: ({ input, auth: { account } }) => moves.goOn(account, { withoutMissing: input?.withoutMissing ?? false, withoutFarewell: input?.withoutFarewell ?? false }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.move.getIdentity', {
      auth: access,
      rateLimit: limits.perAccount([60, fiveMinutesMs]),
      handler: async ({ auth: { account } }) => ({ body: identityView(await moves.identityOf(account)) }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.move.requestCode', {
      auth: access,
      rateLimit: limits.perAccount([10, hourMs]),
      handler: ({ auth: { account } }) => moves.requestCode(account),
    }),
    route<unknown, { token: string; recoveryKey?: string; keptKeys?: readonly string[]; newest?: string }, Caller>('app.dunlin.move.changeIdentity', {
      auth: access,
      rateLimit: limits.perAccount([20, hourMs]),
      handler: ({ input: { token, recoveryKey = null, keptKeys = null, newest = null }, auth: { account } }) => moves.changeIdentity(account, { token, recoveryKey, keptKeys, newest }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.move.abandon', {
      auth: access,
      handler: ({ auth: { account } }) => moves.abandon(account),
    }),
  ];
}

function statusView({ did, handle }: Account, view: MoveView): Record<string, unknown> {
  const { move, progress, records, expectedBlobs, importedBlobs } = view;
  const stop = progress.retry?.fault ?? move.stop;
  return {
    did, handle, records, expectedBlobs, importedBlobs,
    ...(move.origin !== null && { origin: move.origin }),
    step: move.step,
    state: moveState(move, progress),
    receivedBytes: progress.receivedBytes,
    hasSession: move.session !== null,
    ...(stop && { stop: { code: stop.code, message: stop.message } }),
    ...(progress.retry && { retryAt: new Date(progress.retry.atMs).toISOString() }),
  };
}

function identityView(view: IdentityView): Record<string, unknown> {
  if (view.kind === 'web') return { method: view.isHosted ? 'hostedWeb' : 'web', ...view.wanted };
  const { present, state, keptKeys, droppedKeys, holderOf } = view.plan;
  return {
    method: 'plc',
    newest: present.cid,
    handle: state.alsoKnownAs[0]?.slice('at://'.length),
    signingKey: state.verificationMethods['atproto'],
    pdsUrl: state.services['atproto_pds']?.endpoint,
    rotationKeys: state.rotationKeys,
    keptKeys, droppedKeys,
    keys: [...new Set([...present.rotationKeys, ...state.rotationKeys])].map((key) => ({
      key, holder: holderOf(key), change: !state.rotationKeys.includes(key) ? 'goes' : present.rotationKeys.includes(key) ? 'stays' : 'comes',
    })),
    otherEntries: otherEntries(state),
  };
}

/** What the DID says beyond an account's home, which a change leaves as it is. */
function otherEntries({ alsoKnownAs, verificationMethods, services }: IdentityPlan['state']): { name: string; value: string }[] {
  return [
    ...alsoKnownAs.slice(1).map((value) => ({ name: 'name', value })),
    ...Object.entries(verificationMethods).filter(([id]) => id !== 'atproto').map(([id, value]) => ({ name: `key #${id}`, value })),
    ...Object.entries(services).filter(([id]) => id !== 'atproto_pds').map(([id, { type, endpoint }]) => ({ name: `service #${id}`, value: `${type} ${endpoint}` })),
  ];
}
