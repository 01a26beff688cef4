/**
 * A stage of the wiring between accounts and methods: passing calls on, and completing what an app view that is behind answers.
 * Services the operator named may be anywhere; those out of DID documents must be on the public internet.
 * Not for the methods (`api/proxy.ts`). Source: ours.
 */
import { createRawExchange } from '@dunlin/service/http/raw-exchange';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { isLocal, type PdsConfig } from '../config.ts';
import { AppViewReader } from '../proxy/app-view-reader.ts';
import { Forwarder } from '../proxy/forward.ts';
import { imageUrls } from '../proxy/image-url.ts';
import { LocalRecordReader } from '../proxy/local-records.ts';
import { ProxyTargets, type NamedService } from '../proxy/proxy-target.ts';
import { ReadAfterWrite } from '../proxy/read-after-write.ts';
import type { Network } from './network.ts';
import type { Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** Most connections to a service the operator named: many people's calls at once. */
const maxServiceSockets = 256;

/** Opens what calls are passed on with. */
export function openProxy({ config, clock, lifecycle }: Stage, { repos, records }: Stores, { keys }: Writes, { resolver, server, fetchDirect }: Network) {
  const bounds = { headersTimeoutMs: config.proxyHeadersTimeoutMs, bodyTimeoutMs: config.proxyBodyTimeoutMs, maxBytes: config.proxyMaxAnswerBytes };
  const guarded = createRawExchange({ ...bounds, allowPrivate: isLocal(config) || config.privateAddressesAllowed });
  const direct = createRawExchange({ ...bounds, allowPrivate: true, maxSocketsPerOrigin: maxServiceSockets });
  lifecycle.own('calls passed on', () => Promise.all([guarded.close(), direct.close()]).then(() => undefined));
  const targets = new ProxyTargets(resolver, {
    appView: named(config.appViewDid, config.appViewUrl),
    moderation: named(config.modServiceDid, config.modServiceUrl),
    reports: named(config.reportServiceDid, config.reportServiceUrl),
  });
  const forwarder = new Forwarder({ guarded, direct, keys, clock });
  const appView = new AppViewReader({ appView: targets.appView, forwarder, fetch: fetchDirect });
  const readAfterWrite = new ReadAfterWrite({
    local: new LocalRecordReader(repos, records), appView, lexicons: loadLexicons(), clock,
    imageUrl: imageUrls(config.appViewCdnPattern, () => server.publicUrl),
  });
  return { targets, forwarder, appView, readAfterWrite };
}

/** What calls are passed on with. */
export type Proxy = ReturnType<typeof openProxy>;

function named(did: PdsConfig['appViewDid'], url: PdsConfig['appViewUrl']): NamedService | null {
  return did === null || url === null ? null : { did, url };
}
