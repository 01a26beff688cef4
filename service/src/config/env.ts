/**
 * Reads a service's configuration from the environment, once: the only file that touches process.env.
 * One spec gives the parsed config, its defaults, the docs lines and the text of .env.example.
 * All faults are reported together; an unknown variable with the service's prefix is a fault (nearly always a typo),
 * save the names an established program knows and we do not need: those are warned about once.
 * Source: ours.
 */
import { createLogger } from '../log/logger.ts';
import type { Setting } from './settings.ts';

/** Everything a service reads from its environment. */
export interface ConfigSpec<S extends Readonly<Record<string, Setting<unknown>>> = Readonly<Record<string, Setting<unknown>>>> {
  /** Name of the service, such as 'relay'. */
  readonly service: string;
  /** Prefix that is ours alone, such as 'RELAY_'. */
  readonly prefix: string;
  readonly settings: S;
  /** Names with our prefix that the established program knows and we do not need; a name ending in * stands for all that begin so. */
  readonly ignored?: readonly string[];
  /** Looks at the parsed settings together; gives one sentence per fault. Runs only when every setting parsed. */
  readonly check?: (config: ConfigValues<S>) => readonly string[];
}

/** What a spec's settings become. */
export type ConfigValues<S extends Readonly<Record<string, Setting<unknown>>>> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** The config type of a spec. */
export type ConfigOf<C> = C extends ConfigSpec<infer S> ? ConfigValues<S> : never;

/** The environment as a plain map. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration that cannot work. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One sentence each; never contains the value of a secret. */
  readonly faults: readonly string[];

  constructor(service: string, faults: readonly string[]) {
    super(`${service} cannot start: ${faults.join('; ')}`);
    this.faults = faults;
  }
}

/** Gives the spec back; it exists so that the type of its settings is inferred. */
export function defineConfig<const S extends Readonly<Record<string, Setting<unknown>>>>(spec: ConfigSpec<S>): ConfigSpec<S> {
  return spec;
}

const warnedNames = new Set<string>();

/**
 * Reads the environment by the spec.
 * @throws ConfigError with all faults at once
 */
export function readConfig<S extends Readonly<Record<string, Setting<unknown>>>>(
  spec: ConfigSpec<S>,
  env: Environment = process.env,
  onWarning: (sentence: string) => void = (sentence) => createLogger(spec.service).warn(sentence),
): ConfigValues<S> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(spec.settings)) {
    const read = readSetting(setting, env);
    if ('fault' in read) faults.push(read.fault);
    else values[key] = read.value;
  }
  const known = new Set(Object.values(spec.settings).map((setting) => setting.name));
  for (const name of Object.keys(env)) {
    if (!name.startsWith(spec.prefix) || known.has(name) || env[name] === undefined) continue;
    if (!isIgnored(spec.ignored, name)) faults.push(`${name} is not a setting of ${spec.service}${nearest(name, known)}`);
    else warnOnce(name, onWarning);
  }
  // Every key of the spec has just been read into `values`, or there is a fault.
  const config = values as ConfigValues<S>;
  if (faults.length === 0) faults.push(...(spec.check?.(config) ?? []));
  if (faults.length > 0) throw new ConfigError(spec.service, faults);
  return config;
}

function readSetting(setting: Setting<unknown>, env: Environment): { value: unknown } | { fault: string } {
  const given = env[setting.name];
  if (given === undefined || given.trim() === '') return setting.fallback ?? { fault: `${setting.name} is required: ${setting.doc}` };
  const reading = setting.read(given);
  if ('value' in reading) return reading;
  return { fault: `${setting.name} ${reading.fault}${setting.isSecret ? '' : ` (got ${JSON.stringify(given.slice(0, 100))})`}` };
}

function warnOnce(name: string, onWarning: (sentence: string) => void): void {
  if (warnedNames.has(name)) return;
  warnedNames.add(name);
  onWarning(`${name} is not needed here and has no effect`);
}

function isIgnored(ignored: readonly string[] = [], name: string): boolean {
  return ignored.some((each) => each === name || (each.endsWith('*') && name.startsWith(each.slice(0, -1))));
}

/** Names the known variable a stranger most likely meant: within two edits. */
function nearest(name: string, known: ReadonlySet<string>): string {
  for (const each of known) if (editDistance(name, each) <= 2) return `; did you mean ${each}?`;
  return '';
}

function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const swap = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/** Says whether this process runs the tests; there every output of an XRPC method is checked against its lexicon. */
export function isTestRun(env: Environment = process.env): boolean {
  return env['NODE_ENV'] === 'test';
}
