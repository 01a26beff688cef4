/**
 * app.dunlin.live.getRoom: one room with who is present, for anybody; a room's record is public wherever it lives.
 * Not for its messages (list-messages.ts) nor for entry (rooms/access.ts).
 * Source: ours, see lexicons/app.dunlin.live.getRoom.json.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Lobby } from '../rooms/lobby.ts';
import type { IndexStore } from '../store/index-store.ts';
import { roomView } from '../views/room-view.ts';
import { roomParam } from './subject.ts';

/** Makes the route. */
export function getRoom(o: { readonly store: IndexStore; readonly lobby: Lobby; readonly resolver: IdentityResolver; readonly clock: Clock }): XrpcRoute {
  return route<{ readonly uri: string }>('app.dunlin.live.getRoom', {
    async handler({ params }) {
      const row = o.store.rooms.find(await roomParam(o.resolver, params.uri));
      if (row === null) throw roomNotFound();
      return { body: { room: roomView(row, { nowMs: o.clock.nowMs(), online: o.lobby.find(row.uri)?.online ?? 0 }) } };
    },
  });
}

/** Makes the error for a room that is not in the index, or whose owner is not active. */
export function roomNotFound(): XrpcError {
  return new XrpcError(400, 'RoomNotFound', 'no such room is in the index');
}
