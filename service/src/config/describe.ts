/**
 * Tells people about a service's configuration: docs lines, .env.example, and the effective config at start.
 * Not for reading it (env.ts). Secrets are struck out of everything here.
 * Source: ours; docs/operations.md and .env.example are generated from this.
 */
import type { ConfigSpec, ConfigValues } from './env.ts';
import type { Setting } from './settings.ts';

/** One variable as the docs show it. */
export interface SettingDescription {
  readonly name: string;
  /** Default as it would be written in the environment; null when the variable is required, '' when unset means "none". */
  readonly default: string | null;
  readonly unit: string | null;
  readonly doc: string;
}

/** The part of a spec that is described. */
export type DescribedSpec = Pick<ConfigSpec, 'settings'>;

/** Lists every variable of a spec in its order. */
export function describeConfig(spec: DescribedSpec): SettingDescription[] {
  return Object.values(spec.settings).map((setting) => ({
    name: setting.name,
    default: setting.fallback === null ? null : toEnvText(setting.fallback.value),
    unit: setting.unit,
    doc: setting.doc,
  }));
}

/** Gives a spec's part of .env.example: every variable with its doc line, commented out at its default. */
export function envExample(spec: DescribedSpec): string {
  const lines = describeConfig(spec).map(({ name, default: fallback, unit, doc }) => {
    const note = `# ${doc}${unit === null ? '' : ` (${unit})`}`;
    return fallback === null ? `${note} Required.\n${name}=` : `${note}\n#${name}=${fallback}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Gives the config in force by variable name, for the log at start; a set secret shows as '***'. */
export function effectiveConfig<S extends Readonly<Record<string, Setting<unknown>>>>(spec: ConfigSpec<S>, config: ConfigValues<S>): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(spec.settings)) {
    const value = config[key];
    shown[setting.name] = setting.isSecret && value !== null && value !== '' ? '***' : value;
  }
  return shown;
}

function toEnvText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object' && 'host' in value && 'port' in value) return `${String(value.host)}:${String(value.port)}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
