/**
 * The lexicon documents: com.atproto.* and app.bsky.* from @atproto/api, our own from the top-level lexicons/ folder.
 * They are kept as text and become objects when first asked for: a server uses few of the 450, and as objects all take 4 MB.
 * Validation of params, inputs, outputs and records is @atproto/lexicon's. Not for fetching lexicons from the network.
 * Source: AT Protocol spec "Lexicon"; docs/decisions/0028.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import type { schemas as apiSchemas } from '@atproto/api';
import type { LexiconDoc, Lexicons } from '@atproto/lexicon';
import { assert } from '@dunlin/protocol/base/assert';
import { KeptLexicons } from './kept-lexicons.ts';

const ownFolder = new URL('../../../lexicons/', import.meta.url);

/** A document in the text of the module of @atproto/api: each is a property of one object, indented by four spaces. */
const fieldDocument = /^ {4}\w+: (\{\n[^]*?\n {4}\}),$/gm;

/** What every document says of itself, however the module is laid out. */
const documentMark = /\blexicon["']?: *1\b/g;

/**
 * Gives the documents of @atproto/api. They stand in a module of their own inside the package, as JavaScript, which is not imported:
 * what is imported stays in memory for good, a megabyte of text and its objects. Compiled whole, it leaves 4 MB of holes behind.
 */
function readField(): typeof apiSchemas {
  const path = fileURLToPath(new URL('./client/lexicons.js', import.meta.resolve('@atproto/api')));
  return documentsIn(readFileSync(path, 'utf8'), path);
}

/** Gives the documents in the text of that module. @throws AssertionFailure when not all that are there were found, as in another layout */
export function documentsIn(text: string, path: string): typeof apiSchemas {
  const documents = Array.from(text.matchAll(fieldDocument), ([, literal]) => runInThisContext(`(${literal})`, { filename: path }) as (typeof apiSchemas)[number]);
  const wanted = text.match(documentMark)?.length ?? 0;
  assert(documents.length === wanted && wanted > 0, `lexicon documents cannot be found in ${path}: found=${documents.length} there=${wanted}`);
  return documents;
}

function readOwn(): LexiconDoc[] {
  return readdirSync(ownFolder).filter((file) => file.endsWith('.json')).toSorted().map((file) => readOwnFile(new URL(file, ownFolder)));
}

function readOwnFile(file: URL): LexiconDoc {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LexiconDoc;
  } catch (error) {
    throw new Error(`lexicon document cannot be read: path=${fileURLToPath(file)}`, { cause: error });
  }
}

let loaded: { lexicons: KeptLexicons; ownIds: readonly string[] } | null = null;

function load(): { lexicons: KeptLexicons; ownIds: readonly string[] } {
  if (loaded === null) {
    const own = readOwn();
    loaded = { lexicons: new KeptLexicons([...readField(), ...own]), ownIds: own.map((doc) => doc.id) };
  }
  return loaded;
}

/** Gives every known lexicon; read once a process and shared. */
export function loadLexicons(): Lexicons {
  return load().lexicons;
}

/** Gives the NSIDs of our own documents, sorted. */
export function ourLexiconIds(): readonly string[] {
  return load().ownIds;
}

/** Gives the type of a document's main definition, such as 'query', without making an object of the document; null when there is none. */
export function mainTypeOf(lexicons: Lexicons, nsid: string): string | null {
  return lexicons instanceof KeptLexicons ? lexicons.mainTypeOf(nsid) : (lexicons.getDef(nsid)?.type ?? null);
}

/**
 * Lets the library judge, and spares it the stack of each error it makes: it makes one for every optional value that is not
 * there and throws it away, which took a tenth of a small call. Synchronous only; what is thrown has no stack.
 */
export function judge<T>(run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

export type { Lexicons } from '@atproto/lexicon';
