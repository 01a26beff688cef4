/**
 * The thread that verifies: steps 7 to 9 of the verdict order, on bytes and a key, nothing else.
 * Not for state: it knows neither accounts nor hosts, so it never has to ask. Place in the flow: hop 6, by DID.
 * Whatever a frame makes this code throw is a verdict of no and never the end of the thread: bad input never stops a
 * process (invariant 8). Source: ours; the checks are protocol/repo/verify-commit and verify-sync.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@dunlin/protocol/base/assert';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { publicKeyFromPoint } from '@dunlin/protocol/crypto/did-key';
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';
import { cidByteLength, cidDigest } from '@dunlin/protocol/data/cid';
import { verifyCommit } from '@dunlin/protocol/repo/verify-commit';
import { verifySync } from '@dunlin/protocol/repo/verify-sync';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { AccountKey } from '../accounts/account-row.ts';
import { goneCollections, noneGone } from '../collections/gone.ts';
import { decodeJobs, encodeVerdicts, stopMessage } from './verify-batch.ts';
import type { JobBatch, VerifyJob, VerifyVerdict } from './verify-batch.ts';

const digestBytes = 32;

/** Most keys kept in their text form, by their bytes; below 32 MB. */
const maxKeys = 65_536;
const keys = new Map<string, PublicKey>();

const port = parentPort;
assert(port, 'verify-worker runs as a worker thread');
const { isLenient, tellsGone } = workerData as { isLenient: boolean; tellsGone: boolean };

port.on('message', (batch: JobBatch | typeof stopMessage) => {
  if (batch === stopMessage) return port.close();
  const verdicts = encodeVerdicts(batch, decodeJobs(batch).map((job) => verify(job, batch.nowMs)));
  port.postMessage(verdicts, [verdicts.buffer]);
});

function verify(job: VerifyJob, nowMs: number): VerifyVerdict {
  try {
    const { bytes } = job;
    const scan = scanFrame(bytes);
    const key = publicKey(job.key);
    if (job.kind === 'commit') {
      const verdict = verifyCommit({ scan, bytes, key, nowMs, lenient: isLenient });
      if (!verdict.accepted) return verdict;
      const head = scan.commitOffset + cidByteLength - digestBytes;
      const { data } = verdict;
      const gone = tellsGone ? goneCollections(scan, bytes, data) : noneGone;
      return { accepted: true, data: cidDigest(data), head: bytes.subarray(head, head + digestBytes), gone };
    }
    const verdict = verifySync({ scan, bytes, key, nowMs });
    return verdict.accepted ? { accepted: true, data: cidDigest(verdict.data), head: cidDigest(verdict.commit), gone: noneGone } : verdict;
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'unknown fault';
    return { accepted: false, reason: error instanceof ProtocolError ? 'badFrame' : 'badCar', detail: `verification failed: ${detail}` };
  }
}

function publicKey({ curve, bytes }: AccountKey): PublicKey {
  const name = curve + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let key = keys.get(name);
  if (key === undefined) {
    // The bytes belong to a batch; a kept key must not keep that alive.
    key = publicKeyFromPoint(curve, Uint8Array.from(bytes));
    if (keys.size >= maxKeys) keys.clear();
    keys.set(name, key);
  }
  return key;
}
