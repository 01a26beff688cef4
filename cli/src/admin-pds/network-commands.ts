/**
 * `dunlin admin pds request-crawl`, `publish-identity` and `rotate-keys`: what an operator tells the network.
 * Each prints what was done, one line a relay or account, and goes on after a failure; the exit code says whether all went well.
 * Source: ours; after the scripts of the reference PDS.
 */
import type { Command } from 'commander';
import { xrpcPost } from '@dunlin/service/xrpc/call';
import { allAccounts, didOf } from './account-commands.ts';
import type { AdminPds } from './session.ts';

/** Adds the commands. */
export function addNetworkCommands(parent: Command, open: () => AdminPds): void {
  parent.command('request-crawl').description('ask relays to read this server (default: those of PDS_CRAWLERS)').argument('[relays...]', 'URLs')
    .action(async (relays: string[]) => requestCrawl(open(), relays));
  parent.command('publish-identity').description('tell the network of identities again').argument('[accounts...]').option('--all', 'of every account')
    .action(async (accounts: string[], { all }: { all?: boolean }) => forEach(open(), { accounts, isAll: all ?? false }, publishIdentity));
  parent.command('rotate-keys').description('give accounts new signing keys').argument('[accounts...]').option('--all', 'every account')
    .action(async (accounts: string[], { all }: { all?: boolean }) => forEach(open(), { accounts, isAll: all ?? false }, rotateKeys));
}

async function requestCrawl(pds: AdminPds, given: readonly string[]): Promise<void> {
  const relays = given.length > 0 ? given : pds.config.crawlers;
  if (relays.length === 0) throw new Error('no relay is named: give one, or set PDS_CRAWLERS');
  const hostname = pds.config.hostname === 'localhost' ? new URL(pds.url).host : pds.config.hostname;
  await goOn(relays, async (relay) => {
    await xrpcPost('com.atproto.sync.requestCrawl', { hostname }, { fetch, service: relay });
    pds.tell(`${relay} was asked to read ${hostname}`, { relay, hostname });
  }, pds);
}

async function forEach(pds: AdminPds, { accounts, isAll }: { accounts: readonly string[]; isAll: boolean }, act: (pds: AdminPds, did: string) => Promise<void>): Promise<void> {
  const dids: string[] = [];
  if (isAll) for await (const { did } of allAccounts(pds)) dids.push(did);
  else for (const name of accounts) dids.push(await didOf(pds, name));
  if (dids.length === 0) throw new Error('no account is named: give some, or --all');
  await goOn(dids, (did) => act(pds, did), pds);
}

async function publishIdentity(pds: AdminPds, did: string): Promise<void> {
  const { handle } = await pds.post<{ handle: string }>('com.atproto.identity.refreshIdentity', { identifier: did });
  pds.tell(`${did} was told of again as @${handle}`, { did, handle });
}

async function rotateKeys(pds: AdminPds, did: string): Promise<void> {
  const { signingKey } = await pds.post<{ signingKey: string }>('com.atproto.server.reserveSigningKey', {});
  await pds.post('com.atproto.admin.updateAccountSigningKey', { did, signingKey });
  pds.tell(`${did} signs with ${signingKey} now`, { did, signingKey });
}

/** Does each in turn; a failure is told, and thrown once all were tried. */
async function goOn<T extends string>(items: readonly T[], act: (item: T) => Promise<void>, pds: AdminPds): Promise<void> {
  let failed = 0;
  for (const item of items) {
    try {
      await act(item);
    } catch (fault) {
      failed++;
      const reason = fault instanceof Error ? fault.message : String(fault);
      pds.tell(`${item} failed: ${reason}`, { failed: item, reason });
    }
  }
  if (failed > 0) throw new Error(`${failed} of ${items.length} failed`);
}
