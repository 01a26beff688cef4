/**
 * The table of this service's methods, each from its own file.
 * Not for the WebSocket gateway (subscribe.ts) nor for plain paths (did-document.ts, page.ts).
 * Source: ours, see lexicons/.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import type { ReactionSource } from '../reactions/sources.ts';
import type { Lobby } from '../rooms/lobby.ts';
import type { TokenCheck } from '../rooms/token-check.ts';
import type { IndexStore } from '../store/index-store.ts';
import { getReactionCounts } from './get-reaction-counts.ts';
import { getReactionSources } from './get-reaction-sources.ts';
import { getReactions } from './get-reactions.ts';
import { getRoom } from './get-room.ts';
import { listMessages } from './list-messages.ts';
import { listRooms } from './list-rooms.ts';

/** What the queries read. */
export interface QueryParts {
  readonly store: IndexStore;
  readonly sources: readonly ReactionSource[];
  readonly lobby: Lobby;
  readonly tokens: Pick<TokenCheck, 'check'>;
  readonly resolver: IdentityResolver;
  readonly clock: Clock;
}

/** Gives the routes of all queries. */
export function queryRoutes(o: QueryParts): XrpcRoute[] {
  return [
    getReactions(o.store, o.resolver),
    getReactionCounts(o.store, o.resolver),
    getReactionSources(o.sources),
    getRoom(o),
    listRooms(o),
    listMessages(o),
  ];
}
