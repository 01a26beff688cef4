/**
 * A whole network for one test file: temporary data, any free ports, accounts made by the real `@atproto/api` agent.
 * Not for: tests of one server; those start it alone.
 * Source: ours.
 */
import { AtpAgent } from '@atproto/api';
import { startNetwork, type Network } from '../../cli/src/network.ts';
import { temporaryFolder } from './temporary.ts';

export interface TestNetwork extends Network {
  dataDirectory: string;
  /** An agent signed in to a new account at PDS 0 or 1. */
  newAccount(pds: 0 | 1, name: string): Promise<AtpAgent>;
}

const freePorts = { plc: 0, pds: [0, 0], relay: 0, relayMetrics: 0, appview: 0 } as const;

/** Starts a network; its `close` stops everything and removes the data. */
export async function startTestNetwork(options: { demo?: boolean } = {}): Promise<TestNetwork> {
  const folder = await temporaryFolder();
  const network = await startNetwork({ dataDirectory: folder.path, ports: freePorts, demo: options.demo ?? false });
  return {
    ...network,
    dataDirectory: folder.path,
    newAccount: (pds, name) => newAccount(network.pds[pds], `${name}.${pds === 0 ? 'a' : 'b'}.test`),
    close: async () => {
      await network.close();
      await folder.remove();
    },
  };
}

/** Creates an account and signs in. */
export async function newAccount(service: string, handle: string): Promise<AtpAgent> {
  const agent = new AtpAgent({ service });
  await agent.createAccount({ handle, email: `${handle.split('.')[0]}@example.com`, password: `password-of-${handle}` });
  return agent;
}
