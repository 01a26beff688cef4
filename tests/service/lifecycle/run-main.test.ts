/** Tests of a server as a process: the ready line, signals, exit codes. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../harness/wait.ts';

interface Started {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

function start(behaviour: string, flags: readonly string[] = []): Started {
  const child = spawn(process.execPath, ['--no-warnings', ...flags, join(import.meta.dirname, 'fixtures/main.ts'), behaviour], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => void (stdout += String(data)));
  child.stderr.on('data', (data) => void (stderr += String(data)));
  return { child, stdout: () => stdout, stderr: () => stderr, ended: once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string) };
}

describe('a server as a process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('prints one ready line, drains on %s and exits 0', async (signal) => {
    const server = start('well');
    await eventually('ready', () => server.stdout().includes('\n'));
    server.child.kill(signal);
    expect(await server.ended).toBe(0);
    expect(server.stdout()).toBe('{"ready":"test","url":"http://127.0.0.1:1","version":"1.2.3"}\n');
    expect(server.stderr()).toContain('closing\nclosed\n');
  });

  test('has V8’s optimizing compilers as soon as it is ready, however busy it is, with what the launcher gives a PDS', async () => {
    const line = /^ *node_flags\+=\((.*)\)$/m.exec(readFileSync(join(import.meta.dirname, '../../../dunlin'), 'utf8'));
    const flags = line![1]!.replaceAll("'", '').split(' ');
    expect(flags).toEqual(expect.arrayContaining(['--maglev-filter=~', '--turbo-filter=~']));
    const server = start('busy', [...flags, '--allow-natives-syntax']);
    await eventually('optimized', () => server.stderr().includes('\noptimized\n'));
    expect(server.stderr()).toContain('optimized while it started: false\n');
    expect(server.stdout()).toContain('"ready"');
  });

  test('exits at once on a second signal', async () => {
    const server = start('hang');
    await eventually('ready', () => server.stdout().includes('\n'));
    server.child.kill('SIGTERM');
    await eventually('draining', () => server.stderr().includes('closing'));
    server.child.kill('SIGINT');
    expect(await server.ended).toBe(130);
    expect(server.stderr()).not.toContain('closed');
  });

  test('exits 78 with one line per fault when its configuration cannot work', async () => {
    const server = start('bad-config');
    expect(await server.ended).toBe(78);
    expect(server.stderr()).toBe('TEST_A must be a number\nTEST_B is required\n');
    expect(server.stdout()).toBe('');
  });

  test('exits 78 and says why when its start fails', async () => {
    const server = start('bad-start');
    expect(await server.ended).toBe(78);
    expect(server.stderr()).toContain('test cannot start: the address is in use by another program');
  });

  test.each(['assertion', 'rejection'])('drains and exits 70 on a fault of ours: %s', async (behaviour) => {
    const server = start(behaviour);
    expect(await server.ended).toBe(70);
    expect(server.stderr()).toContain('"level":"fatal"');
    expect(server.stderr()).toContain('closed');
  });
});
