/**
 * app.dunlin.admin.listMoves, getMove, stopMove and resumeMove: moves into this server as the operator sees them.
 * What they do: `moving/move-oversight.ts`.
 * Source: lexicons of those names, ours.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { MoveOversight, OverseenMove } from '../../moving/move-oversight.ts';
import { moveState } from '../../moving/move-state.ts';
import type { Authenticator } from '../auth.ts';
import { readNumberCursor } from '../cursors.ts';
import { requireAccount } from './accounts.ts';

/** Gives the methods. */
export function adminMoveRoutes({ auth, accounts, oversight }: { auth: Authenticator; accounts: AccountStore; oversight: MoveOversight }): XrpcRoute[] {
  return [
    route<{ done: boolean; limit: number; cursor?: string }, unknown, unknown>('app.dunlin.admin.listMoves', {
      auth: auth.admin,
      handler({ params: { done, limit, cursor } }) {
        const moves = oversight.page({ after: readNumberCursor(cursor, 0), limit, withDone: done });
        const last = moves.at(-1);
        return { body: { ...(last && moves.length === limit && { cursor: String(last.account.id) }), moves: moves.map(moveView) } };
      },
    }),
    route<{ account: string }, unknown, unknown>('app.dunlin.admin.getMove', {
      auth: auth.admin,
      handler({ params }) {
        const { records, named, held, ...overseen } = oversight.show(requireAccount(accounts, params.account));
        return { body: { move: moveView(overseen), records, expectedBlobs: named, importedBlobs: held, hasSession: overseen.move.session !== null } };
      },
    }),
    route<unknown, { did: string; reason?: string }, unknown>('app.dunlin.admin.stopMove', {
      auth: auth.admin,
      handler: ({ input: { did, reason } }) => oversight.stop(requireAccount(accounts, did), reason?.trim() || null),
    }),
    route<unknown, { did: string }, unknown>('app.dunlin.admin.resumeMove', {
      auth: auth.admin,
      handler: ({ input: { did } }) => oversight.resume(requireAccount(accounts, did)),
    }),
  ];
}

function moveView({ account: { did, handle }, move, progress }: OverseenMove): Record<string, unknown> {
  const stop = progress.retry?.fault ?? move.stop;
  return {
    did, handle,
    ...(move.origin !== null && { origin: move.origin }),
    step: move.step,
    state: moveState(move, progress),
    beganAt: iso(move.beganAtMs),
    changedAt: iso(move.changedAtMs),
    receivedBytes: progress.receivedBytes,
    bytesPerSecond: progress.bytesPerSecond,
    ...(stop && { stop: { code: stop.code, message: stop.message } }),
    ...(progress.retry && { retryAt: iso(progress.retry.atMs) }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
