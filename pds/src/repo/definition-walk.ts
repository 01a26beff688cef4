/**
 * Follows a lexicon definition and a value side by side, as far as the lexicon speaks, and shows every leaf it names: texts and blobs.
 * Not for judging shapes: the value has been validated, so that a property is there as its definition says, or not at all.
 * Used by the rules the library does not have (`blob-rules.ts`, `string-rules.ts`). Source: atproto.com/specs/lexicon.
 */
import type { LexUserType } from '@atproto/lexicon';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';

/** The parts of definitions that are looked at. */
export interface Definition {
  readonly type: string;
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly items?: Definition;
  readonly ref?: string;
  readonly refs?: readonly string[];
  readonly record?: Definition;
  readonly format?: string;
  readonly accept?: readonly string[];
  readonly maxSize?: number;
}

/** A leaf that does not suit. */
export interface Misfit {
  readonly leaf: Definition;
  readonly value: unknown;
  /** From the value that was walked, such as `.langs[0]`. */
  readonly path: string;
}

/** What is asked about a leaf: whether the value suits it. */
export type Suits = (leaf: Definition, value: unknown) => boolean;

/** Gives the first leaf that does not suit, in the order of the definition; null when all do. */
export function firstMisfit(lexicons: Lexicons, definition: LexUserType, value: unknown, suits: Suits): Misfit | null {
  // The library's types tell every kind of definition apart; here only what leads to a leaf matters.
  return walk(lexicons, definition as unknown as Definition, value, suits);
}

function walk(lexicons: Lexicons, definition: Definition | undefined, value: unknown, suits: Suits): Misfit | null {
  if (definition === undefined || value === undefined || value === null) return null;
  switch (definition.type) {
    case 'record':
      return walk(lexicons, definition.record, value, suits);
    case 'object':
      return walkObject(lexicons, definition, value, suits);
    case 'array':
      return walkArray(lexicons, definition, value, suits);
    case 'ref':
      return walk(lexicons, find(lexicons, definition.ref), value, suits);
    case 'union':
      return walk(lexicons, find(lexicons, memberOf(definition, value)), value, suits);
    case 'string': case 'blob':
      return suits(definition, value) ? null : { leaf: definition, value, path: '' };
    default:
      return null;
  }
}

function walkObject(lexicons: Lexicons, { properties }: Definition, value: unknown, suits: Suits): Misfit | null {
  if (properties === undefined || typeof value !== 'object') return null;
  for (const name in properties) {
    const misfit = walk(lexicons, properties[name], (value as Record<string, unknown>)[name], suits);
    if (misfit !== null) return { ...misfit, path: `.${name}${misfit.path}` };
  }
  return null;
}

function walkArray(lexicons: Lexicons, { items }: Definition, value: unknown, suits: Suits): Misfit | null {
  if (!Array.isArray(value)) return null;
  for (const [index, item] of value.entries()) {
    const misfit = walk(lexicons, items, item, suits);
    if (misfit !== null) return { ...misfit, path: `[${index}]${misfit.path}` };
  }
  return null;
}

function find(lexicons: Lexicons, ref: string | undefined): Definition | undefined {
  return ref === undefined ? undefined : (lexicons.getDef(ref) as unknown as Definition | undefined);
}

/** Gives the member of a union that the value says it is. */
function memberOf({ refs = [] }: Definition, value: unknown): string | undefined {
  if (typeof value !== 'object') return undefined;
  const { $type } = value as { $type?: unknown };
  // As the library reads it: the name of a main definition may be written out, in the lexicon as in the value, and so may its scheme.
  const name = `lex:${String($type).replace(/^lex:|#main$/g, '')}`;
  return refs.find((ref) => ref === name || ref === `${name}#main`);
}
