import { expect, test } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { FanoutChild } from '@dunlin/relay/fanout/child';
import { RelayLog } from '@dunlin/relay/log/relay-log';
import { temporaryFolder } from '../../harness/temporary.ts';

test('a process that is gone already answers at once, with nothing', async () => {
  const folder = await temporaryFolder();
  const log = await RelayLog.open({ folder: folder.path, initialSeq: 2 ** 33, durability: 'os', segmentBytes: 1_000_000, segmentAgeMs: 1_000_000, clock: systemClock, onFault: () => undefined });
  const ended = Promise.withResolvers<string>();
  const child = new FanoutChild({
    log, clock: systemClock, onReady: () => child.kill(), onFault: ended.reject, onExit: ended.resolve,
    beginning: { folder: folder.path, serverName: 'test', logLevel: 'fatal', maxHeaderBytes: 16_384, ringBytes: 1_000_000 },
  });
  expect(await ended.promise).toBe('SIGKILL');
  for (const kind of ['figures', 'forget', 'close'] as const) expect(await child.ask({ kind }, 60_000)).toBeNull();
  await log.close();
  await folder.remove();
});
