/**
 * Who calls a query: nobody in particular, or the account whose service token stands in the Authorization header.
 * Not for the gateway, which takes its token in the first frame (rooms/session.ts).
 * Source: AT Protocol spec "Inter-Service Authentication".
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { XrpcCall } from '@dunlin/service/xrpc/route';
import type { TokenCheck } from '../rooms/token-check.ts';
import type { IndexStore } from '../store/index-store.ts';

/** The caller; null: they did not say. */
export interface Viewer {
  readonly did: string | null;
}

/** Finds out who calls. @throws XrpcError 401 for a token that is no good, 503 when it could not be checked */
export async function viewerOf<P>(call: XrpcCall<P>, tokens: Pick<TokenCheck, 'check'>, store: IndexStore): Promise<Viewer> {
  const { authorization } = call.headers;
  if (authorization === undefined) return { did: null };
  const token = /^bearer ([^\s]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new XrpcError(401, 'AuthRequired', 'authorization is not a bearer token');
  const verdict = await tokens.check(token, call.nsid);
  if ('error' in verdict) throw new XrpcError(verdict.isOurFault ? 503 : 401, verdict.isOurFault ? 'ServiceUnavailable' : 'AuthRequired', verdict.error);
  if (store.accounts.find(verdict.did)?.isVisible === false) throw new XrpcError(401, 'AuthRequired', 'the account is not active');
  return { did: verdict.did };
}
