/**
 * `dunlin admin pds backup`, `restore`, `import-reference` and `events fsck`: on the data directory, without the running server's help.
 * A backup may be made while the server runs; a restore needs an empty data directory, the others one that is not in use.
 * Source: ours.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import { agentOfShell } from './shell-agent.ts';
import { systemClock } from '@dunlin/protocol/base/clock';
import { version } from '@dunlin/service/config/version';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { AuditLog } from '@dunlin/pds/audit/audit-log';
import { rememberShellAct } from '@dunlin/pds/audit/shell-acts';
import { markRestored } from '@dunlin/pds/backup/after-restore';
import { backUp } from '@dunlin/pds/backup/backup';
import { restore } from '@dunlin/pds/backup/restore';
import { checkEvents, forgetUpTo, type EventFinding } from '@dunlin/pds/sequencer/event-fsck';
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
  parent.command('events').description('events in files').command('fsck').description('read every file of events and say which are damaged; no server may run')
    .option('--mend', 'forget every event up to the newest damaged one; the server tells relays anew where repositories stand')
    .action(async ({ mend }: { mend?: true }) => runEventFsck(open(), mend ?? false));
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

async function runEventFsck(pds: AdminPds, isMending: boolean): Promise<void> {
  const { dataDirectory } = pds.config;
  const lock = lockFolder(dataDirectory);
  const database = openDatabase(join(dataDirectory, 'pds.sqlite'), { migrations: pdsMigrations, readonly: !isMending });
  try {
    let newest: EventFinding | null = null;
    for await (const finding of checkEvents(database, dataDirectory)) {
      newest = finding;
      const { path, runs, file: { file, lastSeq } } = finding;
      pds.tell(`damaged: ${path} runs=${runs} seqs=${file}-${lastSeq}`, { path, runs, firstSeq: file, lastSeq });
    }
    if (newest === null) return pds.tell('every file of events is as it should be', { damaged: false });
    if (!isMending) throw new Error('events are damaged (--mend forgets them)');
    const last = newest;
    const act = { atMs: systemClock.nowMs(), agent: agentOfShell(), command: 'events fsck --mend', input: { upTo: last.file.lastSeq } };
    await rememberShellAct(new AuditLog(database), act, async () => {
      // First of all: were it cut off behind the rows, nobody would be told.
      await markRestored(dataDirectory, { restoredAtMs: act.atMs, backup: null });
      const events = forgetUpTo(database, last);
      pds.tell(`forgot ${events} events, up to ${last.file.lastSeq}; start the server, and it tells the network`, { forgotten: events, upTo: last.file.lastSeq });
    });
  } finally {
    database.close();
    lock.release();
  }
}

function warn(pds: AdminPds, warning: string): void {
  pds.tell(`note: ${warning}`, { warning });
}
