/**
 * Reads what operators send: JSON bodies and queries, with names in either case as the field's tools write them.
 * Not for judging it. Place in the flow: admin API, before any act. Source: ours; Go's JSON takes names in any case, and
 * the dashboard of the indigo relay relies on that.
 */
import type { Context } from '@dunlin/service/http/app';
import { parseJson, readBody } from '@dunlin/service/xrpc/body';
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Host, HostStore } from '../../hosts/host-store.ts';

const maxBodyBytes = 16_384;
const maxNameLength = 300;

/** What a request says, query and body together. */
export type Params = Readonly<Record<string, unknown>>;

/** Reads the parameters of a request: its query, and over it its JSON body when it has one; names in lower case. */
export async function readParams(context: Context): Promise<Params> {
  const params: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(context.query)) params[name.toLowerCase()] = Array.isArray(value) ? value[0] : value;
  const bytes = context.method === 'GET' ? new Uint8Array(0) : await readBody(context.req, maxBodyBytes);
  if (bytes.length === 0) return params;
  const body = parseJson(bytes);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalidRequest('body must be a JSON object');
  for (const [name, value] of Object.entries(body)) params[name.toLowerCase()] = value;
  return params;
}

/** Gives a text. @throws XrpcError InvalidRequest */
export function textOf(params: Params, name: string): string {
  const value = params[name];
  if (typeof value !== 'string' || value.trim() === '') throw invalidRequest(`request must have "${name}"`);
  return value.trim().slice(0, maxNameLength);
}

/** Gives a whole number from 0 on. @throws XrpcError InvalidRequest */
export function countOf(params: Params, name: string): number {
  const value = params[name];
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) throw invalidRequest(`request must have a whole number "${name}"`);
  return count;
}

/** Gives a yes or no. @throws XrpcError InvalidRequest */
export function flagOf(params: Params, name: string): boolean {
  const value = typeof params[name] === 'string' ? params[name].toLowerCase() : params[name];
  if (value === true || value === 'true' || value === '1') return true;
  if (value === false || value === 'false' || value === '0') return false;
  throw invalidRequest(`request must have "${name}", true or false`);
}

/** Gives the limit and cursor of a list. @throws XrpcError InvalidRequest */
export function pageOf(params: Params, most: number): { readonly limit: number; readonly cursor: number | null } {
  const limit = params['limit'] === undefined || params['limit'] === '' ? most : countOf(params, 'limit');
  const cursor = params['cursor'] === undefined || params['cursor'] === '' ? null : countOf(params, 'cursor');
  return { limit: Math.max(1, Math.min(most, limit)), cursor };
}

/** Gives the host that a request names as `host`. @throws XrpcError InvalidRequest, 404 HostNotFound */
export function hostOf(store: HostStore, params: Params): Host {
  const hostname = textOf(params, 'host').toLowerCase();
  const host = store.find(hostname);
  if (host === null) throw new XrpcError(404, 'HostNotFound', `this relay does not know the host ${hostname}`);
  return host;
}
