/**
 * What every operator's command works with: the PDS's settings, calls to it with the admin password, and a way to print results.
 * Nothing is read or asked before a command needs it. Not for the commands themselves.
 * Source: ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@dunlin/service/config/env';
import { xrpcGet, xrpcPost, type CallParams } from '@dunlin/service/xrpc/call';
import { readPdsConfig, type PdsConfig } from '@dunlin/pds/config';

/** Options before the command's name. */
export interface AdminOptions {
  readonly url?: string;
  readonly adminPassword?: string;
  readonly data?: string;
  readonly json?: boolean;
}

/** A result as rows of a table; the first row's keys are the heads. */
export type Row = Readonly<Record<string, unknown>>;

/** What commands work with. */
export interface AdminPds {
  readonly config: PdsConfig;
  readonly url: string;
  get<T>(nsid: string, params?: CallParams): Promise<T>;
  post<T>(nsid: string, input: object): Promise<T>;
  /** Prints one result: the JSON with --json, else the sentence. */
  tell(sentence: string, result: Row): void;
  /** Prints rows: a JSON line each with --json, else a table. */
  table(rows: readonly Row[]): void;
}

/** Reads the settings and gives what commands work with. */
export function openAdminPds(options: AdminOptions, { write, env }: { write: (line: string) => void; env?: Environment }): AdminPds {
  const read = readPdsConfig(env);
  const config = { ...read, dataDirectory: options.data ?? read.dataDirectory };
  const url = options.url ?? `http://localhost:${config.port}`;
  const call = { fetch, service: url, timeoutMs: 60_000 };
  const authorization = (): { authorization: string } => {
    const password = options.adminPassword ?? config.adminPassword ?? keptPassword(config.dataDirectory);
    return { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
  };
  return {
    config,
    url,
    get: async <T>(nsid: string, params: CallParams = {}) => (await xrpcGet(nsid, params, { ...call, headers: authorization() })) as T,
    post: async <T>(nsid: string, input: object) => (await xrpcPost(nsid, input, { ...call, headers: authorization() })) as T,
    tell: (sentence, result) => write(options.json ? JSON.stringify(result) : sentence),
    table(rows) {
      const lines = options.json ? rows.map((row) => JSON.stringify(row)) : formatTable(rows);
      for (const line of lines) write(line);
    },
  };
}

function keptPassword(dataDirectory: string): string {
  const path = join(dataDirectory, 'secrets.json');
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { adminPassword?: string }).adminPassword : undefined;
  if (kept === undefined) throw new Error(`no admin password: give --admin-password, set PDS_ADMIN_PASSWORD, or point --data at the data directory (looked in ${path})`);
  return kept;
}

function formatTable(rows: readonly Row[]): string[] {
  const [first] = rows;
  if (first === undefined) return ['nothing found'];
  const heads = Object.keys(first);
  const cells = [heads, ...rows.map((row) => heads.map((head) => shown(row[head])))];
  const widths = heads.map((_head, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
