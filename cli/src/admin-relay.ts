/**
 * `dunlin admin relay …`: an operator's commands for a running relay, over its admin API.
 * Where the relay is and what its password is comes from the same RELAY_* variables the relay reads, or from options.
 * Not for reading the relay's files. Source: ours; the API is that of the indigo relay with a little beside it.
 */
import { Command, InvalidArgumentError } from 'commander';
import { readRelayConfig } from '@dunlin/relay/config';
import type { Environment } from '@dunlin/service/config/env';

/** Where output goes, and the variables that are read. */
export interface AdminRelayParts {
  readonly write: (line: string) => void;
  /** Default: the environment of the process. */
  readonly env?: Environment;
}

type Row = Readonly<Record<string, unknown>>;

interface Options {
  readonly url?: string;
  readonly adminPassword?: string;
  readonly json?: boolean;
}

/** Calls a relay's admin API and prints what it answers. */
interface AdminRelay {
  ask(path: string, query?: Readonly<Record<string, string>>): Promise<unknown>;
  act(path: string, body: object): Promise<Row>;
  tell(sentence: string, result: Row): void;
  table(rows: readonly Row[]): void;
}

const timeoutMs = 60_000;

/** Makes the command with everything under it. */
export function adminRelayCommand(parts: AdminRelayParts): Command {
  const command = new Command('relay')
    .description('commands for the operator of a relay')
    .option('--url <url>', 'address of the running relay (default: from RELAY_API_BIND)', parseUrl)
    .option('--admin-password <password>', 'admin password (default: RELAY_ADMIN_PASSWORD)')
    .option('--json', 'one JSON line a result');
  const open = (): AdminRelay => openRelay(command.opts<Options>(), parts);
  addHostCommands(command, open);
  addDomainCommands(command, open);
  addAccountCommands(command, open);
  addCrawlCommands(command, open);
  command.command('consumers').description('who listens').action(async () => {
    const relay = open();
    const consumers = (await relay.ask('/admin/consumers/list')) as Row[];
    relay.table(consumers.map(({ ip, stream, cursor, sentEvents, bufferedBytes, connected_at: since }) => ({ ip, stream: stream ?? 'subscribeRepos', cursor, sentEvents, bufferedBytes, since })));
  });
  command.command('audit').description('what operators did, newest first').option('--limit <n>', 'how many', parseCount, 50).action(async ({ limit }: { limit: number }) => {
    const relay = open();
    const { acts } = (await relay.ask('/admin/audit', { limit: String(limit) })) as { acts: Row[] };
    relay.table(acts.map(({ id, at, address, path, params, status, outcome }) => ({ id, at, address, path, params, status, outcome })));
  });
  return command;
}

function addHostCommands(parent: Command, open: () => AdminRelay): void {
  const host = parent.command('host').description('hosts that the relay listens to');
  host.command('list').description('list hosts').action(async () => {
    const relay = open();
    const hosts = (await relay.ask('/admin/pds/list')) as Row[];
    relay.table(hosts.map(({ hostname, kind, state, accounts, accountLimit, cursor, acceptedEvents, lastFault }) => ({
      hostname, kind, state, accounts, limit: accountLimit, cursor, accepted: acceptedEvents, lastFault: (lastFault as { text?: string } | null)?.text ?? null,
    })));
  });
  const act = (name: string, does: string, path: string, body: (hostname: string) => object, sentence: string): void => {
    host.command(name).description(does).argument('<hostname>').action(async (hostname: string) => {
      const relay = open();
      relay.tell(`${hostname} ${sentence}`, { hostname, ...(await relay.act(path, body(hostname))) });
    });
  };
  act('add', 'listen to a host, whatever the limit of new hosts', '/admin/pds/requestCrawl', (hostname) => ({ hostname }), 'is listened to');
  act('add-relay', 'listen to another relay beside hosts', '/admin/pds/requestCrawl', (hostname) => ({ hostname, relay: true }), 'is listened to');
  act('block', 'hang up on a host and refuse it', '/admin/pds/block', (hostname) => ({ host: hostname }), 'is blocked');
  act('unblock', 'listen to a blocked host again', '/admin/pds/unblock', (hostname) => ({ host: hostname }), 'is not blocked any more');
  act('disconnect', 'hang up on a host until it asks to be crawled again', '/admin/subs/killUpstream', (hostname) => ({ host: hostname }), 'was hung up on');
  host.command('limit').description('change how many accounts a host may have').argument('<hostname>').argument('<accounts>', '', parseCount).action(async (hostname: string, accounts: number) => {
    const relay = open();
    const result = await relay.act('/admin/pds/changeLimits', { host: hostname, repo_limit: accounts });
    relay.tell(`${hostname} may have ${accounts} accounts; ${String(result['accountsFreed'])} may speak now that could not before`, { hostname, accounts, ...result });
  });
}

