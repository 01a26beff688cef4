/**
 * app.dunlin.live.getReactionSources: which kinds of records count as reactions here, as anybody may check.
 * Not for changing them: that is the operator's file, see config.ts.
 * Source: ours, see lexicons/app.dunlin.live.getReactionSources.json.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { ReactionSource } from '../reactions/sources.ts';

/** Makes the route. */
export function getReactionSources(sources: readonly ReactionSource[]): XrpcRoute {
  return route('app.dunlin.live.getReactionSources', {
    handler: () => ({ headers: { 'cache-control': 'public, max-age=300' }, body: { sources } }),
  });
}
