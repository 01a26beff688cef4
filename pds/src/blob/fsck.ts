/**
 * Compares the blobs the database knows with the files that are there: missing, of another size, with other contents, or unknown.
 * Account by account, so that a place with millions of files is listed and never asked for each. Reads only, and may run beside
 * the server; what to do about a finding is `mend.ts`'s. A blob that was taken down may be without bytes: they were purged.
 * Source: ours.
 */
import { Sha256Stream } from '@dunlin/protocol/crypto/hash';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { cidFromDigest, parseCid, rawCode, sameCid, type Cid } from '@dunlin/protocol/data/cid';
import type { AccountStore } from '../account/account-store.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobOwner, BlobStore } from './blob-store.ts';
import type { TrashStore } from './trash-store.ts';

/** Something that is not as it should be. */
export interface BlobFinding {
  readonly kind: 'missing' | 'wrongSize' | 'wrongContents' | 'unknownFile';
  readonly did: string;
  /** Name of the file, a CID as a rule. */
  readonly cid: string;
  /** Bytes of the file; 0 when it is missing. */
  readonly size: number;
  /** True when a record names the blob: somebody may be looking for it. */
  readonly isUsed: boolean;
}

/** What is compared. */
export interface BlobCheck {
  readonly accounts: AccountStore;
  readonly blobs: BlobStore;
  readonly trashStore: TrashStore;
  readonly files: BlobFiles;
  /** True reads every file to its end. */
  readonly isDeep: boolean;
}

/** Gives the findings, account by account. */
export async function* checkBlobs(o: BlobCheck): AsyncGenerator<BlobFinding, void, undefined> {
  const seen = new Set<string>();
  for (const accountId of o.blobs.holders()) {
    const account = o.accounts.byId(accountId);
    if (account === null) continue;
    seen.add(account.did);
    yield* checkAccount(o, account);
  }
  for await (const did of o.files.accounts()) {
    if (seen.has(did)) continue;
    for await (const { name, size } of o.files.list(did)) yield* unknownFile(o, { id: o.accounts.byDid(did)?.id ?? null, did }, { name, size });
  }
}

async function* checkAccount(o: BlobCheck, owner: BlobOwner): AsyncGenerator<BlobFinding, void, undefined> {
  const { id, did } = owner;
  const uploads = o.blobs.uploads(id);
  const found = new Map<string, number>();
  for await (const { name, size } of o.files.list(did)) found.set(name, size);
  for (const { cid, size, takedownRef } of uploads) {
    const name = cid.toString();
    const there = found.get(name) ?? null;
    found.delete(name);
    const kind = there === null ? (takedownRef === null ? 'missing' : null) : await compare(o, { did, cid, size, there });
    // The server may have let it go meanwhile.
    if (kind !== null && o.blobs.find(id, cid) !== null) yield { kind, did, cid: name, size: there ?? 0, isUsed: o.blobs.isUsed(id, cid) };
  }
  for (const [name, size] of found) yield* unknownFile(o, owner, { name, size });
}

/** Gives a finding unless the file is in the trash, or came to be known since it was listed. */
function* unknownFile({ blobs, trashStore }: BlobCheck, { id, did }: { id: number | null; did: string }, { name, size }: { name: string; size: number }): Generator<BlobFinding, void, undefined> {
  const cid = cidOf(name);
  if (cid !== null && (trashStore.find(did, cid) !== null || (id !== null && blobs.find(id, cid) !== null))) return;
  yield { kind: 'unknownFile', did, cid: name, size, isUsed: false };
}

/** Gives the CID that a file is named by, or null when it is named otherwise. */
export function cidOf(name: string): Cid | null {
  try {
    return parseCid(name);
  } catch (fault) {
    if (fault instanceof ProtocolError) return null;
    throw fault;
  }
}

async function compare({ files, isDeep }: BlobCheck, { did, cid, size, there }: { did: string; cid: Cid; size: number; there: number }): Promise<BlobFinding['kind'] | null> {
  if (there !== size) return 'wrongSize';
  if (!isDeep) return null;
  const body = await files.read(did, { cid, size });
  if (body === null) return 'missing';
  const hash = new Sha256Stream();
  for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk);
  return sameCid(cidFromDigest(rawCode, hash.digest()), cid) ? null : 'wrongContents';
}
