/**
 * Brings rows and files of blobs together again where `fsck.ts` found them apart, while no server runs.
 * A blob without right bytes is forgotten, and so becomes one that is asked for again (`fetch-missing.ts`, or a new upload); bytes
 * that nobody knows go to the trash. Files that are no blobs, and blobs that were taken down, are left alone.
 * Source: ours.
 */
import type { Cid } from '@dunlin/protocol/data/cid';
import type { BlobFiles } from './blob-files.ts';
import { checkBlobs, cidOf, type BlobCheck, type BlobFinding } from './fsck.ts';
import { blobMimeType, sniffBytes } from './sniff.ts';
import type { TrashTimes } from './trash-store.ts';

/** Most findings of one run; what is left is found by the next. */
export const maxMended = 100_000;

/** Unknown files that are never too many, such as uploads that a crash cut off. */
const fewUnknown = 100;

/** What was done about a finding. */
export type Mended = 'forgotten' | 'trashed' | 'left';

/** What is mended. */
export interface MendParts extends BlobCheck {
  readonly times: TrashTimes;
  /** Blobs the database knows. */
  readonly held: number;
  /** True lets more than half of them be forgotten, and more files be trashed than there are blobs. */
  readonly mayForgetMost: boolean;
}

/**
 * Finds what is apart and mends it, all findings first: when most blobs are missing, or most files unknown, the place that was set is
 * more likely another server's. @throws Error then, with nothing done
 */
export async function* mendBlobs(o: MendParts): AsyncGenerator<{ finding: BlobFinding; mended: Mended }, void, undefined> {
  const findings: BlobFinding[] = [];
  for await (const finding of checkBlobs(o)) {
    findings.push(finding);
    if (findings.length === maxMended) break;
  }
  if (!o.mayForgetMost) refuseStrangePlace(findings, o.held);
  for (const finding of findings) yield { finding, mended: await mendBlob(o, finding) };
}

function refuseStrangePlace(findings: readonly BlobFinding[], held: number): void {
  const unknown = findings.filter(({ kind }) => kind === 'unknownFile').length;
  const missing = findings.length - unknown;
  if (missing * 2 > held) throw new Error(`${missing} of ${held} blobs are missing or wrong: is this where they lie? nothing was done`);
  if (unknown > Math.max(held, fewUnknown)) throw new Error(`${unknown} files are nobody's, beside ${held} blobs: are they another server's? nothing was done`);
}

/** Mends what was found and tells how. Each step can be repeated after a crash. */
async function mendBlob(o: MendParts, { kind, did, cid: name, size }: BlobFinding): Promise<Mended> {
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
