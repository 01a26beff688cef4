/**
 * Lexicon documents kept as JSON text in one buffer, each made an object when first asked for.
 * To the library it is its own `Lexicons`. Not for reading documents (`lexicons.ts`), and not for judging them: a test does.
 * Source: ours, docs/decisions/0028.
 */
import { Lexicons, ValidationError, type LexiconDoc, type LexUserType } from '@atproto/lexicon';

interface KeptText {
  readonly start: number;
  readonly end: number;
  readonly mainType: string | null;
}

/** The library's Lexicons over documents that are text until they are used. */
export class KeptLexicons extends Lexicons {
  readonly #text: Buffer;
  readonly #places = new Map<string, KeptText>();
  readonly #opened = new Set<string>();

  /** @throws Error when two documents have one NSID */
  constructor(documents: readonly LexiconDoc[]) {
    super();
    const texts = documents.map((document) => Buffer.from(JSON.stringify(document)));
    let start = 0;
    for (const [index, { id, defs }] of documents.entries()) {
      if (this.#places.has(id)) throw new Error(`lexicon document is there twice: nsid=${id}`);
      const end = start + texts[index]!.length;
      this.#places.set(id, { start, end, mainType: defs['main']?.type ?? null });
      start = end;
    }
    this.#text = Buffer.concat(texts);
  }

  /** Gives the type of a document's main definition; null when there is none. */
  mainTypeOf(nsid: string): string | null {
    return this.#places.get(nsid)?.mainType ?? null;
  }

  override add(document: LexiconDoc): void {
    this.#open(document.id);
    super.add(document);
  }

  override get(uri: string): LexiconDoc | undefined {
    this.#open(uri);
    return super.get(uri);
  }

  override getDef(uri: string): LexUserType | undefined {
    return super.getDef(uri) ?? (this.#open(uri) ? super.getDef(uri) : undefined);
  }

  override validate(uri: string, value: unknown): ReturnType<Lexicons['validate']> {
    try {
      return super.validate(uri, value);
    } catch (fault) {
      return { success: false, error: faultOf(fault, 'Record') };
    }
  }

  override assertValidXrpcInput(uri: string, value: unknown): ReturnType<Lexicons['assertValidXrpcInput']> {
    try {
      return super.assertValidXrpcInput(uri, value);
    } catch (fault) {
      throw faultOf(fault, 'Input');
    }
  }

  override [Symbol.iterator](): ReturnType<Lexicons[typeof Symbol.iterator]> {
    for (const nsid of this.#places.keys()) this.#open(nsid);
    return super[Symbol.iterator]();
  }

  /** Tells whether there is something new now. */
  #open(uri: string): boolean {
    const hash = uri.indexOf('#');
    const nsid = uri.slice(uri.startsWith('lex:') ? 4 : 0, hash === -1 ? undefined : hash);
    const place = this.#places.get(nsid);
    if (place === undefined || this.#opened.has(nsid)) return false;
    this.#opened.add(nsid);
    super.add(JSON.parse(this.#text.toString('utf8', place.start, place.end)) as LexiconDoc);
    return true;
  }
}

/** What the library says, as no fault of the value, of a `$type` in a union that names nothing, such as `#x` or `a#b#c`. */
const nameless = /^(Unable to resolve uri without anchor|Uri can only have one hash segment)/;

/** Gives the value's fault. @throws what is none, as it is */
function faultOf(fault: unknown, rootName: string): ValidationError {
  if (fault instanceof ValidationError) return fault;
  if (fault instanceof Error && nameless.test(fault.message)) return new ValidationError(`${rootName} has a $type that names no type`);
  throw fault;
}
