/**
 * com.atproto.lexicon.resolveLexicon: a published lexicon, found and proved for whoever asks.
 * Source: lexicon of that name; the reference PDS does not serve it.
 * Not for the lexicons records are checked against.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { LexiconResolver } from '../identity/lexicon-resolver.ts';
import { fiveMinutesMs, type Limits } from './limits.ts';

/** Gives the method. */
export function resolveLexiconRoute({ publishedLexicons, limits }: { publishedLexicons: LexiconResolver; limits: Limits }): XrpcRoute {
  return route<{ nsid: string }>('com.atproto.lexicon.resolveLexicon', {
    rateLimit: limits.perAddress([100, fiveMinutesMs]),
    async handler({ params: { nsid } }) {
      const found = await publishedLexicons.resolve(nsid);
      if (found === null) throw invalidRequest(`No lexicon was resolved for the NSID: ${nsid}`, 'LexiconNotFound');
      const body = Buffer.from(JSON.stringify({ uri: found.uri, cid: found.cid, schema: found.schema }));
      // As bytes: the library that checks answers in tests does not know a record type as a field's type.
      return { body, encoding: 'application/json; charset=utf-8' };
    },
  });
}
