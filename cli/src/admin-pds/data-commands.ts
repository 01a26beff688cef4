/**
 * `dunlin admin pds backup`, `restore` and `import-reference`: on the data directory, without the running server's help.
 * A backup may be made while the server runs; a restore needs an empty data directory, an import one that is not in use.
 * Source: ours.
 */
import type { Command } from 'commander';
import { agentOfShell } from './shell-agent.ts';
import { systemClock } from '@dunlin/protocol/base/clock';
import { version } from '@dunlin/service/config/version';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { backUp } from '@dunlin/pds/backup/backup';
import { restore } from '@dunlin/pds/backup/restore';
import { importReference } from '@dunlin/pds/wiring/import-reference';
import { pdsMigrations } from '@dunlin/pds/wiring/stores';
import { openFiles } from './blob-commands.ts';
import type { AdminPds } from './session.ts';

/** Adds the commands. */
export function addDataCommands(parent: Command, open: () => AdminPds): void {
  parent.command('backup').description('back the data directory up into a folder; may run beside the server').argument('<folder>')
    .option('--blobs', 'copy blobs out of their bucket too; those in a folder always are')
    .action(async (folder: string, { blobs }: { blobs?: true }) => runBackup(open(), folder, blobs ?? false));
  parent.command('restore').description('put a backup into an empty data directory').argument('<folder>')
    .action(async (folder: string) => runRestore(open(), folder));
  parent.command('import-reference').description('take over every account of a stopped reference PDS; no server may run on either directory; may be repeated')
    .argument('<folder>', 'its data directory').option('--blobs <folder>', 'where its blobs lie (default: blobs or blocks in there, else the bucket that is set)')
    .action(async (folder: string, { blobs }: { blobs?: string }) => runImportReference(open(), folder, blobs ?? null));
}

async function runBackup(pds: AdminPds, to: string, areBlobsAsked: boolean): Promise<void> {
  const { dataDirectory, s3Bucket } = pds.config;
  const files = openFiles(pds);
  try {
    const made = await backUp({
      dataDirectory, files, areBlobsCopied: s3Bucket === null || areBlobsAsked, to, nowMs: systemClock.nowMs(), version,
      open: (path) => openDatabase(path, { migrations: pdsMigrations, readonly: true }),
    });
    const missing = made.missingBlobs > 0 ? `, ${made.missingBlobs} blobs are missing (see: blob fsck)` : '';
    const blobs = made.areBlobsCopied ? `${made.blobs} blobs (${made.blobBytes} bytes)` : 'no blobs';
    const left = made.areBlobsCopied ? '' : `; ${made.blobs} blobs (${made.blobBytes} bytes) stay in the bucket ${s3Bucket}`;
    pds.tell(`backed up ${made.accounts} accounts and ${blobs} to ${to}${left}${missing}`, { to, ...made });
  } finally {
    await files.close();
  }
}

async function runRestore(pds: AdminPds, from: string): Promise<void> {
  const { dataDirectory } = pds.config;
  const files = openFiles(pds, { isReceiving: true });
  try {
    const manifest = await restore({
      from, dataDirectory, files, nowMs: systemClock.nowMs(), agent: agentOfShell(),
      open: (path) => openDatabase(path, { migrations: pdsMigrations }),
    });
    const missing = manifest.missingBlobs > 0 ? `; ${manifest.missingBlobs} blobs are missing (see: blob fsck)` : '';
    pds.tell(`restored ${manifest.accounts} accounts as of ${manifest.createdAt} to ${dataDirectory}${missing}; start the server, and it tells the network`, { dataDirectory, ...manifest });
  } finally {
    await files.close();
  }
}

async function runImportReference(pds: AdminPds, from: string, blobs: string | null): Promise<void> {
  const made = await importReference(pds.config, {
    from, blobs, agent: agentOfShell(),
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
