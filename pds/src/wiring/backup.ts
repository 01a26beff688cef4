/**
 * Steps of a start that matter after a crash, or after the disk went back in time: the sequence is guarded before anything is served,
 * changes of identities that were cut off are settled, and after a restore the network is told where every repository stands.
 * Not for making and restoring backups: the `dunlin admin pds` command does that. Source: ours.
 */
import { AfterRestore, isRestored } from '../backup/after-restore.ts';
import { SequenceGuard } from '../backup/sequence-guard.ts';
import { isLocal } from '../config.ts';
import type { People } from './accounts.ts';
import type { Network } from './network.ts';
import { reportFault, type Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';

/** Makes sure that the next seq is one the relays have not passed. On any free port no relay can know this server. */
export async function guardSequence({ config, clock, log }: Stage, { sequencer }: Writes, { fetchDirect }: Network): Promise<void> {
  const hostname = isLocal(config) ? `localhost:${config.port}` : config.hostname;
  if (isLocal(config) && config.port === 0) return;
  await new SequenceGuard({ sequencer, relays: config.crawlers, fetch: fetchDirect, clock, log }).check(hostname);
}

/** Begins to settle what an earlier process left half done at a directory; waits for none. */
export async function settleIdentities({ config }: Stage, { identityChanges }: People): Promise<void> {
  await identityChanges.start({ isRestored: isRestored(config.dataDirectory) });
}

/** Tells the network of every repository when the server was restored; does not wait for the end of it. */
export function tellAfterRestore({ config, log }: Stage, stores: Stores, writes: Writes): void {
  const afterRestore = new AfterRestore({ ...stores, ...writes, dataDirectory: config.dataDirectory });
  if (!afterRestore.isDue) return;
  afterRestore.tell().then(
    (accounts) => log.info({ accounts }, 'told the network where repositories stand after a restore'),
    reportFault(log, 'could not tell of repositories after a restore'),
  );
}
