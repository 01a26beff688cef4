/**
 * `dunlin admin pds backup`, `restore`, `import-reference` and `blob fsck`: on the data directory, without the running server's help.
 * A backup and a check may be made while the server runs; a restore needs an empty data directory, an import one that is not in use.
 * Source: ours.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '@dunlin/protocol/base/clock';
import { version } from '@dunlin/service/config/version';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { AccountStore } from '@dunlin/pds/account/account-store';
import { backUp } from '@dunlin/pds/backup/backup';
import { restore } from '@dunlin/pds/backup/restore';
import { BlobStore } from '@dunlin/pds/blob/blob-store';
import { checkBlobs } from '@dunlin/pds/blob/fsck';
import { blobFolders } from '@dunlin/pds/config';
import { importReference } from '@dunlin/pds/wiring/import-reference';
import { pdsMigrations } from '@dunlin/pds/wiring/stores';
import { didOf } from './account-commands.ts';
import type { AdminPds } from './session.ts';

/** Adds the commands. */
export function addDataCommands(parent: Command, open: () => AdminPds): void {
  parent.command('backup').description('back the data directory up into a folder; may run beside the server').argument('<folder>')
    .action(async (folder: string) => runBackup(open(), folder));
  parent.command('restore').description('put a backup into an empty data directory').argument('<folder>')
    .action(async (folder: string) => runRestore(open(), folder));
  parent.command('import-reference').description('take over every account of a stopped reference PDS; no server may run on either directory; may be repeated')
    .argument('<folder>', 'its data directory').option('--blobs <folder>', 'where its blobs lie (default: blobs or blocks in there)')
    .action(async (folder: string, { blobs }: { blobs?: string }) => runImportReference(open(), folder, blobs ?? null));
  const blob = parent.command('blob').description('blobs of this server');
  blob.command('fetch-missing').description('fetch blobs that records name and the running server does not hold from another server')
    .argument('<account>').requiredOption('--from <url>', 'address of the server that still has them')
    .action(async (name: string, { from }: { from: string }) => fetchMissing(open(), name, from));
  blob.command('fsck').description('compare the blobs the database knows with the files').option('--deep', 'read every file')
    .action(async ({ deep }: { deep?: boolean }) => runFsck(open(), deep ?? false));
}

async function runBackup(pds: AdminPds, to: string): Promise<void> {
  const { dataDirectory } = pds.config;
  const made = await backUp({
    dataDirectory, blobFolder: blobFolders(pds.config).folder, to, nowMs: systemClock.nowMs(), version,
    open: (path) => openDatabase(path, { migrations: pdsMigrations, readonly: true }),
  });
  const missing = made.missingBlobs > 0 ? `, ${made.missingBlobs} blobs are missing (see: blob fsck)` : '';
  pds.tell(`backed up ${made.accounts} accounts and ${made.blobs} blobs (${made.blobBytes} bytes) to ${to}${missing}`, { to, ...made });
}

async function runRestore(pds: AdminPds, from: string): Promise<void> {
  const { dataDirectory } = pds.config;
  const manifest = await restore({
    from, dataDirectory, blobFolder: blobFolders(pds.config).folder, nowMs: systemClock.nowMs(),
    open: (path) => openDatabase(path, { migrations: pdsMigrations }),
  });
  pds.tell(`restored ${manifest.accounts} accounts as of ${manifest.createdAt} to ${dataDirectory}; start the server, and it tells the network`, { dataDirectory, ...manifest });
}

async function runImportReference(pds: AdminPds, from: string, blobs: string | null): Promise<void> {
  const made = await importReference(pds.config, {
    from, blobs,
    tell: (account) => {
      const { did, handle, records, blobs: held, missingBlobs, fault } = account;
      const missing = missingBlobs > 0 ? `, ${missingBlobs} blobs are missing` : '';
      pds.tell(fault === null ? `${handle} ${did}: ${records} records, ${held} blobs${missing}` : `${handle ?? '-'} ${did}: NOT taken over: ${fault}`, { ...account });
    },
  });
  pds.tell(`took over ${made.accounts} accounts and ${made.inviteCodes} invite codes; events go on above ${made.headSeq}; start the server, and it tells the network`, { ...made });
  const { rotationKeyHex, jwtSecret } = pds.config;
  if (rotationKeyHex === null) warn(pds, 'PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX is not set: start the server with the one of the former server, else handles and keys of these accounts cannot be changed');
  if (jwtSecret === null) warn(pds, 'PDS_JWT_SECRET is not set: with the one of the former server, tokens given there are recognised');
  if (made.failed > 0) throw new Error(`${made.failed} accounts were not taken over; mend what is said above and repeat`);
}

function warn(pds: AdminPds, warning: string): void {
  pds.tell(`note: ${warning}`, { warning });
}

async function fetchMissing(pds: AdminPds, name: string, from: string): Promise<void> {
  const did = await didOf(pds, name);
  let [fetched, bytes, failed] = [0, 0, 0];
  let cursor: string | undefined;
  do {
    const answer = await pds.post<MissingBlobsAnswer>('app.dunlin.admin.fetchMissingBlobs', { did, from, ...(cursor !== undefined && { cursor }) });
    for (const { cid, reason } of answer.failed) pds.tell(`${cid} failed: ${reason}`, { failed: cid, reason });
    fetched += answer.fetched;
    bytes += answer.bytes;
    failed += answer.failed.length;
    cursor = answer.cursor;
  } while (cursor !== undefined);
  pds.tell(`fetched ${fetched} blobs (${bytes} bytes) of ${did}`, { did, fetched, bytes, failed });
  if (failed > 0) throw new Error(`${failed} blobs are missing still; repeat, or ask another server`);
}

interface MissingBlobsAnswer {
  readonly fetched: number;
  readonly bytes: number;
  readonly failed: readonly { readonly cid: string; readonly reason: string }[];
  readonly cursor?: string;
}

async function runFsck(pds: AdminPds, isDeep: boolean): Promise<void> {
  const database = openDatabase(join(pds.config.dataDirectory, 'pds.sqlite'), { migrations: pdsMigrations, readonly: true });
  try {
    const { folder } = blobFolders(pds.config);
    let found = 0;
    for await (const { kind, did, cid, isUsed } of checkBlobs({ accounts: new AccountStore(database), blobs: new BlobStore(database), folder, isDeep })) {
      found++;
      pds.tell(`${kind}${isUsed ? ' (a record names it)' : ''}: ${did} ${cid}`, { kind, did, cid, isUsed });
    }
    pds.tell(found === 0 ? 'every blob is as it should be' : `found ${found}`, { found });
    if (found > 0) throw new Error('blobs are not as they should be');
  } finally {
    database.close();
  }
}
