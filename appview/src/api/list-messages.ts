/**
 * app.dunlin.live.listMessages: the messages of a room, newest first, for whoever may read it.
 * Without a token: rooms open to everybody. With a service token for this method: rooms its sender may enter.
 * Source: ours, see lexicons/app.dunlin.live.listMessages.json.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { judgeEntry, roomTerms } from '../rooms/access.ts';
import type { TokenCheck } from '../rooms/token-check.ts';
import type { IndexStore } from '../store/index-store.ts';
import { messagePage, parseMessageCursor } from '../views/room-snapshot.ts';
import { roomNotFound } from './get-room.ts';
import { roomParam } from './subject.ts';
import { viewerOf, type Viewer } from './viewer.ts';

interface Params {
  readonly room: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** Makes the route. */
export function listMessages(o: { readonly store: IndexStore; readonly tokens: Pick<TokenCheck, 'check'>; readonly resolver: IdentityResolver; readonly clock: Clock }): XrpcRoute {
  return route<Params, undefined, Viewer>('app.dunlin.live.listMessages', {
    auth: (call) => viewerOf(call, o.tokens, o.store),
    async handler({ params, auth }) {
      const before = params.cursor === undefined ? null : parseMessageCursor(params.cursor);
      if (before === null && params.cursor !== undefined) throw invalidRequest('cursor is not one of ours');
      const room = o.store.rooms.find(await roomParam(o.resolver, params.room));
      if (room === null) throw roomNotFound();
      const nowMs = o.clock.nowMs();
      const verdict = judgeEntry(roomTerms(JSON.parse(room.record)), { ownerDid: room.ownerDid, viewerDid: auth.did, nowMs });
      if (!verdict.isAllowed) throw new XrpcError(verdict.error === 'AuthRequired' ? 401 : 403, verdict.error, verdict.message);
      return { body: messagePage(o.store, room, { before, limit: params.limit, nowMs }) };
    },
  });
}
