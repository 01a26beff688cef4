/**
 * Values made from a lexicon's schema: mostly right, sometimes nearly, sometimes nothing of the kind.
 * Not for: values of the data model alone (tests/harness/data-model-values). Source: AT Protocol spec "Lexicon".
 */
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import type { Seeded } from './seeded.ts';

/** What of a schema is looked at; every kind has some of it. */
export interface Schema {
  type: string;
  format?: string;
  enum?: unknown[];
  const?: unknown;
  knownValues?: string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  items?: Schema;
  ref?: string;
  refs?: string[];
  required?: string[];
  properties?: Record<string, Schema>;
  record?: Schema;
}

/** Names of things that are there, by format. */
export type Names = Record<string, string[]>;

const maxDepth = 6;
const oddTexts = ['', ' ', '\0', '\u{1f9ff}', '../../etc/passwd', '__proto__', 'constructor', "'; drop table account; --", '%00', '%', '\ud800', 'x'.repeat(3_000), 'did:', 'at://', 'NaN', '-1', '1e999', 'null'];
const oddValues: readonly unknown[] = [null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 53), 1e308, [], {}, [[]], { $type: 'x' }, { $link: 'x' }, { $bytes: '!' }, { $link: 5 }, ['a', 1, null], { $type: 'blob', ref: { $link: 'x' }, mimeType: '', size: -1 }, ...oddTexts];

/** Makes values for schemas of one set of lexicons. */
export class LexiconValues {
  readonly #lexicons: Lexicons;
  readonly #random: Seeded;
  readonly #names: Names;
  /** How likely each value is replaced by an odd one. */
  oddness = 0.1;

  constructor(lexicons: Lexicons, random: Seeded, names: Names) {
    this.#lexicons = lexicons;
    this.#random = random;
    this.#names = names;
  }

  /** A value for the schema; `base` is the NSID that `#name` refers to. */
  make(schema: Schema, base: string, depth = 0): unknown {
    if (this.#random.chance(this.oddness)) return this.odd();
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined && schema.enum.length > 0) return this.#random.pick(schema.enum);
    switch (schema.type) {
      case 'boolean': return this.#random.chance(0.5);
      case 'integer': return this.#integer(schema);
      case 'string': return this.#text(schema);
      case 'array': return Array.from({ length: depth > maxDepth ? 0 : this.#random.below(4) }, () => this.make(schema.items ?? { type: 'unknown' }, base, depth + 1));
      case 'params': case 'object': return this.#object(schema, base, depth);
      case 'ref': return this.#reference(schema.ref ?? '', base, depth);
      case 'union': return this.#union(schema.refs ?? [], base, depth);
      case 'record': return this.make(schema.record ?? { type: 'object' }, base, depth + 1);
      case 'bytes': return { $bytes: Buffer.from(this.#random.bytes(this.#random.below(60))).toString('base64').replaceAll('=', '') };
      case 'cid-link': return { $link: this.#name('cid') };
      case 'blob': return { $type: 'blob', ref: { $link: this.#name('cid') }, mimeType: 'image/png', size: this.#random.below(2_000_000) };
      default: return this.#random.pick<unknown>([{}, { $type: this.#name('nsid') }, { $type: 'app.bsky.feed.post', text: 'x', createdAt: '2026-01-01T00:00:00Z' }, this.odd()]);
    }
  }

  /** A value that fits nothing. */
  odd(): unknown {
    return this.#random.pick(oddValues);
  }

  #object({ properties = {}, required = [] }: Schema, base: string, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(properties)) {
      const isWanted = required.includes(name) ? !this.#random.chance(this.oddness / 3) : depth <= maxDepth && this.#random.chance(0.4);
      if (isWanted) object[name] = this.make(schema, base, depth + 1);
    }
    if (this.#random.chance(this.oddness / 3)) object[this.#random.pick(['extra', '$type', 'toString'])] = this.odd();
    return object;
  }

  #reference(ref: string, base: string, depth: number): unknown {
    if (depth > maxDepth) return {};
    const uri = ref.startsWith('#') ? `${base}${ref}` : ref;
    const found = this.#lexicons.getDef(uri.replace(/^lex:/, '')) as Schema | undefined;
    return found === undefined ? this.odd() : this.make(found, uri.replace(/^lex:/, '').split('#')[0]!, depth + 1);
  }

  #union(refs: readonly string[], base: string, depth: number): unknown {
    if (refs.length === 0 || depth > maxDepth) return { $type: this.#name('nsid') };
    const ref = this.#random.pick(refs);
    const made = this.#reference(ref, base, depth);
    const name = (ref.startsWith('#') ? `${base}${ref}` : ref).replace(/^lex:/, '').replace(/#main$/, '');
    return typeof made === 'object' && made !== null && !Array.isArray(made) ? { ...made, $type: name } : made;
  }

  #integer({ minimum = 0, maximum = 1_000 }: Schema): number {
    return this.#random.pick([minimum, maximum, minimum - 1, maximum + 1, minimum + this.#random.below(Math.max(1, maximum - minimum))]);
  }

  #text({ format, knownValues, maxLength }: Schema): string {
    if (knownValues !== undefined && knownValues.length > 0 && this.#random.chance(0.7)) return this.#random.pick(knownValues);
    if (format !== undefined) return this.#name(format);
    const length = this.#random.pick([1, 10, 40, (maxLength ?? 200) + 1]);
    return this.#random.chance(0.5) ? this.#name('any') : 'é'.repeat(Math.min(length, 20_000));
  }

  /** A name of something there is, or of nothing. */
  #name(format: string): string {
    return this.#random.pick(this.#names[format] ?? this.#names['any']!);
  }
}
