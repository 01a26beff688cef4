/**
 * Gives blobs in the trash of a running PDS back, or removes them for good, call by call until none is left.
 * Not for the commands that ask for it (`blob-commands.ts`, `account-commands.ts`).
 * Source: ours; the work is done by the PDS's admin methods.
 */
import type { AdminPds, Row } from './session.ts';

/** Accounts of one page of the trash. */
const pageLength = 500;

interface TrashAnswer {
  readonly done: number;
  readonly failed: readonly { readonly cid: string; readonly reason: string }[];
  readonly cursor?: string;
}

/** Does it with the blobs named, or with all of this DID in the trash, and tells how it went. @throws Error when some are as they were */
export async function changeTrash(pds: AdminPds, did: string, cids: readonly string[], verb: 'restore' | 'purge'): Promise<void> {
  let [done, failed] = [0, 0];
  let cursor: string | undefined;
  do {
    const answer = await pds.post<TrashAnswer>(`app.dunlin.admin.${verb}Blobs`, { did, ...(cids.length > 0 && { cids }), ...(cursor !== undefined && { cursor }) });
    for (const { cid, reason } of answer.failed) pds.tell(`${cid} failed: ${reason}`, { failed: cid, reason });
    done += answer.done;
    failed += answer.failed.length;
    cursor = answer.cursor;
  } while (cursor !== undefined);
  pds.tell(`${verb === 'restore' ? 'restored' : 'removed'} ${done} blobs of ${did}`, { did, done, failed });
  if (failed > 0) throw new Error(`${failed} blobs are as they were`);
}

/** Lists accounts that have blobs in the trash. */
export async function listTrashAccounts(pds: AdminPds): Promise<void> {
  const rows: Row[] = [];
  for await (const account of trashAccounts(pds)) rows.push(account);
  pds.table(rows);
}

/** Removes everything in the trash, account by account. @throws Error when something is left */
export async function emptyTrash(pds: AdminPds): Promise<void> {
  let faults = 0;
  for await (const { did } of trashAccounts(pds)) {
    await changeTrash(pds, String(did), [], 'purge').catch((fault: unknown) => {
      faults++;
      pds.tell(`${String(did)}: ${String(fault)}`, { did, fault: String(fault) });
    });
  }
  if (faults > 0) throw new Error(`something is left of ${faults} accounts; repeat`);
}

async function* trashAccounts(pds: AdminPds): AsyncGenerator<Row, void, undefined> {
  for (let cursor: string | undefined; ;) {
    const page = await pds.get<{ accounts: Row[]; cursor?: string }>('app.dunlin.admin.reviewBlobTrash', { limit: pageLength, cursor });
    yield* page.accounts;
    cursor = page.cursor;
    if (cursor === undefined) return;
  }
}
