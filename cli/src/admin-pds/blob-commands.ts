/**
 * `dunlin admin pds blob …`: check and mend the place of blobs, fetch those that a move left behind, the trash and the way back.
 * `fsck` looks at the data directory itself; the others ask the running server.
 * Not for backups (`data-commands.ts`). Source: ours.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createLogger } from '@dunlin/service/log/logger';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { AccountStore } from '@dunlin/pds/account/account-store';
import { AuditLog } from '@dunlin/pds/audit/audit-log';
import { rememberShellAct } from '@dunlin/pds/audit/shell-acts';
import type { BlobFiles } from '@dunlin/pds/blob/blob-files';
import { BlobFigures } from '@dunlin/pds/blob/blob-figures';
import { BlobStore } from '@dunlin/pds/blob/blob-store';
import { checkBlobs, type BlobFinding } from '@dunlin/pds/blob/fsck';
import { mendBlobs, type Mended } from '@dunlin/pds/blob/mend';
import { TrashStore } from '@dunlin/pds/blob/trash-store';
import { openBlobFiles } from '@dunlin/pds/wiring/blob-files';
import { pdsMigrations } from '@dunlin/pds/wiring/stores';
import { didOf } from './account-commands.ts';
import { agentOfShell } from './shell-agent.ts';
import { changeTrash, emptyTrash, listTrashAccounts } from './blob-trash.ts';
import type { AdminPds, Row } from './session.ts';

/** Blobs of one page of the trash, and of one call that names none. */
const pageLength = 500;

/** Adds the commands. */
export function addBlobCommands(parent: Command, open: () => AdminPds): void {
  const blob = parent.command('blob').description('blobs of this server');
  blob.command('fetch-missing').description('fetch blobs that records name and the running server does not hold from another server')
    .argument('<account>').requiredOption('--from <url>', 'address of the server that still has them')
    .action(async (name: string, { from }: { from: string }) => fetchMissing(open(), name, from));
  blob.command('fsck').description('compare the blobs the database knows with the files').option('--deep', 'read every file')
    .option('--mend', 'forget blobs without right bytes, so that they can be fetched again, and put unknown files into the trash; no server may run')
    .option('--forget-most', 'let mending forget more than half of all blobs')
    .action(async (options: FsckOptions) => runFsck(open(), options));
  blob.command('trash').description('list blobs in the trash').argument('[account]', 'DID, or handle of an account that is here')
    .option('--accounts', 'list accounts that have some there, with how many and how large')
    .action(async (name: string | undefined, { accounts }: { accounts?: true }) => (accounts ? listTrashAccounts(open()) : listTrash(open(), name)));
  blob.command('empty-trash').description('remove every blob in the trash for good, at once').requiredOption('--yes', 'say that you mean it')
    .action(async () => emptyTrash(open()));
  blob.command('restore').description('give blobs in the trash back to their account').argument('<account>').argument('[cid...]', 'default: all of them')
    .action(async (name: string, cids: string[]) => changeNamed(open(), name, cids, 'restore'));
  blob.command('purge').description('remove blobs for good, at once: those in the trash, and with their CIDs those that were taken down')
    .argument('<account>').argument('[cid...]', 'default: all in the trash').requiredOption('--yes', 'say that you mean it')
    .action(async (name: string, cids: string[]) => changeNamed(open(), name, cids, 'purge'));
}

/** Opens the place of blobs that the settings name; whoever receives blobs must be the only process on the data directory. */
export function openFiles({ config }: AdminPds, { isReceiving }: { isReceiving: boolean } = { isReceiving: false }): BlobFiles {
  return openBlobFiles(config, { log: createLogger('pds', { level: 'error' }), isReceiving });
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

interface FsckOptions {
  readonly deep?: true;
  readonly mend?: true;
  readonly forgetMost?: true;
}

async function runFsck(pds: AdminPds, { deep, mend, forgetMost }: FsckOptions): Promise<void> {
  const lock = mend ? lockFolder(pds.config.dataDirectory) : null;
  const database = openDatabase(join(pds.config.dataDirectory, 'pds.sqlite'), { migrations: pdsMigrations, readonly: !mend });
  const files = openFiles(pds);
  try {
    const check = { accounts: new AccountStore(database), blobs: new BlobStore(database), trashStore: new TrashStore(database), files, isDeep: deep ?? false };
    let [found, mended] = [0, 0];
    if (mend) {
      const times = { nowMs: systemClock.nowMs(), trashMs: pds.config.blobTrashMs };
      const { held: { count: held } } = await new BlobFigures(database).all();
      const act = { atMs: times.nowMs, agent: agentOfShell(), command: 'blob fsck --mend', input: { deep: deep ?? false, forgetMost: forgetMost ?? false } };
      await rememberShellAct(new AuditLog(database), act, async () => {
        for await (const each of mendBlobs({ ...check, times, held, mayForgetMost: forgetMost ?? false })) {
          found++;
          if (each.mended !== 'left') mended++;
          tellFinding(pds, each.finding, each.mended);
        }
      });
    } else {
      for await (const finding of checkBlobs(check)) {
        found++;
        tellFinding(pds, finding, null);
      }
    }
    pds.tell(found === 0 ? 'every blob is as it should be' : `found ${found}${mend ? `, mended ${mended}` : ''}`, { found, ...(mend && { mended }) });
    if (found > mended) throw new Error('blobs are not as they should be');
  } finally {
    await files.close();
    database.close();
    lock?.release();
  }
}

function tellFinding(pds: AdminPds, { kind, did, cid, isUsed }: BlobFinding, mended: Mended | null): void {
  pds.tell(`${kind}${isUsed ? ' (a record names it)' : ''}: ${did} ${cid}${mended === null ? '' : `: ${mended}`}`, { kind, did, cid, isUsed, ...(mended !== null && { mended }) });
}

async function listTrash(pds: AdminPds, name: string | undefined): Promise<void> {
  const did = name === undefined ? undefined : await didOf(pds, name);
  const rows: Row[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await pds.get<{ blobs: Row[]; cursor?: string }>('app.dunlin.admin.listBlobTrash', { did, limit: pageLength, cursor });
    rows.push(...page.blobs);
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  pds.table(rows);
}

async function changeNamed(pds: AdminPds, name: string, cids: readonly string[], verb: 'restore' | 'purge'): Promise<void> {
  await changeTrash(pds, await didOf(pds, name), cids, verb);
}
