/**
 * Settings of the app view, read from APPVIEW_* variables.
 * Not for bounds of sessions and rooms (rooms/session.ts), which clients are told and operators need not turn.
 * Source: ours; ports and folders as ARCHITECTURE.md gives them.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod/v4';
import { defineConfig, readConfig, type ConfigOf, type Environment } from '@dunlin/service/config/env';
import { bindAddress, choice, integer, optionalText, port, text, toggle, url, type BindAddress, type Setting } from '@dunlin/service/config/settings';
import { sourceFaults, type ReactionSource } from './reactions/sources.ts';

function optionalBindAddress(name: string, doc: string): Setting<BindAddress | null> {
  return { ...bindAddress(name, { doc }), fallback: { value: null } } as Setting<BindAddress | null>;
}

/** Every variable of the app view. */
export const appviewConfigSpec = defineConfig({
  service: 'appview',
  prefix: 'APPVIEW_',
  settings: {
    port: port('APPVIEW_PORT', { default: 2590, doc: 'Port of the app view.' }),
    host: text('APPVIEW_HOST', { default: '127.0.0.1', doc: 'Address to listen on; 0.0.0.0 for every interface.' }),
    hostname: text('APPVIEW_HOSTNAME', { default: 'localhost', pattern: /^[a-z0-9.-]+$/, doc: 'Public name of this service; its DID is did:web of it.' }),
    dataDirectory: text('APPVIEW_DATA_DIRECTORY', { default: '.data/appview', doc: 'Folder of the index; :memory: keeps nothing.' }),
    relayUrl: url('APPVIEW_RELAY_URL', { default: 'http://127.0.0.1:2470', schemes: ['http', 'https', 'ws', 'wss'], doc: 'Relay (or PDS) whose stream is indexed; each has its own cursor.' }),
    plcUrl: url('APPVIEW_PLC_URL', { default: 'https://plc.directory', doc: 'Directory of did:plc identities.' }),
    verify: choice('APPVIEW_VERIFY', ['full', 'signature', 'none'], {
      default: 'full', doc: 'What is checked of each commit before it is indexed: signature and tree, signature only, or nothing (a relay of one\'s own).' }),
    sourcesFile: optionalText('APPVIEW_REACTION_SOURCES', { doc: 'JSON file with further kinds of records that count as reactions: a list of {collection, subjectPath, value or valuePath, class}.' }),
    demoFile: optionalText('APPVIEW_DEMO', { doc: 'JSON file of demo accounts to show on the page; never on a service that others can reach.' }),
    pageFolder: optionalText('APPVIEW_PAGE_FOLDER', { doc: 'Folder of the built web page; by default the one of this checkout.' }),
    metricsListen: optionalBindAddress('APPVIEW_METRICS_LISTEN', 'Address for /metrics, such as 127.0.0.1:2591; none when unset.'),
    maxConnections: integer('APPVIEW_MAX_CONNECTIONS', { default: 10_000, min: 1, unit: 'connections', doc: 'Most WebSocket connections, and most event streams.' }),
    maxConnectionsPerAddress: integer('APPVIEW_MAX_CONNECTIONS_PER_ADDRESS', { default: 100, min: 1, unit: 'connections', doc: 'Most WebSocket connections of one address (IPv6: one /64).' }),
    isDevMode: toggle('APPVIEW_DEV_MODE', { default: false, doc: 'Plain http, localhost with a port as public name, private addresses allowed. Never in production.' }),
  },
});

/** The app view's settings. */
export type AppviewConfig = ConfigOf<typeof appviewConfigSpec>;

/** Reads the settings. @throws ConfigError with all faults at once */
export function readAppviewConfig(env?: Environment): AppviewConfig {
  return readConfig(appviewConfigSpec, env);
}

const sourcesSchema = z.array(z.strictObject({
  collection: z.string(),
  subjectPath: z.string(),
  value: z.string().optional(),
  valuePath: z.string().optional(),
  emojiPath: z.string().optional(),
  class: z.string(),
}));

/** Reads the operator's table of reaction sources; empty without a file. Faults are sentences. */
export function readSourcesFile(path: string | null): { sources: readonly ReactionSource[]; faults: readonly string[] } {
  if (path === null) return { sources: [], faults: [] };
  try {
    const sources = sourcesSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return { sources, faults: sourceFaults(sources).map((fault) => `APPVIEW_REACTION_SOURCES ${path}: ${fault}`) };
  } catch (error) {
    return { sources: [], faults: [`APPVIEW_REACTION_SOURCES ${path}: ${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}`] };
  }
}
