/**
 * The one line a server prints on stdout when it is ready, so that scripts can wait for it.
 * On a terminal it is a sentence for people, else one JSON object; nothing else ever goes to a server's stdout.
 * Source: ours; the form is a promise to people who script this (README).
 */
import { writeLine } from './terminal.ts';

/** Says what is ready and where; further fields are printed as they are. */
export interface ReadyLine {
  /** Kind of service: 'plc', 'pds', 'relay', 'appview', or 'network' for all of them. */
  readonly ready: string;
  readonly [field: string]: unknown;
}

/** Prints the ready line: JSON unless stdout is a terminal and `json` is not asked for. */
export function printReady(line: ReadyLine, o: { readonly json?: boolean } = {}): void {
  if (o.json || !process.stdout.isTTY) writeLine(JSON.stringify(line));
  else writeLine(`${line.ready} is ready${typeof line['url'] === 'string' ? ` at ${line['url']}` : ''}`);
}
