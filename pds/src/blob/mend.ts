/**
 * Brings rows and files of blobs together again where `fsck.ts` found them apart, while no server runs.
 * A blob without right bytes is forgotten, and so becomes one that is asked for again (`fetch-missing.ts`, or a new upload); bytes
 * that nobody knows go to the trash. Files that are no blobs, and blobs that were taken down, are left alone.
 * Source: ours.
 */
import type { Cid } from '@dunlin/protocol/data/cid';
import type { AccountStore } from '../account/account-store.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobStore } from './blob-store.ts';
import { cidOf, type BlobFinding } from './fsck.ts';
import { blobMimeType, sniffBytes } from './sniff.ts';
import type { TrashStore, TrashTimes } from './trash-store.ts';

/** What was done about a finding. */
export type Mended = 'forgotten' | 'trashed' | 'left';

/** What is mended. */
export interface MendParts {
  readonly accounts: AccountStore;
  readonly blobs: BlobStore;
  readonly trashStore: TrashStore;
  readonly files: BlobFiles;
  readonly times: TrashTimes;
}

/** Mends what was found and tells how. Each step can be repeated after a crash. */
export async function mendBlob(o: MendParts, { kind, did, cid: name, size }: BlobFinding): Promise<Mended> {
  const cid = cidOf(name);
  if (cid === null || !did.startsWith('did:')) return 'left';
  if (kind === 'unknownFile') {
    const mimeType = blobMimeType(await headOf(o.files, { did, cid, size }), null);
    o.trashStore.add({ did, cid, mimeType, size }, o.times);
    return 'trashed';
  }
  const account = o.accounts.byDid(did);
  if (account === null || o.blobs.find(account.id, cid)?.takedownRef !== null) return 'left';
  if (kind !== 'missing') await o.files.remove(did, cid);
  o.blobs.remove(account.id, cid);
  return 'forgotten';
}

async function headOf(files: BlobFiles, { did, cid, size }: { did: string; cid: Cid; size: number }): Promise<Buffer> {
  const range = size === 0 ? null : { start: 0, length: Math.min(size, sniffBytes) };
  const chunks: Buffer[] = [];
  for await (const chunk of ((await files.read(did, { cid, size }, range)) ?? []) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
