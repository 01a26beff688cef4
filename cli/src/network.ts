/**
 * Starts a whole network in one process: PLC directory, relay, two PDSes and an app view, each on its own port and data
 * folder, meeting on the wire only. `./dunlin up` and the flow tests both use it.
 * Not for: production, where every server is its own process.
 * Source: ours, see docs/operations.md.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAppview } from '@dunlin/appview/appview';
import { readAppviewConfig } from '@dunlin/appview/config';
import { startPds } from '@dunlin/pds/pds';
import { readPdsConfig } from '@dunlin/pds/config';
import { startPlc } from '@dunlin/plc/plc';
import { readPlcConfig } from '@dunlin/plc/config';
import { startRelay } from '@dunlin/relay/relay';
import { readRelayConfig } from '@dunlin/relay/config';
import { Lifecycle } from '@dunlin/service/lifecycle/service';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { prepareDemo, type DemoFile } from './demo.ts';

/** Ports of the network; 0 is any free port. */
export interface NetworkPorts {
  plc: number;
  pds: readonly [number, number];
  relay: number;
  relayMetrics: number;
  appview: number;
}

export interface NetworkOptions {
  dataDirectory: string;
  ports: NetworkPorts;
  /** Makes the demo accounts, post and room, and shows the demo page. */
  demo?: boolean;
}

/** A running network: addresses without a trailing slash, and the demo's accounts when there is one. */
export interface Network {
  plc: string;
  pds: [string, string];
  relay: string;
  appview: string;
  demo: DemoFile | null;
  close(): Promise<void>;
}

/** Starts all five servers in the order in which they need each other; closes what already runs when one cannot start. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const lifecycle = new Lifecycle();
  try {
    return await startAll(options, lifecycle);
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

async function startAll(options: NetworkOptions, lifecycle: Lifecycle): Promise<Network> {
  const { dataDirectory, ports } = options;
  const lock = lockFolder(dataDirectory);
  lifecycle.own('folder lock', () => lock.release());
  const folder = async (name: string): Promise<string> => {
    const path = join(dataDirectory, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  };
  const plc = await startPlc(readPlcConfig({ PLC_PORT: String(ports.plc), PLC_DATA_DIRECTORY: await folder('plc') }));
  lifecycle.own('plc', () => plc.close());

  const relay = await startRelay(
    readRelayConfig({
      RELAY_API_BIND: `127.0.0.1:${ports.relay}`,
      RELAY_METRICS_LISTEN: `127.0.0.1:${ports.relayMetrics}`,
      RELAY_PERSIST_DIR: await folder('relay'),
      RELAY_PLC_HOST: plc.url,
      RELAY_ALLOW_INSECURE_HOSTS: 'true',
    }),
  );
  lifecycle.own('relay', () => relay.close());

  const pds: string[] = [];
  for (const [index, name] of ['a', 'b'].entries()) {
    const server = await startPds(
      readPdsConfig({
        PDS_HOSTNAME: 'localhost',
        PDS_PORT: String(ports.pds[index]),
        PDS_DATA_DIRECTORY: await folder(`pds-${name}`),
        PDS_DID_PLC_URL: plc.url,
        PDS_SERVICE_HANDLE_DOMAINS: `.${name}.test`,
        PDS_CRAWLERS: relay.url,
        PDS_DEV_MODE: 'true',
      }),
    );
    lifecycle.own(`pds-${name}`, () => server.close());
    pds.push(server.url);
  }

  const appviewFolder = await folder('appview');
  const demoFile = join(appviewFolder, 'demo.json');
  const appview = await startAppview(
    readAppviewConfig({
      APPVIEW_PORT: String(ports.appview),
      APPVIEW_HOSTNAME: 'localhost',
      APPVIEW_DATA_DIRECTORY: appviewFolder,
      APPVIEW_RELAY_URL: relay.url,
      APPVIEW_PLC_URL: plc.url,
      APPVIEW_DEV_MODE: 'true',
      ...(options.demo ? { APPVIEW_DEMO: demoFile } : {}),
    }),
  );
  lifecycle.own('appview', () => appview.close());
  // The demo's room names its gateway, so the app view comes first; it reads the file when the page asks for it.
  const demo = options.demo ? await prepareDemo({ pds: [pds[0], pds[1]], gateway: `${appview.did}#dunlin_live` }) : null;
  if (demo) await writeFile(demoFile, JSON.stringify(demo), { mode: 0o600 });
  return {
    plc: plc.url,
    pds: [pds[0], pds[1]],
    relay: relay.url,
    appview: appview.url,
    demo,
    close: () => lifecycle.close(),
  };
}
