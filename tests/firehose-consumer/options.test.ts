/** Options that cannot be used are refused where they are given. */
import { expect, test } from '@jest/globals';
import { FirehoseConsumer } from '../../firehose-consumer/src/index.ts';
import { fullOptions, resolverOf } from '../../firehose-consumer/src/options.ts';
import type { ConsumerOptions } from '../../firehose-consumer/src/options.ts';
import { MadeResolver } from './made-stream.ts';

const service = 'wss://relay.test';

test.each<[Partial<Record<keyof ConsumerOptions, unknown>>, string]>([
  [{ service: 'ftp://relay.test' }, 'service must be'],
  [{ cursor: -1 }, 'cursor must be a whole number: least=0 got=-1'],
  [{ cursor: 1.5 }, 'cursor must be'],
  [{ cursor: Number.NaN }, 'cursor must be'],
  [{ concurrency: 0 }, 'concurrency must be a whole number: least=1 got=0'],
  [{ maxBufferedBytes: 0 }, 'maxBufferedBytes must be'],
  [{ saveIntervalMs: 0 }, 'saveIntervalMs must be'],
  [{ identityPatienceMs: -1 }, 'identityPatienceMs must be'],
  [{ collections: ['*'] }, 'not a collection'],
])('%j', (option, message) => {
  expect(() => new FirehoseConsumer({ service, ...option } as ConsumerOptions)).toThrow(expect.objectContaining({ code: 'InvalidOption', message: expect.stringContaining(message) }));
});

test('defaults are filled in, also for options given as undefined', () => {
  expect(fullOptions({ service, concurrency: undefined, cursor: 0 } as unknown as ConsumerOptions)).toMatchObject({ concurrency: 16, cursor: 0, unit: 'record', verify: 'none', acknowledge: 'auto', maxBufferedBytes: 67_108_864 });
  expect(fullOptions({ service, cursorStore: { load: async () => null, save: async () => undefined } }).acknowledge).toBe('manual');
});

test('a resolver that is handed in is used as it is, a directory gets one made', () => {
  const identity = new MadeResolver();
  expect(resolverOf(fullOptions({ service, identity }))).toBe(identity);
  expect(resolverOf(fullOptions({ service, identity: { plcUrl: 'https://plc.test' } }))).toHaveProperty('resolveDid');
});
