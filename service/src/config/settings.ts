/**
 * The kinds of setting a service can have: text, integer, switch, list, duration, address, …
 * Each knows how to read itself from the text of an environment variable, its default, its unit and its doc line.
 * Not for reading the environment: that is env.ts. An empty variable counts as unset, as in the reference PDS.
 * Source: ours; meanings of the established programs' variables are kept (docs/operations.md).
 */
/** What reading a variable's text came to; a fault completes the sentence "NAME …". */
export type Reading<T> = { readonly value: T } | { readonly fault: string };

/** One environment variable: how it is read and described. `T` is what the program sees. */
export interface Setting<T> {
  readonly name: string;
  /** Reads the variable's text, which is never empty. */
  readonly read: (given: string) => Reading<T>;
  /** The value when the variable is unset; null means the variable is required. */
  readonly fallback: { readonly value: T } | null;
  readonly unit: string | null;
  readonly doc: string;
  readonly isSecret: boolean;
}

/** What every kind of setting takes. */
export interface SettingOptions<D> {
  /** One sentence for operators. */
  readonly doc: string;
  /** Value when unset; leave it out (undefined) to make the variable required. */
  readonly default?: D;
  /** Unit of the value, for the docs: 'ms', 'bytes', 'URL', … */
  readonly unit?: string;
  /** True keeps the value out of logs and printed configuration. */
  readonly secret?: boolean;
}

/** Bounds of a whole number, both inclusive. */
export interface IntegerBounds {
  readonly min?: number;
  readonly max?: number;
}

/** An address to listen on. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

function make<T>(name: string, read: (given: string) => Reading<T>, o: SettingOptions<T>, unit: string | null): Setting<T> {
  const fallback = o.default === undefined ? null : { value: o.default };
  return { name, read, fallback, unit: o.unit ?? unit, doc: o.doc, isSecret: o.secret ?? false };
}

/** Text, at least one character. */
export function text(name: string, o: SettingOptions<string> & { readonly pattern?: RegExp; readonly minLength?: number }): Setting<string> {
  const { minLength = 1, pattern } = o;
  const read = (given: string): Reading<string> => {
    const faults: string[] = [];
    if (given.length < minLength) faults.push(`must have at least ${minLength} characters`);
    if (pattern?.test(given) === false) faults.push(`must match ${pattern.source}`);
    return faults.length === 0 ? { value: given } : { fault: faults.join(', ') };
  };
  return make(name, read, o, null);
}

/** Text that may be missing: null when unset. */
export function optionalText(name: string, o: Omit<SettingOptions<string>, 'default'> & { readonly pattern?: RegExp; readonly minLength?: number }): Setting<string | null> {
  const required = text(name, o);
  return { ...required, fallback: { value: null } };
}

/** A whole number. */
export function integer(name: string, o: SettingOptions<number> & IntegerBounds): Setting<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = o;
  const read = (given: string): Reading<number> => {
    const value = /^-?\d+$/.test(given.trim()) ? Number(given) : Number.NaN;
    return Number.isSafeInteger(value) && value >= min && value <= max ? { value } : { fault: `must be a whole number from ${min} to ${max}` };
  };
  return make(name, read, o, null);
}

/** A whole number that may be missing: null when unset. */
export function optionalInteger(name: string, o: Omit<SettingOptions<number>, 'default'> & IntegerBounds): Setting<number | null> {
  return { ...integer(name, o), fallback: { value: null } };
}

/** A TCP port; 0 means any free one. */
export function port(name: string, o: SettingOptions<number>): Setting<number> {
  return { ...integer(name, { ...o, min: 0, max: 65_535 }), unit: 'TCP port, 0 = any free' };
}

/** A switch: true, 1, yes, on or false, 0, no, off. */
export function toggle(name: string, o: SettingOptions<boolean>): Setting<boolean> {
  const read = (given: string): Reading<boolean> => {
    const word = given.trim().toLowerCase();
    if (['true', '1', 'yes', 'on'].includes(word)) return { value: true };
    return ['false', '0', 'no', 'off'].includes(word) ? { value: false } : { fault: 'must be true or false' };
  };
  return make(name, read, o, 'true or false');
}

/** A switch that may be left open: null when unset. */
export function optionalToggle(name: string, o: Omit<SettingOptions<boolean>, 'default'>): Setting<boolean | null> {
  return { ...toggle(name, o), fallback: { value: null } };
}

/** One of a few words. */
export function choice<const W extends string>(name: string, words: readonly W[], o: SettingOptions<W>): Setting<W> {
  const read = (given: string): Reading<W> => {
    const value = words.find((each) => each === given.trim());
    return value === undefined ? { fault: `must be one of ${words.join(', ')}` } : { value };
  };
  return make(name, read, o, words.join(' | '));
}

/** A list, split at commas; blanks around items and empty items are left out. */
export function list(name: string, o: SettingOptions<readonly string[]>): Setting<readonly string[]> {
  const read = (given: string): Reading<readonly string[]> => ({ value: given.split(',').map((item) => item.trim()).filter((item) => item !== '') });
  return make(name, read, o, 'comma-separated');
}

/** An absolute URL of one of the given schemes (http and https unless told), without a slash at its end. */
export function url(name: string, o: SettingOptions<string> & { readonly schemes?: readonly string[] }): Setting<string> {
  const schemes = o.schemes ?? ['http', 'https'];
  const read = (given: string): Reading<string> => {
    const parsed = URL.canParse(given.trim()) ? new URL(given.trim()) : null;
    if (parsed && schemes.includes(parsed.protocol.slice(0, -1))) return { value: given.trim().replace(/\/+$/, '') };
    return { fault: `must be a URL beginning with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}` };
  };
  return make(name, read, o, 'URL');
}

/** A URL that may be missing: null when unset. */
export function optionalUrl(name: string, o: Omit<SettingOptions<string>, 'default'> & { readonly schemes?: readonly string[] }): Setting<string | null> {
  return { ...url(name, o), fallback: { value: null } };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time, read as Go programs write it ("72h", "1h30m", "500ms") or as a bare number of ms; gives ms. */
export function durationMs(name: string, o: SettingOptions<number> & IntegerBounds): Setting<number> {
  const { min = 0, max = 100 * 365 * 86_400_000 } = o;
  const read = (given: string): Reading<number> => {
    const value = parseDurationMs(given.trim());
    if (value !== null && value >= min && value <= max) return { value };
    return { fault: `must be a length of time such as 500ms, 30s, 72h or 1h30m, from ${min} to ${max} ms` };
  };
  return make(name, read, o, 'duration, bare number = ms');
}

function parseDurationMs(given: string): number | null {
  if (/^\d+$/.test(given)) return Number(given);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(given)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) totalMs += Number(amount) * (unitMs[unit ?? ''] ?? Number.NaN);
  return Number.isFinite(totalMs) ? Math.round(totalMs) : null;
}

/** An address to listen on: "host:port", "[v6]:port" or ":port" (every interface). */
export function bindAddress(name: string, o: SettingOptions<BindAddress>): Setting<BindAddress> {
  const read = (given: string): Reading<BindAddress> => {
    const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(given.trim());
    const portNumber = Number(parts?.[3]);
    if (parts && portNumber <= 65_535) return { value: { host: parts[1] ?? (parts[2] || '0.0.0.0'), port: portNumber } };
    return { fault: 'must be an address to listen on, such as 127.0.0.1:2470 or :2470' };
  };
  return make(name, read, o, 'host:port or :port');
}
