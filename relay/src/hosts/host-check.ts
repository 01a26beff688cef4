/**
 * Asks a host that wants to be crawled who it is, before it is taken in.
 * Not for hosts that are known already. Place in the flow: requestCrawl.
 * Always checks: it answers describeServer with JSON, and it does not call itself a relay.
 * Does not check: what it says about itself. The fetch given is guarded against private addresses, bounded in bytes and
 * time. Source: as the indigo relay's host checker; relays are refused by their Server header (they would double events).
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { HostName } from './hostname.ts';

/** @throws XrpcError 400 HostNotFound when nobody fit answers there */
export async function checkHost(name: HostName, fetch: typeof globalThis.fetch): Promise<void> {
  const response = await describe(name, fetch);
  if ((response.headers.get('server') ?? '').includes('atproto-relay')) {
    await response.body?.cancel();
    throw notFound(`host is a relay, not a PDS: ${name.hostname}`);
  }
  const isJson = await readsAsObject(response);
  if (!response.ok || !isJson) throw notFound(`host does not answer describeServer: ${name.hostname} status=${response.status}`);
}

async function describe(name: HostName, fetch: typeof globalThis.fetch): Promise<Response> {
  try {
    return await fetch(`${name.origin}/xrpc/com.atproto.server.describeServer`, { headers: { accept: 'application/json' } });
  } catch (cause) {
    throw new XrpcError(400, 'HostNotFound', `host cannot be reached: ${name.hostname}`, {}, { cause });
  }
}

async function readsAsObject(response: Response): Promise<boolean> {
  try {
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null && !Array.isArray(body);
  } catch {
    return false;
  }
}

function notFound(message: string): XrpcError {
  return new XrpcError(400, 'HostNotFound', message);
}
