/** Tests of the metrics listener. */
import { afterEach, expect, test } from '@jest/globals';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { closeServices, whenDone } from './open-app.ts';

afterEach(closeServices);

test('the metrics listener serves /metrics and nothing else', async () => {
  const metrics = createMetrics('mine');
  metrics.counter({ name: 'things_total', help: 'Things.' }).inc(3);
  const listener = await startMetricsListener({ host: '127.0.0.1', port: 0, metrics, log: silentLogger });
  whenDone(() => metrics.close());
  whenDone(() => listener.close());
  const response = await fetch(`${listener.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  expect(await response.text()).toContain('mine_things_total 3');
  expect((await fetch(listener.url)).status).toBe(404);
});