function addDomainCommands(parent: Command, open: () => AdminRelay): void {
  const domain = parent.command('domain').description('domains whose hosts are refused');
  domain.command('list').description('list banned domains').action(async () => {
    const relay = open();
    const { banned_domains: domains } = (await relay.ask('/admin/subs/listDomainBans')) as { banned_domains: string[] };
    relay.table(domains.map((each) => ({ domain: each })));
  });
  for (const [name, path, sentence] of [['ban', '/admin/subs/banDomain', 'is banned'], ['unban', '/admin/subs/unbanDomain', 'is not banned any more']] as const) {
    domain.command(name).description(`${name} a domain and every host below it`).argument('<domain>').action(async (text: string) => {
      const relay = open();
      relay.tell(`${text} ${sentence}`, { domain: text, ...(await relay.act(path, { domain: text })) });
    });
  }
}

function addAccountCommands(parent: Command, open: () => AdminRelay): void {
  const account = parent.command('account').description('accounts');
  account.command('info').description('show what the relay knows of an account').argument('<did>').action(async (did: string) => {
    const relay = open();
    const info = (await relay.ask('/admin/repo/status', { did })) as Row;
    relay.table([info]);
  });
  account.command('takedown').description('take an account down at this relay, its events out of the replay window').argument('<did>').action(async (did: string) => {
    const relay = open();
    const result = await relay.act('/admin/repo/takeDown', { did });
    relay.tell(`${did} is taken down; ${String(result['scrubbedEvents'])} events are out of the replay window`, { did, ...result });
  });
  account.command('untakedown').description('let an account speak again').argument('<did>').action(async (did: string) => {
    const relay = open();
    relay.tell(`${did} may speak again`, { did, ...(await relay.act('/admin/repo/reverseTakedown', { did })) });
  });
  account.command('takedowns').description('list accounts that are taken down').action(async () => {
    const relay = open();
    const rows: Row[] = [];
    for (let cursor: string | undefined = '0'; cursor !== undefined; ) {
      const page = (await relay.ask('/admin/repo/takedowns', { cursor })) as { dids: string[]; cursor?: string };
      rows.push(...page.dids.map((did) => ({ did })));
      cursor = page.cursor;
    }
    relay.table(rows);
  });
}

function addCrawlCommands(parent: Command, open: () => AdminRelay): void {
  const crawl = parent.command('crawl').description('crawl requests of the public; changes hold until the relay starts anew');
  for (const [name, enabled] of [['on', true], ['off', false]] as const) {
    crawl.command(name).description(`turn crawl requests ${name}`).action(async () => {
      const relay = open();
      relay.tell(`crawl requests are ${name}`, { enabled, ...(await relay.act('/admin/subs/setEnabled', { enabled })) });
    });
  }
  crawl.command('limit').description('change how many new hosts a day may come by themselves').argument('<hosts>', '', parseCount).action(async (limit: number) => {
    const relay = open();
    relay.tell(`${limit} new hosts a day may come`, { limit, ...(await relay.act('/admin/subs/setPerDayLimit', { limit })) });
  });
}

function openRelay(options: Options, { write, env }: AdminRelayParts): AdminRelay {
  const config = readRelayConfig(env);
  const url = options.url ?? `http://localhost:${config.apiBind.port}`;
  const password = options.adminPassword ?? config.adminPassword?.split(',')[0];
  if (password === undefined) throw new Error('no admin password: give --admin-password or set RELAY_ADMIN_PASSWORD');
  const call = async (path: string, init: RequestInit): Promise<unknown> => {
    const headers = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`, 'content-type': 'application/json' };
    const response = await fetch(new URL(path, url), { ...init, headers, signal: AbortSignal.timeout(timeoutMs) });
    const answer = (await response.json()) as { error?: string; message?: string };
    if (!response.ok) throw new Error(`the relay refused (${response.status} ${answer.error ?? ''}): ${answer.message ?? ''}`);
    return answer;
  };
  return {
    ask: (path, query = {}) => call(`${path}?${new URLSearchParams(query)}`, { method: 'GET' }),
    act: async (path, body) => (await call(path, { method: 'POST', body: JSON.stringify(body) })) as Row,
    tell: (sentence, result) => write(options.json ? JSON.stringify(result) : sentence),
    table(rows) {
      for (const line of options.json ? rows.map((row) => JSON.stringify(row)) : formatTable(rows)) write(line);
    },
  };
}

function formatTable(rows: readonly Row[]): string[] {
  const heads = Object.keys(rows[0] ?? {});
  if (heads.length === 0) return ['nothing found'];
  const cells = [heads, ...rows.map((row) => heads.map((head) => shown(row[head])))];
  const widths = heads.map((_head, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function parseUrl(text: string): string {
  if (!URL.canParse(text)) throw new InvalidArgumentError('must be a URL such as http://localhost:2470');
  return new URL(text).origin;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('must be a whole number, 0 or more');
  return value;
}
