/**
 * Counters, gauges and histograms of one service, through prom-client (this is its only door).
 * Every service has a registry of its own, never the global one, so that several can live in one process.
 * Names: `<service>_<noun>_<verb>_total`, `_seconds`, `_bytes`; labels come from small closed sets (checked by name here).
 * Hot paths take a child once and count on it: that is one addition, carried over when somebody reads the metrics.
 * Source: ours; text format of Prometheus.
 */
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type * as PromClient from 'prom-client';
import { assert } from '@dunlin/protocol/base/assert';

/** The parts we use, one by one: the whole brings a push gateway, a cluster and tracing with it, 10 MB in every process. */
const require = createRequire(import.meta.url);
const Registry = require('prom-client/lib/registry') as typeof PromClient.Registry;
const PromCounter = require('prom-client/lib/counter') as typeof PromClient.Counter;
const PromGauge = require('prom-client/lib/gauge') as typeof PromClient.Gauge;
const PromHistogram = require('prom-client/lib/histogram') as typeof PromClient.Histogram;

/** Label values of one series. */
export type Labels<L extends string> = Readonly<Record<L, string>>;

/** Something that is declared once. `help` is one sentence. */
export interface MetricOptions<L extends string> {
  /** Name without the service's prefix, such as 'frames_received_total'. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

/** Counts one series, as cheaply as an addition. */
export interface CounterChild {
  inc(by?: number): void;
}

/** Arguments of a metric call: a metric without labels takes the figure alone. */
export type FigureArguments<L extends string> = [L] extends [never] ? [value: number] : [labels: Labels<L>, value: number];

/** Arguments of a count: by 1 unless told; a metric without labels takes no labels. */
export type CountArguments<L extends string> = [L] extends [never] ? [by?: number] : [labels: Labels<L>, by?: number];

/** A figure that only grows. */
export interface Counter<L extends string = never> {
  inc(...args: CountArguments<L>): void;
  /** The series with these labels, to be kept and counted on. */
  child(...args: [L] extends [never] ? [] : [labels: Labels<L>]): CounterChild;
}

/** A figure that goes up and down. */
export interface Gauge<L extends string = never> {
  set(...args: FigureArguments<L>): void;
  add(...args: FigureArguments<L>): void;
}

/** A spread of figures. */
export interface Histogram<L extends string = never> {
  observe(...args: FigureArguments<L>): void;
}

/** The metrics of one service. */
export interface Metrics {
  counter<L extends string = never>(o: MetricOptions<L>): Counter<L>;
  /** `read`, when given, is asked for the value each time somebody reads the metrics. */
  gauge<L extends string = never>(o: MetricOptions<L> & { readonly read?: () => number }): Gauge<L>;
  histogram<L extends string = never>(o: MetricOptions<L> & { readonly buckets?: readonly number[] }): Histogram<L>;
  /** Everything in the text format of Prometheus. */
  text(): Promise<string>;
  /** Everything as plain data, for another process to include. */
  figures(): Promise<Figures>;
  /** Puts what other processes of the service count into `text`, each under a label `process` with the name it is given by. */
  include(read: () => Promise<ReadonlyMap<string, Figures>>): void;
  readonly contentType: string;
  close(): void;
}

/** Figures of a process on their way to another one. */
export type Figures = Awaited<ReturnType<PromClient.Registry['getMetricsAsJSON']>>;

const unboundedLabels = new Set(['did', 'cid', 'uri', 'url', 'address', 'ip', 'handle', 'path', 'rkey', 'message']);

/** Default buckets for times in seconds: from half a millisecond to half a minute. */
export const timeBuckets: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Makes the metrics of a service; each name begins with `<prefix>_`. Process figures come with them. */
export function createMetrics(prefix: string): Metrics {
  const registry = new Registry();
  const carryOver: (() => void)[] = [];
  let others: (() => Promise<ReadonlyMap<string, Figures>>) | null = null;
  const settings = <L extends string>(o: MetricOptions<L>): { name: string; help: string; labelNames: string[]; registers: PromClient.Registry[] } => {
    const labelNames: string[] = [...(o.labels ?? [])];
    assert(labelNames.every((label) => !unboundedLabels.has(label)), `label of a metric is unbounded: metric=${o.name}`);
    return { name: `${prefix}_${o.name}`, help: o.help, labelNames, registers: [registry] };
  };
  const metrics: Metrics = {
    contentType: registry.contentType,
    counter(o) {
      const counter = new PromCounter(settings(o));
      return {
        inc: (...args) => counter.inc(...split(args, 1)),
        child(...args) {
          const [labels] = split(args, 0);
          const child = { count: 0, inc: (by = 1): void => void (child.count += by) };
          counter.inc(labels, 0);
          carryOver.push(() => {
            counter.inc(labels, child.count);
            child.count = 0;
          });
          return child;
        },
      };
    },
    gauge(o) {
      const { read } = o;
      const gauge: PromClient.Gauge = new PromGauge({ ...settings(o), ...(read && { collect: () => gauge.set(read()) }) });
      return { set: (...args) => gauge.set(...split(args, 0)), add: (...args) => gauge.inc(...split(args, 0)) };
    },
    histogram(o) {
      const histogram = new PromHistogram({ ...settings(o), buckets: [...(o.buckets ?? timeBuckets)] });
      return { observe: (...args) => histogram.observe(...split(args, 0)) };
    },
    async text() {
      if (others === null) {
        for (const carry of carryOver) carry();
        return await registry.metrics();
      }
      const [own, rest] = await Promise.all([metrics.figures(), others()]);
      const aggregating = require('prom-client/lib/cluster') as typeof PromClient.AggregatorRegistry;
      return await aggregating.aggregate([own, ...[...rest].map(([name, figures]) => labelled(figures, name))]).metrics();
    },
    figures() {
      for (const carry of carryOver) carry();
      return registry.getMetricsAsJSON();
    },
    include(read) {
      others = read;
    },
    close: () => undefined,
  };
  const closeProcess = addProcessFigures(metrics);
  return { ...metrics, close: () => { closeProcess(); registry.clear(); } };
}

/** Puts the name of a process into every series. */
function labelled(figures: Figures, name: string): Figures {
  return figures.map((metric) => ({ ...metric, values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, process: name } })) }));
}

/** Tells labels from the figure; either may be missing. */
function split(args: readonly unknown[], defaultValue: number): [labels: Record<string, string>, value: number] {
  const [first, second] = args;
  if (typeof first === 'object' && first !== null) return [{ ...first }, typeof second === 'number' ? second : defaultValue];
  return [{}, typeof first === 'number' ? first : defaultValue];
}

function addProcessFigures(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  metrics.gauge({ name: 'process_resident_memory_bytes', help: 'Memory the process holds.', read: () => process.memoryUsage.rss() });
  metrics.gauge({ name: 'process_heap_used_bytes', help: 'JavaScript heap in use.', read: () => process.memoryUsage().heapUsed });
  metrics.gauge({ name: 'process_cpu_seconds', help: 'CPU time used since the start.', read: () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; } });
  metrics.gauge({ name: 'process_uptime_seconds', help: 'Time since the process began.', read: () => process.uptime() });
  metrics.gauge({
    name: 'process_event_loop_delay_p99_seconds',
    help: 'How late the event loop was in 99 of 100 samples, since the last reading.',
    read: () => {
      const seconds = delay.percentile(99) / 1e9;
      delay.reset();
      return seconds;
    },
  });
  return () => delay.disable();
}
