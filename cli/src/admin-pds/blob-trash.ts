/**
 * Gives blobs in the trash of a running PDS back, or removes them for good, call by call until none is left.
 * Not for the commands that ask for it (`blob-commands.ts`, `account-commands.ts`).
 * Source: ours; the work is done by the PDS's admin methods.
 */
import type { AdminPds } from './session.ts';

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
