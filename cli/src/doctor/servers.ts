/**
 * Which checks belong to which server: of the machine it runs on, by its settings, and of its address, from outside.
 * Not for the checks themselves (the files beside this one).
 * Source: ours, see docs/operations.md.
 */
import { resolveTxt } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readAppviewConfig } from '@dunlin/appview/config';
import type { Clock } from '@dunlin/protocol/base/clock';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { isLocal, readPdsConfig, type PdsConfig } from '@dunlin/pds/config';
import { pdsMigrations } from '@dunlin/pds/wiring/stores';
import { readPlcConfig } from '@dunlin/plc/config';
import { readRelayConfig } from '@dunlin/relay/config';
import type { Environment } from '@dunlin/service/config/env';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { xrpcGet } from '@dunlin/service/xrpc/call';
import { checkAddress, isLocalName, type AddressParts } from './address.ts';
import { reasonOf, warn, type Finding } from './finding.ts';
import { checkAppview, checkPlc } from './others.ts';
import { checkAccount, checkDescription, checkDidDocument, checkDirectory, checkHandles, checkMail, checkUploadSize } from './pds.ts';
import { checkRelay, checkRelayServer } from './relay.ts';
import { checkFirehose } from './stream.ts';

/** The servers the doctor knows. */
export const serverNames = ['pds', 'relay', 'appview', 'plc'] as const;

export type ServerName = (typeof serverNames)[number];

/** What stands on the command line. */
export interface DoctorOptions {
  /** Default pds. */
  readonly server?: ServerName;
  /** Addresses to look at from outside; none: the server of this machine, by its settings. */
  readonly urls?: readonly string[];
  /** Only what this machine can tell. */
  readonly machine?: boolean;
  /** Handle or DID of an account to look at. */
  readonly account?: string;
  /** Relays to ask about a PDS, beside those of its settings. */
  readonly relay?: readonly string[];
  /** Address whose time the clock is compared with. */
  readonly clockUrl?: string;
  /** How long a silent WebSocket is watched, in seconds (3). */
  readonly patience?: number;
  readonly json?: boolean;
}

/** What checks use. */
export interface CheckParts extends AddressParts {
  readonly env?: Environment;
  readonly clock: Clock;
}

/** A server of this machine: where its data lies, and which setting says so. */
export interface LocalServer {
  readonly folder: string;
  readonly setting: string;
  readonly url: string;
  readonly pds: PdsConfig | null;
}

/** Reads the settings of a server. @throws when they are wrong */
export function localServer(server: ServerName, env?: Environment): LocalServer {
  switch (server) {
    case 'pds': {
      const config = readPdsConfig(env);
      const url = isLocal(config) ? `http://localhost:${config.port}` : `https://${config.hostname}`;
      return { folder: config.dataDirectory, setting: 'PDS_DATA_DIRECTORY', url, pds: config };
    }
    case 'relay': {
      const { persistDirectory, apiBind } = readRelayConfig(env);
      return { folder: persistDirectory, setting: 'RELAY_PERSIST_DIR', url: `http://${reachable(apiBind.host)}:${apiBind.port}`, pds: null };
    }
    case 'appview': {
      const { dataDirectory, hostname, port, isDevMode } = readAppviewConfig(env);
      return { folder: dataDirectory, setting: 'APPVIEW_DATA_DIRECTORY', url: isDevMode ? `http://${hostname}:${port}` : `https://${hostname}`, pds: null };
    }
    case 'plc': {
      const { dataDirectory, host, port } = readPlcConfig(env);
      return { folder: dataDirectory, setting: 'PLC_DATA_DIRECTORY', url: `http://${reachable(host)}:${port}`, pds: null };
    }
  }
}

/** An address that is listened on, as one that can be called. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' || host === '' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
}

/** Looks at a server from outside; `pds` are its settings, where they are known. */
export async function* checkServer(server: ServerName, address: string, o: DoctorOptions, parts: CheckParts, pds: PdsConfig | null): AsyncGenerator<Finding, void, undefined> {
  const url = new URL(address).origin;
  yield* checkAddress(new URL(url), parts);
  const stream = { clock: parts.clock, fetch: parts.fetch, patienceMs: (o.patience ?? 3) * 1000 };
  switch (server) {
    case 'pds': return yield* checkPds(url, o, { ...parts, ...stream }, pds);
    case 'relay': return yield* checkRelayServer(url, stream);
    case 'appview': return yield* checkAppview(url, stream);
    case 'plc': return yield* checkPlc(url, stream);
  }
}

async function* checkPds(url: string, o: DoctorOptions, parts: CheckParts & { patienceMs: number }, config: PdsConfig | null): AsyncGenerator<Finding, void, undefined> {
  const { fetch, clock } = parts;
  const { host, hostname } = new URL(url);
  const did = config?.serviceDid ?? didWebOf(host);
  yield await checkDescription(url, did, fetch);
  const document = await checkDidDocument(url, did, fetch);
  if (document !== null) yield document;
  yield* checkFirehose(url, parts);
  yield await checkUploadSize(url, config?.blobUploadLimit ?? 5_242_880);
  if (!isLocalName(hostname)) for (const domain of await handleDomains(url, fetch)) yield await checkHandles(domain, { ...parts, url });
  const headSeq = config === null ? null : headSeqOf(config.dataDirectory);
  if (typeof headSeq === 'string') yield warn('sequence', headSeq, 'run the doctor with the program and as the user of the server');
  const relays = new Set([...(config?.crawlers ?? []), ...(o.relay ?? [])]);
  if (config !== null && relays.size === 0) yield warn('relays', 'PDS_CRAWLERS is not set', 'name a relay there, else nobody hears of what is written here');
  for (const relay of relays) yield await checkRelay(relay, { hostname: host, headSeq: typeof headSeq === 'number' ? headSeq : null, fetch });
  if (o.account !== undefined) {
    const resolver = createIdentityResolver({ plcUrl: config?.plcUrl ?? 'https://plc.directory', fetch, resolveTxt, clock, allowInsecure: isLocalName(hostname) });
    yield await checkAccount(o.account.replace(/^@/, ''), { url, fetch, resolver });
  }
  if (config === null) return;
  yield await checkDirectory(config.plcUrl, fetch);
  const { emailSmtpUrl, emailFromAddress } = config;
  yield await checkMail(emailSmtpUrl === null || emailFromAddress === null ? null : { smtpUrl: emailSmtpUrl, from: emailFromAddress });
}

/** Gives the domains the server says handles can be below of; none when it says nothing. */
async function handleDomains(url: string, fetch: typeof globalThis.fetch): Promise<string[]> {
  const said = (await xrpcGet('com.atproto.server.describeServer', {}, { fetch, service: url }).catch(() => null)) as { availableUserDomains?: unknown } | null;
  return Array.isArray(said?.availableUserDomains) ? said.availableUserDomains.filter((each): each is string => typeof each === 'string' && each.startsWith('.')) : [];
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
