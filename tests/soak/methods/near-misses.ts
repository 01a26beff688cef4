/**
 * Values that differ from right ones in one place, by the lexicon: a field left out, of another kind, at or beyond a bound of length,
 * graphemes, number or count, of a wrong format, not among the choices; and a field nobody knows.
 * Not for: the bytes and heads of requests (spoilt-requests.ts). Source: AT Protocol spec "Lexicon".
 */
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import { near } from './near-formats.ts';

/** What of a schema is looked at; every kind has some of it. */
export interface Schema {
  readonly type: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxGraphemes?: number;
  readonly items?: Schema;
  readonly ref?: string;
  readonly refs?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** A changed value and where the change is. */
export interface Changed {
  readonly what: string;
  readonly value: unknown;
}

const otherKinds: readonly unknown[] = [null, true, 5, 1.5, 'x', '', [], {}, [null], { $type: 'x' }, { $link: 'x' }, { $bytes: '!' }];
const maxDepth = 6;
/** Longer bounds than this are left alone: the body would be refused for its size. */
const maxLength = 100_000;

/** Gives every near miss of a value that fits the schema. `base` is the NSID that `#name` refers to. */
export function* nearMisses(lexicons: Lexicons, schema: Schema, value: unknown, base: string, at = '$', depth = 0): Generator<Changed> {
  if (depth > maxDepth) return;
  const found = follow(lexicons, schema, value, base);
  for (const other of otherKinds) yield { what: `${at} = ${JSON.stringify(other)}`, value: other };
  if (found === null) return;
  for (const other of ownMisses(found.schema, value)) yield { what: `${at} = ${JSON.stringify(other)?.slice(0, 60)}`, value: other };
  if (Array.isArray(value)) yield* inList(lexicons, found, value, at, depth);
  else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) yield* inObject(lexicons, found, value as Record<string, unknown>, at, depth);
}

function* inObject(lexicons: Lexicons, { schema, base }: Found, value: Record<string, unknown>, at: string, depth: number): Generator<Changed> {
  for (const name of new Set([...Object.keys(schema.properties ?? {}), ...Object.keys(value)])) {
    const property = schema.properties?.[name] ?? { type: 'unknown' };
    if (name in value) {
      const { [name]: left, ...rest } = value;
      yield { what: `${at}.${name} left out`, value: rest };
      for (const { what, value: changed } of nearMisses(lexicons, property, left, base, `${at}.${name}`, depth + 1)) yield { what, value: { ...rest, [name]: changed } };
    } else {
      for (const other of ['x', 5, null]) yield { what: `${at}.${name} = ${JSON.stringify(other)}`, value: { ...value, [name]: other } };
    }
  }
  yield { what: `${at}.unknown`, value: { ...value, unknownField: { a: [1] } } };
  yield { what: `${at}.constructor`, value: { ...value, constructor: 'x', toString: 'y' } };
}

function* inList(lexicons: Lexicons, { schema, base }: Found, value: readonly unknown[], at: string, depth: number): Generator<Changed> {
  const [first, ...rest] = value;
  const fill = (count: number): unknown[] => Array.from({ length: count }, () => first);
  if (schema.maxLength !== undefined) for (const count of [schema.maxLength, schema.maxLength + 1]) yield { what: `${at} has ${count} items`, value: fill(count) };
  if (schema.maxLength === undefined) yield { what: `${at} has 300 items`, value: fill(300) };
  if (first === undefined) return;
  for (const { what, value: changed } of nearMisses(lexicons, schema.items ?? { type: 'unknown' }, first, base, `${at}[0]`, depth + 1)) yield { what, value: [changed, ...rest] };
}

function ownMisses({ type, format, enum: choices, const: constant, minimum, maximum, minLength, maxLength: longest, maxGraphemes }: Schema, value: unknown): unknown[] {
  const others: unknown[] = [];
  if (choices !== undefined || constant !== undefined) others.push('not among them', `${String(value)} `);
  if (type === 'integer') {
    for (const bound of [minimum, maximum]) if (bound !== undefined) others.push(bound - 1, bound, bound + 1);
    others.push(0, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, 2 ** 53, -(2 ** 53), 1e300, '1', ' 1', '0x1', '1e3');
  }
  if (type === 'boolean') others.push('true', 'yes', 1, 0);
  if (type !== 'string') return others;
  if (format !== undefined) others.push(...near(format, String(value)));
  if (longest !== undefined && longest <= maxLength) others.push('a'.repeat(longest), 'a'.repeat(longest + 1), 'é'.repeat(Math.floor(longest / 2) + 1));
  if (maxGraphemes !== undefined) others.push('e\u0301'.repeat(maxGraphemes), 'e\u0301'.repeat(maxGraphemes + 1));
  if (minLength !== undefined && minLength > 0) others.push('a'.repeat(minLength - 1), 'a'.repeat(minLength));
  if (format === undefined) others.push(' ', '\0', '\ud800', '\u{1f9ff}', '../../etc/passwd', '__proto__', "'; drop table account; --", '%00', `${String(value)} `, String(value).toUpperCase(), 'x'.repeat(3_000));
  return others;
}

interface Found {
  readonly schema: Schema;
  readonly base: string;
}

/** Gives the definition behind a reference or a union, for the value at hand; null when there is none. */
function follow(lexicons: Lexicons, schema: Schema, value: unknown, base: string): Found | null {
  const name = schema.type === 'ref' ? schema.ref : schema.type === 'union' || schema.type === 'unknown' ? typeOf(value) : null;
  if (name === null) return { schema, base };
  if (name === undefined) return schema.type === 'unknown' ? { schema: { type: 'object' }, base } : null;
  const uri = (name.startsWith('#') ? `${base}${name}` : name).replace(/^lex:/, '');
  const found = lexicons.getDef(uri) as (Schema & { record?: Schema }) | undefined;
  return found === undefined ? null : { schema: found.record ?? found, base: uri.split('#')[0]! };
}

function typeOf(value: unknown): string | undefined {
  const name = typeof value === 'object' && value !== null ? (value as { $type?: unknown }).$type : undefined;
  return typeof name === 'string' ? name : undefined;
}
