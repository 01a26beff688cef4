import { Worker } from 'node:worker_threads';
import { beforeEach, expect, jest, test } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { VerifyPool } from '@dunlin/relay/ingest/verify-pool';
import { FakeAccount } from '../fixture/fake-account.ts';

const emit = jest.spyOn(Worker.prototype, 'emit');
const exitCodes = (): unknown[] => emit.mock.calls.filter(([name]) => name === 'exit').map(([, code]) => code);
beforeEach(() => void emit.mockClear());

function startPool(): VerifyPool {
  return new VerifyPool({ workers: 2, isLenient: false, tellsGone: false, clock: systemClock, onFault: (fault) => { throw fault; } });
}

// A thread that is cut down while it is inside libsecp256k1 aborts the whole process, about once in a hundred times.
test('closed in the middle of its work, the workers end by themselves and no verdict is told any more', async () => {
  const pool = startPool();
  await pool.ready();
  const account = new FakeAccount();
  const job = { kind: 'commit' as const, bytes: encodeEvent({ ...account.commit(), seq: 1 }), key: account.keypair.publicKey };
  let verdicts = 0;
  await new Promise<void>((resolve) => {
    for (let n = 0; n < 4_000; n++) {
      pool.submit(n, job, () => {
        verdicts++;
        resolve();
      });
    }
  });
  const told = verdicts;
  await pool.close();
  expect(exitCodes()).toEqual([0, 0]);
  expect(told).toBeLessThan(4_000);
  expect(verdicts).toBe(told);
});

test('closed before they have started, and closed twice, the workers end', async () => {
  const pool = startPool();
  await Promise.all([pool.close(), pool.close()]);
  expect(exitCodes()).toEqual([0, 0]);
});
