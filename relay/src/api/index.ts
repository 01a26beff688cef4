/**
 * The table of the relay's XRPC methods.
 * Not for the stream (service/firehose/subscribe), plain pages (page.ts) or the operator's API (admin/).
 * Source: lexicons com.atproto.sync.*.
 */
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import { collectionRoutes } from './sync/collections.ts';
import type { CollectionRoutesParts } from './sync/collections.ts';
import { hostRoutes } from './sync/hosts.ts';
import type { HostRoutesParts } from './sync/hosts.ts';
import { repoRoutes } from './sync/repos.ts';
import type { RepoRoutesParts } from './sync/repos.ts';

/** Gives every method. */
export function relayRoutes(parts: HostRoutesParts & RepoRoutesParts & CollectionRoutesParts): XrpcRoute[] {
  return [...hostRoutes(parts), ...repoRoutes(parts), ...collectionRoutes(parts)];
}
