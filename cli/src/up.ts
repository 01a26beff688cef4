/**
 * `./dunlin up`: builds the page if needed, starts the whole network and tells what to try next.
 * Not for: starting one server; each has a command of its own.
 * Source: ours, see docs/operations.md.
 */
import { resolve } from 'node:path';
import { runMain } from '@dunlin/service/lifecycle/run-main';
import { isTerminal, writeLine } from '@dunlin/service/log/terminal';
import { buildPage } from './build-page.ts';
import { startNetwork, type Network, type NetworkOptions, type NetworkPorts } from './network.ts';

const defaultPorts: NetworkPorts = { plc: 2582, pds: [2583, 2593], relay: 2470, relayMetrics: 2471, appview: 2590 };

export interface UpOptions {
  data: string;
  portBase?: number;
  json?: boolean;
}

/** Runs the network until SIGINT or SIGTERM. */
export async function runUp(options: UpOptions): Promise<void> {
  const isForPeople = isTerminal() && !options.json;
  await runMain('network', async () => {
    await buildPage();
    const network = await startOrExplain({
      dataDirectory: resolve(options.data),
      ports: portsFrom(options.portBase),
      demo: true,
    });
    if (isForPeople) for (const line of welcome(network)) writeLine(line);
    const { plc, pds, relay, appview } = network;
    return { url: appview, ready: { ready: 'network', plc, pds, relay, appview }, close: () => network.close() };
  });
}

/** Starts the network; what most often stands in its way is told with the way out. */
async function startOrExplain(options: NetworkOptions): Promise<Network> {
  try {
    return await startNetwork(options);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const port = 'code' in error && error.code === 'EADDRINUSE' && 'port' in error ? error.port : null;
    if (port !== null) throw new Error(`port ${port} is taken, perhaps by a network that runs already; --port-base 0 takes free ones`, { cause: error });
    if (error.message.startsWith('another process')) throw new Error(`${error.message}; --data DIR keeps a second network apart`, { cause: error });
    throw error;
  }
}

function portsFrom(base: number | undefined): NetworkPorts {
  if (base === undefined) return defaultPorts;
  if (base === 0) return { plc: 0, pds: [0, 0], relay: 0, relayMetrics: 0, appview: 0 };
  return { plc: base, pds: [base + 1, base + 2], relay: base + 3, relayMetrics: 0, appview: base + 4 };
}

function* welcome(network: Network): Generator<string> {
  yield '';
  yield `  page       ${network.appview}        a post, its reactions and a room, live`;
  yield `  relay      ${network.relay}`;
  yield `  PDS A      ${network.pds[0]}`;
  yield `  PDS B      ${network.pds[1]}`;
  yield `  PLC        ${network.plc}`;
  yield '';
  for (const user of network.demo?.users ?? []) {
    yield `  demo user  ${user.handle.padEnd(20)} password ${user.password.padEnd(12)} at ${user.pds}`;
  }
  yield '';
  yield `  Try next:  open ${network.appview} in two windows and react as two people`;
  yield `             ./dunlin firehose ${network.relay.replace(/^http/, 'ws')} --cursor 0`;
  yield `             curl '${network.relay}/xrpc/com.atproto.sync.listRepos'`;
  yield '  Ctrl-C stops everything in order.';
  yield '';
}
