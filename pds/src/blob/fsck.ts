/**
 * Compares the blobs the database knows with the files that are there: missing, of another size, with other contents, or unknown.
 * Reads only; what to do about a finding is the operator's to decide (upload again, restore from a backup, remove).
 * Source: ours.
 */
import { createReadStream, readdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Sha256Stream } from '@dunlin/protocol/crypto/hash';
import { cidFromDigest, rawCode, sameCid, type Cid } from '@dunlin/protocol/data/cid';
import type { AccountStore } from '../account/account-store.ts';
import { accountFolder } from './blob-files.ts';
import type { BlobStore } from './blob-store.ts';

/** Something that is not as it should be. */
export interface BlobFinding {
  readonly kind: 'missing' | 'wrongSize' | 'wrongContents' | 'unknownFile';
  readonly did: string;
  readonly cid: string;
  /** True when a record names the blob: somebody may be looking for it. */
  readonly isUsed: boolean;
}

/** What is compared. */
export interface BlobCheck {
  readonly accounts: AccountStore;
  readonly blobs: BlobStore;
  /** Folder of the blob files. */
  readonly folder: string;
  /** True reads every file to its end. */
  readonly isDeep: boolean;
}

/** Gives the findings, one by one. */
export async function* checkBlobs(o: BlobCheck): AsyncGenerator<BlobFinding, void, undefined> {
  const known = new Set<string>();
  for (const { accountId, cid, size } of o.blobs.all()) {
    const did = o.accounts.byId(accountId)?.did;
    if (did === undefined) continue;
    known.add(join(accountFolder('', did), cid.toString()));
    const kind = await compare(o, { did, cid, size });
    if (kind !== null) yield { kind, did, cid: cid.toString(), isUsed: o.blobs.isUsed(accountId, cid) };
  }
  for (const folder of readdirSync(o.folder)) {
    for (const name of readdirSync(join(o.folder, folder))) {
      if (!known.has(join(folder, name))) yield { kind: 'unknownFile', did: folder, cid: name, isUsed: false };
    }
  }
}

async function compare({ folder, isDeep }: BlobCheck, { did, cid, size }: { did: string; cid: Cid; size: number }): Promise<BlobFinding['kind'] | null> {
  const path = join(accountFolder(folder, did), cid.toString());
  const found = await stat(path).then((each) => each.size, () => null);
  if (found === null) return 'missing';
  if (found !== size) return 'wrongSize';
  if (!isDeep) return null;
  const hash = new Sha256Stream();
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return sameCid(cidFromDigest(rawCode, hash.digest()), cid) ? null : 'wrongContents';
}
