/**
 * A question that a page of ours asks this server about its browser's device: only our own pages may, which origin and fetch metadata tell.
 * Not for the provider's own pages, whose questions it checks itself.
 * Source: ours; checks as the provider makes them.
 */
import { readBody, parseJson } from '@dunlin/service/xrpc/body';
import type { Context } from '@dunlin/service/http/app';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { ServerIdentity } from '../identity/server-identity.ts';

const maxBodyBytes = 65_536;

/** Gives the JSON object of a question. @throws XrpcError 403 from elsewhere than our pages, 400, 413 */
export async function ownQuestion(context: Context, server: ServerIdentity): Promise<Readonly<Record<string, unknown>>> {
  context.set('cache-control', 'no-store');
  const { headers } = context.req;
  const isOwn = headers.origin === server.publicUrl && headers['sec-fetch-site'] === 'same-origin' && context.is('application/json') !== false;
  if (!isOwn) throw new XrpcError(403, 'Forbidden', 'only the pages of this server may ask this');
  const body: unknown = parseJson(await readBody(context.req, maxBodyBytes));
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalidRequest('body must be a JSON object');
  return body as Readonly<Record<string, unknown>>;
}
