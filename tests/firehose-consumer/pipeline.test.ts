/** The way of a frame from bytes to delivery, without a socket: what is charged, copied, finished and forgotten. */
import { expect, test } from '@jest/globals';
import { Budget } from '../../firehose-consumer/src/budget.ts';
import { Filter } from '../../firehose-consumer/src/filter.ts';
import { Counters } from '../../firehose-consumer/src/metrics.ts';
import type { HeldFrame } from '../../firehose-consumer/src/decode.ts';
import type { Drop } from '../../firehose-consumer/src/notice.ts';
import { Pipeline } from '../../firehose-consumer/src/pipeline.ts';
import type { OpenFrame } from '../../firehose-consumer/src/open-frame.ts';
import type { PipelineOptions } from '../../firehose-consumer/src/pipeline.ts';
import { unprovenCreate } from './made-stream.ts';

const did = 'did:web:a.test';
const chunk = Buffer.concat([1, 2, 3, 4].map((seq) => Buffer.from(unprovenCreate(seq, did, 'app.test.record/a'))));
const frameBytes = chunk.length / 4;
const frameAt = (seq: number): Buffer => chunk.subarray((seq - 1) * frameBytes, seq * frameBytes);

function made(options: Partial<PipelineOptions> = {}): { pipeline: Pipeline; delivered: OpenFrame[]; drops: Drop[]; budget: Budget } {
  const delivered: OpenFrame[] = [];
  const drops: Drop[] = [];
  const budget = new Budget({ maxBytes: 1_000_000, onFull: () => undefined, onFree: () => undefined });
  const pipeline = new Pipeline({
    filter: new Filter({}),
    keepsEmpty: false,
    isOrdered: false,
    verifier: null,
    forget: () => undefined,
    continuity: null,
    budget,
    counters: new Counters(),
    deliver: (event) => delivered.push(event),
    onDrop: (drop) => drops.push(drop),
    onWord: () => undefined,
    onFault: (error) => {
      throw error;
    },
    ...options,
  });
  return { pipeline, delivered, drops, budget };
}

test('an event that waits has bytes of its own, one that is done at once was spared the copy', () => {
  const waiting = made();
  waiting.pipeline.take(frameAt(1));
  expect(((waiting.delivered[0] as OpenFrame).frame as HeldFrame).bytes.buffer.byteLength).toBe(frameBytes);
  const seen: ArrayBufferLike[] = [];
  const quick = made({
    deliver: (event) => {
      seen.push((event.frame as HeldFrame).bytes.buffer);
      quick.pipeline.finish(event);
    },
  });
  quick.pipeline.take(frameAt(1));
  expect(seen).toEqual([chunk.buffer]);
  expect(quick.pipeline.cursor).toBe(1);
});

test('an event is charged until it is finished, and finishing again changes nothing', () => {
  const { pipeline, delivered, budget } = made();
  for (const seq of [1, 2]) pipeline.take(frameAt(seq));
  const held = budget.heldBytes;
  expect(held).toBeGreaterThan(2 * frameBytes);
  pipeline.finish(delivered[1] as OpenFrame);
  pipeline.finish(delivered[1] as OpenFrame);
  expect([budget.heldBytes, pipeline.cursor, pipeline.openCount]).toEqual([held / 2, null, 1]);
  pipeline.finish(delivered[0] as OpenFrame);
  expect([budget.heldBytes, pipeline.cursor, pipeline.lastSeq]).toEqual([0, 2, 2]);
});

test('after a restart the same seqs are taken anew, and what was open before moves no cursor', () => {
  const { pipeline, delivered, budget, drops } = made();
  for (const seq of [1, 2]) pipeline.take(frameAt(seq));
  pipeline.restart(0);
  pipeline.take(frameAt(1));
  for (const event of delivered.slice(0, 2)) pipeline.finish(event);
  expect([pipeline.cursor, pipeline.lastSeq, pipeline.openCount]).toEqual([0, 1, 1]);
  pipeline.finish(delivered[2] as OpenFrame);
  expect([pipeline.cursor, budget.heldBytes, drops]).toEqual([1, 0, []]);
});
