/**
 * `dunlin doctor`: looks at this machine and at a PDS from outside, and says what is wrong and what to do, one line a check.
 * Where the PDS is comes from the same PDS_* variables the server reads. It changes nothing; a small file it writes for a try is removed again.
 * Exit code 1 when something does not work. Not for figures over time: that is what metrics are for.
 * Source: ours, see docs/operations.md.
 */
import { resolveTxt } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Environment } from '@dunlin/service/config/env';
import { writeLine } from '@dunlin/service/log/terminal';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { isLocal, readPdsConfig, type PdsConfig } from '@dunlin/pds/config';
import { pdsMigrations } from '@dunlin/pds/wiring/stores';
import { checkBlobPlace } from './doctor/blobs.ts';
import { warn, reasonOf, type Finding } from './doctor/finding.ts';
import { checkClock, checkFolder, checkNode, checkOpenFiles, checkRoom } from './doctor/machine.ts';
import { checkAccount, checkDescription, checkDidDocument, checkMail, checkRelay, checkWebSocket } from './doctor/pds.ts';

/** What stands on the command line. */
export interface DoctorOptions {
  /** Only what this machine can tell. */
  readonly machine?: boolean;
  /** Handle or DID of an account to look at. */
  readonly account?: string;
  /** Address whose time the clock is compared with. */
  readonly clockUrl?: string;
  readonly json?: boolean;
}

/** What a test puts in the place of the machine's own. */
export interface DoctorParts {
  readonly write: (line: string) => void;
  readonly env?: Environment;
  readonly clock: Clock;
}

/** Runs the checks, prints their findings as they come, and gives whether all works. */
export async function runDoctor(options: DoctorOptions, parts: DoctorParts = { write: (line) => void writeLine(line), clock: systemClock }): Promise<boolean> {
  const config = readPdsConfig(parts.env);
  let works = true;
  for await (const finding of findings(config, options, parts.clock)) {
    works &&= finding.state !== 'fail';
    parts.write(options.json ? JSON.stringify(finding) : lineOf(finding));
  }
  return works;
}

function lineOf({ check, state, found, advice }: Finding): string {
  return `${state.padEnd(4)}  ${check}: ${found}${advice === null ? '' : ` → ${advice}`}`;
}

async function* findings(config: PdsConfig, options: DoctorOptions, clock: Clock): AsyncGenerator<Finding, void, undefined> {
  yield checkNode(process.version);
  yield await checkFolder(config.dataDirectory);
  yield await checkRoom(config.dataDirectory);
  const blobs = await checkBlobPlace(config);
  if (blobs !== null) yield blobs;
  const openFiles = await checkOpenFiles();
  if (openFiles !== null) yield openFiles;
  if (options.clockUrl !== undefined) yield await checkClock(options.clockUrl, { fetch, clock });
  if (!options.machine) yield* network(config, options, clock);
}

async function* network(config: PdsConfig, options: DoctorOptions, clock: Clock): AsyncGenerator<Finding, void, undefined> {
  const host = isLocal(config) ? `localhost:${config.port}` : config.hostname;
  const url = isLocal(config) ? `http://${host}` : `https://${host}`;
  const did = config.serviceDid ?? didWebOf(host);
  yield await checkDescription(url, did, fetch);
  const document = await checkDidDocument(url, did, fetch);
  if (document !== null) yield document;
  yield await checkWebSocket(url);
  const headSeq = headSeqOf(config.dataDirectory);
  if (typeof headSeq === 'string') yield warn('sequence', headSeq, 'run the doctor with the program and as the user of the server');
  if (config.crawlers.length === 0) yield warn('relays', 'PDS_CRAWLERS is not set', 'name a relay there, else nobody hears of what is written here');
  for (const relay of config.crawlers) yield await checkRelay(relay, { hostname: host, headSeq: typeof headSeq === 'number' ? headSeq : null, fetch });
  if (options.account !== undefined) {
    const resolver = createIdentityResolver({ plcUrl: config.plcUrl, fetch, resolveTxt, clock, allowInsecure: isLocal(config) });
    yield await checkAccount(options.account.replace(/^@/, ''), { url, fetch, resolver });
  }
  const { emailSmtpUrl, emailFromAddress } = config;
  yield await checkMail(emailSmtpUrl === null || emailFromAddress === null ? null : { smtpUrl: emailSmtpUrl, from: emailFromAddress });
}

/** Gives the highest seq the server ever gave, null when it has no database yet, or why it cannot be read. */
function headSeqOf(dataDirectory: string): number | string | null {
  const path = join(dataDirectory, 'pds.sqlite');
  if (!existsSync(path)) return null;
  try {
    const database = openDatabase(path, { migrations: pdsMigrations, readonly: true });
    try {
      return database.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'event'").pluck().get() ?? 0;
    } finally {
      database.close();
    }
  } catch (fault) {
    return reasonOf(fault);
  }
}
