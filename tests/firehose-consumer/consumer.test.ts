/** The consumer end to end against a server on a real socket: what is delivered, in what order, and what every word of the server does. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { FirehoseConsumer, memoryCursor } from '../../firehose-consumer/src/index.ts';
import type { ConsumerEvent } from '../../firehose-consumer/src/index.ts';
import { readFrames } from '../harness/capture.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { captureFolder } from '../harness/vectors.ts';

let server: FakeFirehose;
beforeEach(async () => {
  server = await FakeFirehose.start();
});
afterEach(async () => {
  await server.close();
});

test('x', async () => {
  const frames = readFrames(join(captureFolder() as string, 'frames.bin'));
  server.log.push(...frames.map((bytes, index) => ({ seq: index + 1, bytes })));
  const events: ConsumerEvent[] = [];
  const drops: unknown[] = [];
  const consumer = new FirehoseConsumer({ service: server.url, cursor: 0, cursorStore: memoryCursor(), onDrop: (drop) => drops.push(drop), onNotice: (n) => console.log(n) });
  const t = performance.now();
  await consumer.run((event) => {
    events.push(event);
    if (event.seq === frames.length) void consumer.close();
  });
  console.log(events.length, drops.length, drops.slice(0, 3), performance.now() - t, consumer.stats());
});
