/**
 * app.dunlin.live.getReactionCounts: the counts of up to 100 subjects in one answer.
 * Not for who reacted (get-reactions.ts) nor for counts that move (subscribe.ts, events.ts).
 * Source: ours, see lexicons/app.dunlin.live.getReactionCounts.json.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { IndexStore } from '../store/index-store.ts';
import { countsView } from '../views/counts-view.ts';
import { subjectParam } from './subject.ts';

/** Makes the route. */
export function getReactionCounts(store: IndexStore, resolver: IdentityResolver): XrpcRoute {
  return route<{ readonly subjects: readonly string[] }>('app.dunlin.live.getReactionCounts', {
    async handler({ params }) {
      const subjects = await Promise.all(params.subjects.map((text) => subjectParam(resolver, text)));
      return {
        headers: { 'cache-control': 'public, max-age=1' },
        body: { counts: subjects.map((subject) => countsView(subject, store.version, store.reactions.count(subject))) },
      };
    },
  });
}
