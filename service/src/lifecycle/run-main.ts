/**
 * Runs a server as a process: starts it, prints the ready line, drains on a signal, chooses the exit code.
 * The only file that installs signal handlers or ends the process.
 * Exit codes: 0 drained; 70 our own mistake (after draining); 78 a start that cannot work, one line a fault; 1 a drain that hung,
 * 130 or 143 a second signal. Not for tests and `dunlin up`, which call a server's start function themselves.
 * Source: ours; codes of sysexits.
 */
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { ConfigError } from '../config/env.ts';
import { createLogger, type Logger } from '../log/logger.ts';
import { printReady, type ReadyLine } from '../log/ready-line.ts';
import { writeNote } from '../log/terminal.ts';
import type { RunningService } from './service.ts';
import { letOptimize, settle } from './settle.ts';

/** Longest time a drain may take before the process ends all the same, in ms. */
export const drainDeadlineMs = 10_000;

/** How long after the ready line the process settles, in ms: whoever waited for it comes first. */
const settleAfterMs = 1_000;

/** Choices for a main. */
export interface RunMainOptions {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** True prints the ready line as JSON on a terminal too; also chosen by a `--json` argument. */
  readonly json?: boolean;
}

const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;

/** Starts the service and keeps the process with it; resolves when it is ready (or the process is on its way out). */
export async function runMain(service: string, start: () => Promise<RunningService & { readonly ready: ReadyLine }>, o: RunMainOptions = {}): Promise<void> {
  const log = o.log ?? createLogger(service);
  const clock = o.clock ?? systemClock;
  let running: RunningService | null = null;
  let isDraining = false;
  const drain = async (exitCode: number): Promise<void> => {
    if (isDraining) return;
    isDraining = true;
    clock.after(drainDeadlineMs, () => {
      log.error({ drainDeadlineMs }, 'drain took too long');
      process.exit(exitCode === 0 ? 1 : exitCode);
    }, { unref: true });
    await running?.close();
    log.info({ exitCode }, 'stopped');
    process.exit(exitCode);
  };
  for (const [signal, number] of Object.entries(signalNumbers)) {
    process.on(signal, () => {
      if (isDraining) process.exit(128 + number);
      log.info({ signal }, 'draining');
      void drain(0);
    });
  }
  const onFatal = (error: unknown): void => {
    log.fatal({ err: error }, 'internal fault, draining');
    void drain(70);
  };
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  try {
    const started = await start();
    running = started;
    if (isDraining) return await started.close();
    letOptimize();
    printReady(started.ready, { json: o.json ?? process.argv.includes('--json') });
    clock.after(settleAfterMs, settle, { unref: true });
  } catch (error) {
    reportStartFault(service, error, log);
    process.exit(78);
  }
}

function reportStartFault(service: string, error: unknown, log: Logger): void {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) writeNote(fault);
    return;
  }
  log.error({ err: error }, 'start failed');
  writeNote(`${service} cannot start: ${startFaultText(error)}`);
}

function startFaultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') return `the address is in use by another program (${error.message})`;
  if ('code' in error && error.code === 'EACCES') return `permission denied (${error.message})`;
  return error.message;
}
