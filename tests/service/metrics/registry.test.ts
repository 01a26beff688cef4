/** Tests of metrics: each service its own registry, names with its prefix, children that carry over. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';

const opened: Metrics[] = [];
afterEach(() => opened.splice(0).forEach((metrics) => metrics.close()));

function open(prefix = 'test'): Metrics {
  const metrics = createMetrics(prefix);
  opened.push(metrics);
  return metrics;
}

describe('metrics', () => {
  test('count with and without labels', async () => {
    const metrics = open();
    const drops = metrics.counter({ name: 'drops_total', help: 'Dropped.', labels: ['reason'] });
    const frames = metrics.counter({ name: 'frames_total', help: 'Frames.' });
    drops.inc({ reason: 'old' });
    drops.inc({ reason: 'old' }, 2);
    frames.inc();
    frames.inc(4);
    const text = await metrics.text();
    expect(text).toContain('test_drops_total{reason="old"} 3');
    expect(text).toContain('test_frames_total 5');
    expect(text).toContain('# HELP test_frames_total Frames.');
  });

  test('of a child show from the start and are carried over once', async () => {
    const metrics = open();
    const child = metrics.counter({ name: 'hot_total', help: 'Hot.', labels: ['kind'] }).child({ kind: 'a' });
    expect(await metrics.text()).toContain('test_hot_total{kind="a"} 0');
    child.inc();
    child.inc(9);
    expect(await metrics.text()).toContain('test_hot_total{kind="a"} 10');
    expect(await metrics.text()).toContain('test_hot_total{kind="a"} 10');
  });

  test('gauges are set, moved or read', async () => {
    const metrics = open();
    let depth = 3;
    const gauge = metrics.gauge({ name: 'hosts', help: 'Hosts.', labels: ['state'] });
    metrics.gauge({ name: 'depth', help: 'Depth.', read: () => depth });
    gauge.set({ state: 'active' }, 5);
    gauge.add({ state: 'active' }, -2);
    expect(await metrics.text()).toContain('test_hosts{state="active"} 3');
    expect(await metrics.text()).toContain('test_depth 3');
    depth = 4;
    expect(await metrics.text()).toContain('test_depth 4');
  });

  test('spread figures over buckets', async () => {
    const metrics = open();
    metrics.histogram({ name: 'wait_seconds', help: 'Waits.', buckets: [0.1, 1] }).observe(0.5);
    const text = await metrics.text();
    expect(text).toContain('test_wait_seconds_bucket{le="0.1"} 0');
    expect(text).toContain('test_wait_seconds_bucket{le="1"} 1');
  });

  test('of two services do not meet', async () => {
    const [one, two] = [open('one'), open('two')];
    one.counter({ name: 'x_total', help: 'X.' }).inc();
    two.counter({ name: 'x_total', help: 'X.' });
    expect(await two.text()).toContain('two_x_total 0');
    expect(await two.text()).not.toContain('one_x_total');
  });

  test('come with figures of the process', async () => {
    const text = await open().text();
    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds', 'process_event_loop_delay_p99_seconds']) expect(text).toMatch(new RegExp(`^test_${name} \\d`, 'm'));
  });

  test('refuse labels without a bound', () => {
    expect(() => open().counter({ name: 'y_total', help: 'Y.', labels: ['did'] })).toThrow('label of a metric is unbounded');
  });
});
