/**
 * Step 3 of the verdict order for every kind that is passed on: are the fields what the lexicon says?
 * Not for #commit and #sync themselves (protocol/repo/envelope), nor for anything that needs state.
 * Place in the flow: intake, before an event gets into its account's lane. Source: lexicon com.atproto.sync.subscribeRepos.
 */
import { isDatetime, isDid, checkCommitEnvelope, checkSyncEnvelope } from '@dunlin/protocol/repo/envelope';
import { refuse } from '@dunlin/protocol/repo/drop-reason';
import type { Refusal } from '@dunlin/protocol/repo/drop-reason';
import { OpsScan } from '@dunlin/protocol/repo/ops-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import type { LoggedKind } from '../log/record.ts';

/** Filled anew for each commit; the main thread works on one frame at a time. */
const ops = new OpsScan();

/** Checks an event's fields; null when all is well. */
export function checkFields(kind: LoggedKind, scan: FrameScan, bytes: Uint8Array): Refusal | null {
  switch (kind) {
    case 'commit':
      return checkCommitEnvelope(scan, bytes, ops);
    case 'sync':
      return checkSyncEnvelope(scan);
    case 'identity':
      return checkCommon(scan);
    case 'account':
      return checkAccount(scan);
  }
}

function checkCommon(scan: FrameScan): Refusal | null {
  if (scan.did === null) return refuse('missingField', 'field=did');
  if (scan.time === null) return refuse('missingField', 'field=time');
  if (!isDid(scan.did)) return refuse('badDid', `length=${scan.did.length}`);
  return isDatetime(scan.time) ? null : refuse('badTime', `length=${scan.time.length}`);
}

function checkAccount(scan: FrameScan): Refusal | null {
  if (scan.active === null) return refuse('missingField', 'field=active');
  const isContradiction = scan.active && (scan.status === 'takendown' || scan.status === 'suspended' || scan.status === 'deleted' || scan.status === 'deactivated');
  return checkCommon(scan) ?? (isContradiction ? refuse('badStatus', `active with status=${scan.status}`) : null);
}
