/**
 * app.dunlin.live.getReactions: the counts of one subject and who reacted, newest first.
 * Not for many subjects at once (get-reaction-counts.ts).
 * Source: ours, see lexicons/app.dunlin.live.getReactions.json.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { emojiKey } from '../reactions/emoji-key.ts';
import type { IndexStore } from '../store/index-store.ts';
import { countsView, reactionView } from '../views/counts-view.ts';
import { subjectParam } from './subject.ts';

interface Params {
  readonly subject: string;
  readonly value?: string;
  readonly collection?: string;
  readonly viewer?: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** Most reactions of one person to one subject that are told. */
const maxViewerReactions = 100;

/** Makes the route. */
export function getReactions(store: IndexStore, resolver: IdentityResolver): XrpcRoute {
  return route<Params>('app.dunlin.live.getReactions', {
    async handler({ params }) {
      const subject = await subjectParam(resolver, params.subject);
      const beforeId = params.cursor === undefined ? null : idOfCursor(params.cursor);
      const key = params.value === undefined ? null : (emojiKey(params.value) ?? params.value);
      const filter = { subject, key, collection: params.collection ?? null, did: null, beforeId, limit: params.limit };
      const counts = countsView(subject, store.version, store.reactions.count(subject));
      const rows = store.reactions.list(filter);
      const last = rows.at(-1);
      return {
        headers: { 'cache-control': 'public, max-age=1' },
        body: {
          counts,
          reactions: rows.map(reactionView),
          ...(params.viewer === undefined ? {} : { viewer: viewerOf(store, subject, params.viewer) }),
          ...(last === undefined || rows.length < params.limit ? {} : { cursor: String(last.id) }),
        },
      };
    },
  });
}

function viewerOf(store: IndexStore, subject: string, did: string): { did: string; reactions: unknown[] } {
  const rows = store.reactions.list({ subject, key: null, collection: null, did, beforeId: null, limit: maxViewerReactions });
  return { did, reactions: rows.map(reactionView) };
}

function idOfCursor(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw invalidRequest('cursor is not one of ours');
  return Number(cursor);
}
