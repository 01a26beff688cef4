/**
 * Third stage of the wiring: the network beyond this server. How it is reached, who it is, who we are to it.
 * Whatever others can make us fetch goes through the guarded fetch; services the operator named may be anywhere.
 * Not for listening (`serve.ts`). Source: ours.
 */
import { resolveTxt as systemResolveTxt } from 'node:dns/promises';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { createGuardedFetch } from '@dunlin/service/http/guarded-fetch';
import { isLocal } from '../config.ts';
import { Crawlers } from '../crawl/crawlers.ts';
import { LexiconResolver } from '../identity/lexicon-resolver.ts';
import { PlcClient } from '../identity/plc-client.ts';
import { ServerIdentity } from '../identity/server-identity.ts';
import type { PdsParts, Stage } from './stage.ts';
import type { Stores } from './stores.ts';

/** Bounds of a blob fetched from another server: more than servers of the field take from their people. */
const fetchedBlobBounds = { maxBytes: 104_857_600, timeoutMs: 30_000 };

/** The network beyond this server: how it is reached, who it is, who we are to it. */
export function openNetwork({ config, clock, log, lifecycle, secrets }: Stage, { accounts }: Stores, parts: PdsParts) {
  const isInsecure = isLocal(config) || config.privateAddressesAllowed;
  const guarded = createGuardedFetch({ allowPrivate: isInsecure, clock });
  // Services the operator named may be anywhere.
  const direct = createGuardedFetch({ allowPrivate: true, clock });
  const blobs = createGuardedFetch({ ...fetchedBlobBounds, allowPrivate: isInsecure, clock });
  lifecycle.own('outgoing requests', () => Promise.all([guarded.close(), direct.close(), blobs.close()]).then(() => undefined));
  const fetchDirect = parts.fetch ?? direct;
  const fetchGuarded = parts.fetch ?? guarded;
  const fetch: typeof globalThis.fetch = (input, init) => (String(input).startsWith(`${config.plcUrl}/`) ? fetchDirect : fetchGuarded)(input, init);
  const resolveTxt = parts.resolveTxt ?? systemResolveTxt;
  const resolver = createIdentityResolver({
    plcUrl: config.plcUrl, fetch, clock, allowInsecure: isInsecure, maxEntries: 20_000, maxBytes: 16_000_000,
    resolveTxt,
    localHandles: (handle) => accounts.byHandle(handle)?.did ?? null,
  });
  const plc = new PlcClient({ directory: { plcUrl: config.plcUrl, fetch: fetchDirect, clock }, rotationKey: secrets.rotationKey, recoveryKey: config.recoveryDidKey });
  const server = new ServerIdentity({ hostname: config.hostname, isLocal: isLocal(config), serviceDid: config.serviceDid, formerHosts: config.formerHostnames });
  const crawlers = new Crawlers({ urls: config.crawlers, server, fetch: fetchDirect, clock, log });
  lifecycle.own('crawlers', () => crawlers.close());
  const lexicons = new LexiconResolver({ resolver, fetch: fetchGuarded, resolveTxt, clock });
  return { resolver, plc, server, crawlers, lexicons, fetchGuarded, fetchDirect, fetchBlobs: parts.fetch ?? blobs };
}

/** The way out. */
export type Network = ReturnType<typeof openNetwork>;
