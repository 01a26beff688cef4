/**
 * Starts each server with its metrics listener and gives the names of all its series.
 * Not for production. Place: the test of deploy/.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readAppviewConfig } from '@dunlin/appview/config';
import { startAppview } from '@dunlin/appview/appview';
import { readPdsConfig } from '@dunlin/pds/config';
import { startPds } from '@dunlin/pds/pds';
import { readPlcConfig } from '@dunlin/plc/config';
import { startPlc } from '@dunlin/plc/plc';
import { readRelayConfig } from '@dunlin/relay/config';
import { startRelay } from '@dunlin/relay/relay';
import { silentLogger as log } from '@dunlin/service/log/logger';
import { temporaryFolder } from './temporary.ts';

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return String(port);
}

/** Blobs in a bucket have figures of their own; it is not asked for anything here. */
const bucket = { PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_REGION: 'nowhere', PDS_BLOBSTORE_S3_ENDPOINT: 'http://127.0.0.1:9', PDS_BLOBSTORE_S3_ACCESS_KEY_ID: 'id', PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: 'secret' };

/** Gives the names by service. */
export async function serviceMetrics(): Promise<Record<'plc' | 'pds' | 'relay' | 'appview', Set<string>>> {
  const folder = await temporaryFolder();
  const [plcPort, pdsPort, appviewPort] = [await freePort(), await freePort(), await freePort()];
  const at = (name: string): string => join(folder.path, name);
  const plc = await startPlc(readPlcConfig({ PLC_PORT: '0', PLC_METRICS_LISTEN: `127.0.0.1:${plcPort}`, PLC_DATA_DIRECTORY: at('plc') }), { log });
  const pds = await startPds(readPdsConfig({ PDS_PORT: '0', PDS_METRICS_PORT: pdsPort, PDS_DATA_DIRECTORY: at('pds'), PDS_DEV_MODE: 'true', PDS_HOSTNAME: 'localhost', PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_ADMIN_PASSWORD: 'operator-password', ...bucket }), { log });
  const relay = await startRelay(readRelayConfig({ RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: at('relay'), RELAY_PLC_HOST: plc.url, RELAY_VERIFY_WORKERS: '1' }), { log });
  const appview = await startAppview(readAppviewConfig({ APPVIEW_PORT: '0', APPVIEW_METRICS_LISTEN: `127.0.0.1:${appviewPort}`, APPVIEW_DATA_DIRECTORY: at('appview'), APPVIEW_RELAY_URL: relay.url, APPVIEW_PLC_URL: plc.url, APPVIEW_DEV_MODE: 'true' }), { log });
  try {
    return {
      plc: await namesAt(`http://127.0.0.1:${plcPort}`), pds: await namesAt(`http://localhost:${pdsPort}`),
      relay: await namesAt(relay.metricsUrl), appview: await namesAt(`http://127.0.0.1:${appviewPort}`),
    };
  } finally {
    for (const service of [appview, relay, pds, plc]) await service.close();
    await folder.remove();
  }
}

/** A histogram has three kinds of series, which the text tells by its type. */
async function namesAt(url: string): Promise<Set<string>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const names = new Set<string>();
  for (const [, name, type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    if (name === undefined) continue;
    if (type === 'histogram') for (const ending of ['_bucket', '_sum', '_count']) names.add(name + ending);
    else names.add(name);
  }
  return names;
}
