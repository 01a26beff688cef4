/**
 * The `dunlin` command: picks the command named on the command line and runs it.
 * Not for: anything a server does itself; servers live in their own folders and are only started here.
 * Each command's code is loaded when it is asked for, so that a PDS does not carry an app view in memory.
 * Source: ours, see docs/operations.md.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import type { DoctorOptions } from './doctor/servers.ts';

const program = new Command('dunlin')
  .description('An open federated event network on the AT Protocol.')
  .version(packageVersion(), '-V, --version', 'print the version')
  .showHelpAfterError('(--help tells more)');

program
  .command('up')
  .description('start a whole federated network: a PLC directory, two PDSes, a relay and an app view')
  .option('--data <directory>', 'where everything is kept', '.data')
  .option('--port-base <port>', 'first of five consecutive ports (0: any free ports)', parsePort)
  .option('--json', 'print one ready line as JSON and nothing else')
  .action(async (options: { data: string; portBase?: number; json?: boolean }) => {
    const { runUp } = await import('./up.ts');
    await runUp(options);
  });

program
  .command('test')
  .description('set up what the tests need, then run types, lint, tidy, unit, server, flow, peer and browser tests')
  .argument('[parts...]', 'only these parts: types, lint, tidy, unit, servers, flow, peers, browser')
  .action(async (parts: string[]) => {
    const { runTests } = await import('../../tests/run.ts');
    process.exitCode = (await runTests(parts)) ? 0 : 1;
  });

program
  .command('bench')
  .description('run benchmarks; each prints JSON lines with a figure, a unit and the ratio to what it is compared with')
  .argument('[names...]', 'only these (file names in bench/ without the ending)')
  .action(async (names: string[]) => {
    const { runBenches } = await import('../../bench/run.ts');
    process.exitCode = (await runBenches(names)) ? 0 : 1;
  });

program
  .command('soak')
  .description('long runs: servers killed again and again, parsers and methods fed with spoilt input')
  .argument('[names...]', 'only these: relay-kill, pds-kill, fuzz-frames, hostile-consumers, fuzz-http')
  .option('--minutes <count>', 'how long each fuzzer goes on', parseMinutes)
  .option('--rounds <count>', 'how often each kill soak kills', parseCount)
  .option('--seed <number>', 'make the choices of an earlier run again', parseCount)
  .action(async (names: string[], options: { minutes?: number; rounds?: number; seed?: number }) => {
    const { runSoaks } = await import('../../tests/soak/run.ts');
    process.exitCode = (await runSoaks(names, options)) ? 0 : 1;
  });

program
  .command('firehose')
  .description('print a stream on the terminal, one JSON line an event')
  .argument('<url>', 'ws://, wss://, http:// or https:// address of a relay or PDS')
  .option('--cursor <seq>', 'start after this sequence number (0: from the oldest event kept)', parseCount)
  .option('--collection <nsid>', 'only this collection, or prefix.* (may be repeated)', collect)
  .option('--did <did>', 'only this account (may be repeated)', collect)
  .option('--verify', 'check signatures and the tree proof of every commit')
  .option('--plc <url>', 'PLC directory to resolve did:plc at', 'https://plc.directory')
  .option('--stats', 'print a line of rates every second instead of the events')
  .action(async (url: string, options: FirehoseOptions) => {
    const { runFirehose } = await import('./firehose.ts');
    await runFirehose(url, { ...options, collection: options.collection ?? [], did: options.did ?? [] });
  });

program
  .command('admin')
  .description('commands for operators: admin pds …, admin relay …')
  .argument('[words...]')
  .allowUnknownOption()
  .helpOption(false)
  .action(async () => {
    const { runAdmin } = await import('./admin.ts');
    await runAdmin(process.argv.slice(3));
  });

program
  .command('doctor')
  .description('look at a server of this machine by its settings, or at servers elsewhere, and say what is wrong and what to do')
  .addArgument(new Argument('[server]', 'which kind').choices(['pds', 'relay', 'appview', 'plc']).default('pds'))
  .argument('[urls...]', 'addresses to look at from outside; none: the server of this machine, by its variables', collectUrl)
  .option('--machine', 'only what this machine can tell')
  .option('--account <name>', 'also look at the handle or DID of an account of the PDS')
  .option('--relay <url>', 'ask this relay what it knows of the PDS (may be repeated)', collectUrl)
  .option('--clock-url <url>', 'compare the clock with the time of this server')
  .option('--patience <seconds>', 'how long a silent WebSocket is watched', parseCount)
  .option('--json', 'one JSON line a check')
  .action(async (server: DoctorOptions['server'], urls: string[] | undefined, options: Omit<DoctorOptions, 'server' | 'urls'>) => {
    const { runDoctor } = await import('./doctor.ts');
    if (!(await runDoctor({ ...options, ...(server && { server }), ...(urls && { urls }) }))) process.exitCode = 1;
  });

interface FirehoseOptions {
  cursor?: number;
  collection?: string[];
  did?: string[];
  verify?: boolean;
  plc: string;
  stats?: boolean;
}

/** The servers: each is configured by its environment alone, see `.env.example`. */
const servers: Record<string, [description: string, load: () => Promise<unknown>]> = {
  plc: ['start a did:plc directory', () => import('@dunlin/plc/main')],
  pds: ['start a personal data server', () => import('@dunlin/pds/main')],
  relay: ['start a relay', () => import('@dunlin/relay/main')],
  appview: ['start an app view', () => import('@dunlin/appview/main')],
};
for (const [name, [description, load]] of Object.entries(servers)) {
  program
    .command(name)
    .description(`${description}, configured by its environment (see .env.example)`)
    .option('--json', 'print the ready line as JSON even on a terminal')
    .action(async () => {
      await load();
    });
}

await program.parseAsync();

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function collectUrl(value: string, before: string[] = []): string[] {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) throw new InvalidArgumentError('must be an http or https address');
  return [...before, value];
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string };
  return version;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('must be a whole number, 0 or more');
  return value;
}

function parseMinutes(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_000)) throw new InvalidArgumentError('must be a number of minutes above 0');
  return value;
}

function parsePort(text: string): number {
  const value = parseCount(text);
  if (value > 65_530) throw new InvalidArgumentError('must leave room for five ports below 65,536');
  return value;
}
