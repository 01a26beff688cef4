/** Settings of the directory, its metrics listener, and a start that cannot work. */
import { expect, test } from '@jest/globals';
import { silentLogger } from '@dunlin/service/log/logger';
import { readPlcConfig } from '../../plc/src/config.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { genesis } from './operations.ts';

test('has a default for everything', () => {
  expect(readPlcConfig({})).toEqual({ port: 2582, host: '127.0.0.1', dataDirectory: '.data/plc', operationsPerHour: 100, operationsPerDay: 300,
    operationsPerWeek: 1_000, submissionsPerMinute: 6_000, metricsListen: null });
});

test('names every fault at once', () => {
  expect(() => readPlcConfig({ PLC_PORT: '-1', PLC_POTR: '1', PLC_OPERATIONS_PER_DAY: '0', PLC_METRICS_LISTEN: 'x' })).toThrow(
    expect.objectContaining({ faults: [expect.stringContaining('PLC_PORT'), expect.stringContaining('PLC_OPERATIONS_PER_DAY'), expect.stringContaining('PLC_METRICS_LISTEN'), expect.stringContaining('PLC_POTR')] }));
});

test('counts submissions by what became of them, on a listener of its own', async () => {
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:', metricsListen: { host: '127.0.0.1', port: 0 } }, { log: silentLogger });
  try {
    const { did, operation } = genesis();
    const post = (body: unknown): Promise<Response> => fetch(`${plc.url}/${did}`, { method: 'POST', body: JSON.stringify(body) });
    for (const body of [operation, operation, {}, { ...operation, alsoKnownAs: [] }]) await post(body);
    const figures = await (await fetch(`${plc.metricsUrl}/metrics`)).text();
    const counted = [...figures.matchAll(/^plc_operations_submitted_total\{outcome="(\w+)"\} (\d+)$/gm)].map(([, outcome, count]) => [outcome, Number(count)]);
    expect(Object.fromEntries(counted)).toEqual({ genesis: 1, repeated: 1, malformed: 1, Misordered: 1 });
    expect((await fetch(`${plc.url}/metrics`)).status).toBe(404);
  } finally {
    await plc.close();
  }
});

test('a start on a taken port fails and leaves nothing open', async () => {
  const folder = await temporaryFolder();
  const first = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  try {
    const port = Number(new URL(first.url).port);
    await expect(startPlc({ port, host: '127.0.0.1', dataDirectory: folder.path }, { log: silentLogger })).rejects.toThrow('EADDRINUSE');
    const second = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: folder.path }, { log: silentLogger });
    await second.close();
    await second.close();
  } finally {
    await first.close();
    await folder.remove();
  }
});
