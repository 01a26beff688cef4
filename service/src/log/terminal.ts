/**
 * The door to stdout and stderr for what people or scripts read: command output, tables, JSON lines.
 * Not for logs (logger.ts). A reader that went away (`dunlin firehose | head`) is not an error: it is told to whoever asked.
 * Source: ours.
 */

const goneListeners = new Set<() => void>();
let isWatching = false;

function watchOutput(): void {
  if (isWatching) return;
  isWatching = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    for (const listener of goneListeners) listener();
    goneListeners.clear();
  });
}

/** Writes one line to stdout. False means the reader is slow: wait for `outputDrained` before writing much more. */
export function writeLine(line: string): boolean {
  watchOutput();
  return process.stdout.write(`${line}\n`);
}

/** Writes one line for people to stderr. */
export function writeNote(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Resolves when stdout can take more. */
export function outputDrained(): Promise<void> {
  if (!process.stdout.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => process.stdout.once('drain', () => resolve()));
}

/** Calls once when nobody reads stdout any more; gives a function that forgets the listener. */
export function onOutputGone(listener: () => void): () => void {
  watchOutput();
  goneListeners.add(listener);
  return () => void goneListeners.delete(listener);
}

/** Says whether stdout is a terminal with a person before it. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}
