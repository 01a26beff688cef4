/**
 * The wiring of the PDS, in the order a record goes: database, stores, writes and their events, accounts, methods, listener,
 * subscribers, relays. Each stage stands in a file of wiring/ and gives the next what it needs.
 * Not for anybody but main.ts, cli/ and tests.
 * Source: ours.
 */
import { systemClock } from '@dunlin/protocol/base/clock';
import { version } from '@dunlin/service/config/version';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { Lifecycle, type RunningService } from '@dunlin/service/lifecycle/service';
import { createLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import type { PdsConfig } from './config.ts';
import { loadSecrets } from './secrets.ts';
import { openAccounts } from './wiring/accounts.ts';
import { apiParts } from './wiring/api-parts.ts';
import { guardSequence, settleIdentities, tellAfterRestore } from './wiring/backup.ts';
import { checkBlobFiles } from './wiring/blob-files.ts';
import { openMoving } from './wiring/moving.ts';
import { openNetwork } from './wiring/network.ts';
import { serve } from './wiring/serve.ts';
import type { PdsParts } from './wiring/stage.ts';
import { openStores } from './wiring/stores.ts';
import { openWrites } from './wiring/writes.ts';

/** A PDS that is up. */
export interface RunningPds extends RunningService {
  readonly ready: { readonly ready: 'pds'; readonly url: string; readonly version: string };
  /** The operator's password, chosen or made. */
  readonly adminPassword: string;
}

/** Starts the PDS; everything opened is closed again when the start fails. */
export async function startPds(config: PdsConfig, parts: PdsParts = {}): Promise<RunningPds> {
  const base = { clock: parts.clock ?? systemClock, log: parts.log ?? createLogger('pds') };
  const lifecycle = new Lifecycle(base.log);
  try {
    const lock = lockFolder(config.dataDirectory);
    lifecycle.own('folder lock', () => lock.release());
    const secrets = loadSecrets(config.dataDirectory, config);
    const stage = { ...base, config, lifecycle, secrets, metrics: createMetrics('pds') };
    lifecycle.own('metrics', () => stage.metrics.close());
    const stores = openStores(stage);
    await checkBlobFiles(stage, stores);
    const writes = openWrites(stage, stores);
    const network = openNetwork(stage, stores, parts);
    const people = openAccounts(stage, stores, writes, network);
    await guardSequence(stage, writes, network);
    await settleIdentities(stage, people);
    const moving = openMoving(stage, stores, writes, network, people, parts);
    const { port } = await serve(stage, apiParts(stage, stores, writes, network, people, moving), stores, writes, network, people);
    lifecycle.own('moves', moving.runner.start());
    tellAfterRestore(stage, stores, writes);
    if (config.metricsPort !== null) {
      const listener = await startMetricsListener({ host: config.host, port: config.metricsPort, metrics: stage.metrics, log: base.log });
      lifecycle.own('metrics listener', () => listener.close());
    }
    const url = network.server.publicUrl;
    base.log.info({ url, port, did: network.server.did, accounts: stores.accounts.count() }, 'listening');
    return { url, ready: { ready: 'pds', url, version }, adminPassword: secrets.adminPassword, close: () => lifecycle.close() };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}
