/**
 * The log: JSON lines on stderr, through pino (this is its only door); on a terminal, lines for people.
 * error = someone must act, warn = degraded and will heal, info = lifecycle and operator's acts; a counter beats a line.
 * Not for stdout: that belongs to the ready line and to the command line. Secrets and record contents never get here;
 * the redaction below is the second net, not the first. Source: ours, see STYLE.md.
 */
import pino from 'pino';
import { humanLine } from './human-line.ts';

/** What the rest of the house logs with. */
export type Logger = pino.Logger;

/** Words for how much is logged, from most to least. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Choices for a logger. */
export interface LoggerOptions {
  /** Least important level that is written; default 'info'. */
  readonly level?: LogLevel;
  /** Where lines go; default stderr, written synchronously so that the last line before an exit is kept. */
  readonly destination?: { write(line: string): void };
}

const secretNames = ['password', 'passwordHash', 'authorization', 'Authorization', 'cookie', 'token', 'accessJwt', 'refreshJwt', 'secret', 'jwtSecret', 'privateKey', 'dpop', 'ticket'];

const forPeople = { write: (line: string): void => void process.stderr.write(humanLine(line)) };

/** Makes the logger of one service; its name stands in every line. */
export function createLogger(service: string, o: LoggerOptions = {}): Logger {
  const paths = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  const destination = o.destination ?? (process.stderr.isTTY ? forPeople : pino.destination({ fd: 2, sync: true }));
  return pino({
    level: o.level ?? 'info',
    base: { service },
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths, censor: '***' },
  }, destination);
}

/** A logger that writes nothing; for tests and tools. */
export const silentLogger: Logger = pino({ level: 'silent' });
