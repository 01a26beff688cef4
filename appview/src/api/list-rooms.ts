/**
 * app.dunlin.live.listRooms: rooms that anybody may read and that have not ended, newest first.
 * Rooms that are not open to everybody are never listed, only found by their URI.
 * Source: ours, see lexicons/app.dunlin.live.listRooms.json.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Lobby } from '../rooms/lobby.ts';
import type { IndexStore } from '../store/index-store.ts';
import { roomView } from '../views/room-view.ts';
import { subjectParam } from './subject.ts';

interface Params {
  readonly owner?: string;
  readonly subject?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** Makes the route. */
export function listRooms(o: { readonly store: IndexStore; readonly lobby: Lobby; readonly resolver: IdentityResolver; readonly clock: Clock }): XrpcRoute {
  return route<Params>('app.dunlin.live.listRooms', {
    async handler({ params }) {
      if (params.cursor !== undefined && !/^\d{1,15}$/.test(params.cursor)) throw invalidRequest('cursor is not one of ours');
      const nowMs = o.clock.nowMs();
      const rows = o.store.rooms.list({
        ownerDid: params.owner ?? null,
        subject: params.subject === undefined ? null : await subjectParam(o.resolver, params.subject),
        beforeId: params.cursor === undefined ? null : Number(params.cursor),
        nowMs,
        limit: params.limit,
      });
      const last = rows.at(-1);
      return {
        body: {
          rooms: rows.map((row) => roomView(row, { nowMs, online: o.lobby.find(row.uri)?.online ?? 0 })),
          ...(last === undefined || rows.length < params.limit ? {} : { cursor: String(last.id) }),
        },
      };
    },
  });
}
