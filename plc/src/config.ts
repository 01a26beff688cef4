/**
 * Settings of the directory, read from PLC_* variables.
 * Not for bounds of did:plc itself (constraints.ts).
 * Source: ours; ports and folders as ARCHITECTURE.md gives them.
 */
import { defineConfig, readConfig, type ConfigOf, type Environment } from '@dunlin/service/config/env';
import { bindAddress, integer, port, text, type BindAddress, type Setting } from '@dunlin/service/config/settings';

const metricsListen: Setting<BindAddress | null> = {
  ...bindAddress('PLC_METRICS_LISTEN', { doc: 'Address for /metrics, such as 127.0.0.1:2581; none when unset.' }),
  fallback: { value: null },
};

/** Every variable of the directory. */
export const plcConfigSpec = defineConfig({
  service: 'plc',
  prefix: 'PLC_',
  settings: {
    port: port('PLC_PORT', { default: 2582, doc: 'Port of the directory.' }),
    host: text('PLC_HOST', { default: '127.0.0.1', doc: 'Address to listen on; 0.0.0.0 for every interface.' }),
    dataDirectory: text('PLC_DATA_DIRECTORY', { default: '.data/plc', doc: 'Folder of the database; :memory: keeps nothing.' }),
    operationsPerHour: integer('PLC_OPERATIONS_PER_HOUR', { default: 100, min: 1, unit: 'operations',
      doc: 'Most operations of one DID in an hour; the public directory allows 10. Recoveries are never limited.' }),
    operationsPerDay: integer('PLC_OPERATIONS_PER_DAY', { default: 300, min: 1, unit: 'operations',
      doc: 'Most operations of one DID in a day; the public directory allows 30.' }),
    operationsPerWeek: integer('PLC_OPERATIONS_PER_WEEK', { default: 1_000, min: 1, unit: 'operations',
      doc: 'Most operations of one DID in a week; the public directory allows 100.' }),
    submissionsPerMinute: integer('PLC_SUBMISSIONS_PER_MINUTE', { default: 6_000, min: 1, unit: 'requests',
      doc: 'Most submissions from one address in a minute, so that nobody fills the disk; a home server registers all its accounts from one address.' }),
    metricsListen,
  },
});

/** The directory's settings. */
export type PlcConfig = ConfigOf<typeof plcConfigSpec>;

/** Reads the settings. @throws ConfigError with all faults at once */
export function readPlcConfig(env?: Environment): PlcConfig {
  return readConfig(plcConfigSpec, env);
}
