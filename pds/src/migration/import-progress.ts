/**
 * How far an import of a whole server has come: a file in the data directory with a line for each account that was begun or is done.
 * Lets an import that was cut off go on, and tells accounts it began from those that lived here before.
 * Every line is durable before the next step. The file stays, so that repeating a finished import does nothing. Source: ours.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file. */
export const importProgressName = 'import-reference.jsonl';

type Line = { from?: string; begun?: string; done?: string };

/** The file. Every method is synchronous. */
export class ImportProgress {
  readonly #file: number;
  readonly #begun = new Set<string>();
  readonly #done = new Set<string>();

  /** Reads what an earlier run wrote. @throws Error when that run read from another directory */
  constructor(dataDirectory: string, from: string) {
    const path = join(dataDirectory, importProgressName);
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line.endsWith('}')) : [];
    for (const line of lines) {
      const { from: before, begun, done } = JSON.parse(line) as Line;
      if (before !== undefined && before !== from) throw new Error(`an import from another directory was begun here: ${before} (finish it first, or remove ${path})`);
      if (begun !== undefined) this.#begun.add(begun);
      if (done !== undefined) this.#done.add(done);
    }
    this.#file = openSync(path, 'a', 0o600);
    // A line that was cut off by a crash must not run together with the next.
    this.#write(lines.length === 0 ? `${JSON.stringify({ from })}\n` : '\n');
  }

  /** Tells whether an account was begun, by this run or an earlier one. */
  isBegun(did: string): boolean {
    return this.#begun.has(did);
  }

  /** Tells whether an account is done. */
  isDone(did: string): boolean {
    return this.#done.has(did);
  }

  /** Notes that an account is begun. */
  begin(did: string): void {
    this.#begun.add(did);
    this.#write(`${JSON.stringify({ begun: did })}\n`);
  }

  /** Notes that an account is done. */
  finish(did: string): void {
    this.#done.add(did);
    this.#write(`${JSON.stringify({ done: did })}\n`);
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.#file);
  }

  #write(text: string): void {
    writeSync(this.#file, text);
    fsyncSync(this.#file);
  }
}
