/**
 * The wiring of an import from a reference PDS's data directory: a command of its own while no server runs on either directory.
 * Opens the stores without a listener, takes everything over, and leaves the mark that makes the server tell relays at its start.
 * Not for what is taken over: `migration/import-reference.ts`. Source: ours.
 */
import { resolve } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import type { Cid } from '@dunlin/protocol/data/cid';
import { TidClock } from '@dunlin/protocol/repo/tid';
import { Lifecycle } from '@dunlin/service/lifecycle/service';
import { createLogger } from '@dunlin/service/log/logger';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { SigningKeys } from '../account/signing-keys.ts';
import { beginShellAct, type ShellActor } from '../audit/shell-acts.ts';
import { markRestored } from '../backup/after-restore.ts';
import { guardSeqJump } from '../backup/sequence-guard.ts';
import { S3Files } from '../blob/s3-files.ts';
import { importFolder, type PdsConfig } from '../config.ts';
import { ImportProgress } from '../migration/import-progress.ts';
import { ReferenceImporter, type ImportedAccount } from '../migration/import-reference.ts';
import { RepoImporter } from '../migration/import-repo.ts';
import { ReferenceData } from '../migration/reference-data.ts';
import { clearStaging } from '../migration/staging.ts';
import { GroupCommit } from '../sequencer/group-commit.ts';
import { Sequencer } from '../sequencer/sequencer.ts';
import { openStores } from './stores.ts';

/** What an import did, besides the accounts it told of. */
export interface ReferenceImport {
  readonly accounts: number;
  readonly failed: number;
  readonly inviteCodes: number;
  /** Seq the server goes on above. */
  readonly headSeq: number;
}

/** Imports from a directory and tells of every account. @throws Error when either directory is not fit, or ours is in use */
export async function importReference(config: PdsConfig, o: ShellActor & { from: string; blobs: string | null; tell: (account: ImportedAccount) => void }): Promise<ReferenceImport> {
  const [clock, log] = [systemClock, createLogger('pds', { level: 'warn' })];
  const lifecycle = new Lifecycle(log);
  try {
    const data = new ReferenceData(o.from, o.blobs);
    lifecycle.own('reference data', () => data.close());
    const lock = lockFolder(config.dataDirectory);
    lifecycle.own('folder lock', () => lock.release());
    const stores = openStores({ config, clock, log, lifecycle });
    const sequencer = new Sequencer(stores.database, clock);
    const groups = new GroupCommit({ database: stores.database, sequencer, clock });
    lifecycle.own('writes', () => groups.drain());
    const progress = new ImportProgress(config.dataDirectory, resolve(o.from));
    lifecycle.own('progress', () => progress.close());
    clearStaging(importFolder(config));
    const importer = new RepoImporter({ ...stores, groups, clock, keys: new SigningKeys(stores.accounts), tids: new TidClock(clock), folder: importFolder(config) });
    const { files } = stores;
    const adopt = files instanceof S3Files ? (did: string, cid: Cid) => files.adopt(did, cid) : null;
    sequencer.skipTo(data.lastSeq() + guardSeqJump);
    const { audit } = stores;
    const act = await groups.write(() => beginShellAct(audit, { atMs: clock.nowMs(), agent: o.agent, command: 'import-reference', input: { from: resolve(o.from), ...(o.blobs !== null && { blobs: o.blobs }) } }));
    const made = await run(new ReferenceImporter({ ...stores, groups, importer, progress, adopt, clock }), data, config, o.tell).catch(async (fault: unknown) => {
      await groups.write(() => audit.finish(act, 500, fault instanceof Error ? fault.message : 'unknown'));
      throw fault;
    });
    const outcome = made.failed === 0 ? '' : `${made.failed} accounts were not taken over`;
    await groups.write(() => audit.finish(act, made.failed === 0 ? 200 : 500, outcome));
    return { ...made, headSeq: sequencer.headSeq() };
  } finally {
    await lifecycle.close();
  }
}

async function run(importer: ReferenceImporter, data: ReferenceData, config: PdsConfig, tell: (account: ImportedAccount) => void): Promise<Omit<ReferenceImport, 'headSeq'>> {
  let [accounts, failed] = [0, 0];
  // First of all: a run that is cut off leaves accounts in service, which must be told of all the same.
  await markRestored(config.dataDirectory, { restoredAtMs: systemClock.nowMs(), backup: null });
  for await (const account of importer.accounts(data)) {
    if (account.fault === null) accounts++;
    else failed++;
    tell(account);
  }
  const inviteCodes = await importer.inviteCodes(data);
  return { accounts, failed, inviteCodes };
}
