/** A relay with processes for its consumers, as processes: none outlives another when it must not, and nothing is lost by it. */
import { afterEach, expect, test } from '@jest/globals';
import { startDunlin, type StartedProcess } from '../harness/process.ts';
import { killRelay } from '../harness/relay-kill.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { TestConsumer } from '../relay/fixture/test-relay.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(): Promise<{ relay: StartedProcess; pids: number[]; consumers: TestConsumer[] }> {
  const folder = await temporaryFolder();
  closing.push(() => folder.remove());
  const relay = await startDunlin(['relay'], {
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: folder.path, RELAY_PLC_HOST: 'http://127.0.0.1:1', RELAY_ALLOW_INSECURE_HOSTS: 'true',
    RELAY_VERIFY_WORKERS: '1', RELAY_FANOUT_PROCESSES: '2',
  });
  closing.push(() => relay.stop('SIGKILL'));
  const pids = [...relay.errorText().matchAll(/"pid":(\d+),"msg":"process for consumers is ready"/g)].map(([, pid]) => Number(pid));
  expect(pids.length).toBe(2);
  const consumers = await Promise.all(Array.from({ length: 4 }, () => TestConsumer.connect(String(relay.ready['url']))));
  return { relay, pids, consumers };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a relay that is told to end sends the consumers of all processes away, and ends with them', async () => {
  const { relay, pids, consumers } = await start();
  expect(await relay.stop('SIGTERM')).toBe(0);
  expect(await Promise.all(consumers.map((consumer) => consumer.closed))).toEqual([1001, 1001, 1001, 1001]);
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a signal to a whole group of processes drains it no less', async () => {
  const { relay, pids, consumers } = await start();
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  expect(await relay.stop('SIGTERM')).toBe(0);
  expect(await Promise.all(consumers.map((consumer) => consumer.closed))).toEqual([1001, 1001, 1001, 1001]);
});

test('a relay that is killed takes its processes down', async () => {
  const { relay, pids, consumers } = await start();
  await relay.stop('SIGKILL');
  await eventually('they are gone', () => pids.every((pid) => !isAlive(pid)));
  await Promise.all(consumers.map((consumer) => consumer.closed));
});

test('loses nothing and repeats nothing over 3 kills under load, two processes serving', async () => {
  await killRelay({ rounds: 3, random: Math.random, fanoutProcesses: 2 });
}, 120_000);
