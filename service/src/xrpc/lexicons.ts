/**
 * The lexicon documents: com.atproto.* and app.bsky.* from @atproto/api, our own from the top-level lexicons/ folder.
 * Validation of params, inputs, outputs and records is @atproto/lexicon's. Not for fetching lexicons from the network.
 * Source: AT Protocol spec "Lexicon".
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { schemas as apiSchemas } from '@atproto/api';
import { Lexicons, parseLexiconDoc, type LexiconDoc } from '@atproto/lexicon';

/**
 * The documents stand in a module of their own inside the package. Its index would bring the whole client with it: twice the
 * memory (70 MB against 34) and half a second more at every start, in servers that call nothing through it.
 */
const { schemas } = (await import(new URL('./client/lexicons.js', import.meta.resolve('@atproto/api')).href)) as { schemas: typeof apiSchemas };

const ownFolder = new URL('../../../lexicons/', import.meta.url);

function readOwn(): LexiconDoc[] {
  return readdirSync(ownFolder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => parseLexiconDoc(JSON.parse(readFileSync(new URL(file, ownFolder), 'utf8'))));
}

let loaded: { lexicons: Lexicons; ownIds: readonly string[] } | null = null;

function load(): { lexicons: Lexicons; ownIds: readonly string[] } {
  if (loaded === null) {
    const own = readOwn();
    loaded = { lexicons: new Lexicons([...schemas, ...own]), ownIds: own.map((doc) => doc.id) };
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
