import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { batchBytes, decodeJobs, decodeVerdicts, encodeJobs, encodeVerdicts } from '@dunlin/relay/ingest/verify-batch';
import type { VerifyJob, VerifyVerdict } from '@dunlin/relay/ingest/verify-batch';

const job: fc.Arbitrary<VerifyJob> = fc.record({
  kind: fc.constantFrom('commit' as const, 'sync' as const),
  bytes: fc.uint8Array({ maxLength: 300 }),
  key: fc.record({ curve: fc.constantFrom('k256' as const, 'p256' as const), bytes: fc.uint8Array({ minLength: 33, maxLength: 33 }) }),
});

function plain(each: VerifyJob): object {
  return { kind: each.kind, bytes: [...each.bytes], curve: each.key.curve, key: [...each.key.bytes] };
}

test('jobs and verdicts come out as they went in, in a buffer of any size that is enough', () => {
  fc.assert(fc.property(fc.array(job, { maxLength: 20 }), fc.nat(100), fc.infiniteStream(fc.boolean()), (jobs, spare, accepts) => {
    const batch = encodeJobs(new ArrayBuffer(batchBytes(jobs) + spare), jobs, 5);
    expect(decodeJobs(batch).map(plain)).toEqual(jobs.map(plain));
    const verdicts: VerifyVerdict[] = jobs.map((_, i) => (accepts.next().value
      ? { accepted: true, data: new Uint8Array(32).fill(i), head: new Uint8Array(32).fill(i + 100), gone: [[], ['a.b.c', 'd.e.f'], null][i % 3] ?? null }
      : { accepted: false, reason: 'badCar', detail: `nr ${i}` }));
    const decoded = decodeVerdicts(encodeVerdicts(batch, verdicts));
    // The buffer is used again, so nothing may point into it.
    new Uint8Array(batch.buffer).fill(0xff);
    expect(decoded).toEqual(verdicts);
  }));
});
