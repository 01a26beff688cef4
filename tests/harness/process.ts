/**
 * Our own commands as processes: start one, read its ready line, stop it, kill it.
 * Not for: servers that a test can start inside its own process.
 * Source: ours, see docs/operations.md for the ready line.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const root = join(import.meta.dirname, '../..');

export interface StartedProcess {
  child: ChildProcess;
  /** The parsed ready line. */
  ready: Record<string, unknown>;
  /** Lines on stdout so far, the ready line first. */
  lines: string[];
  /** Everything on stderr so far. */
  errorText: () => string;
  /** Sends a signal and waits for the end; the exit code, or null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts `node cli/src/main.ts …` and waits for its ready line. @throws when it ends or 30 s pass before it. */
export function startDunlin(args: readonly string[], environment: Record<string, string> = {}): Promise<StartedProcess> {
  return untilReady(args, spawnDunlin(args, environment));
}

/** Starts a server by the launcher, as operators do, with the flags it chooses. @throws as `startDunlin`, and when packages would be installed first */
export function startByLauncher(args: readonly string[], environment: Record<string, string> = {}): Promise<StartedProcess> {
  const stamp = join(root, 'node_modules/.dunlin-installed');
  const isInstalled = existsSync(stamp) && readFileSync(stamp).equals(readFileSync(join(root, 'package-lock.json')));
  if (!isInstalled) return Promise.reject(new Error('packages are not those of package-lock.json; run ./dunlin once'));
  const child = spawn(join(root, 'dunlin'), args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ...environment } });
  return untilReady(args, child);
}

async function untilReady(args: readonly string[], child: ChildProcess): Promise<StartedProcess> {
  const lines: string[] = [];
  let errorText = '';
  child.stderr!.on('data', (chunk: Buffer) => (errorText += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return ended;
  };
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no ready line in 30 s from dunlin ${args.join(' ')}: ${errorText.slice(-2_000)}`));
    }, 30_000);
    void ended.then((code) => {
      clearTimeout(deadline);
      reject(new Error(`dunlin ${args.join(' ')} ended with ${code} before it was ready: ${errorText.slice(-2_000)}`));
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 1) return;
      clearTimeout(deadline);
      resolve();
    });
  });
  return { child, ready: JSON.parse(lines[0]) as Record<string, unknown>, lines, errorText: () => errorText, stop };
}

/** Runs a command to its end. */
export async function runDunlin(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawnDunlin(args, environment);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', (exitCode) => resolve(exitCode)));
  return { code, stdout, stderr };
}

function spawnDunlin(args: readonly string[], environment: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--no-warnings', join(root, 'cli/src/main.ts'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...environment },
  });
}
