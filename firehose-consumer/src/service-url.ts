/**
 * From what people write down ("relay.example", "https://relay.example", "ws://localhost:2470/…") to the WebSocket
 * address of a subscription.
 * Not for: deciding whether the address may be dialled (see the `lookup` option of `Subscription`).
 * Place in the flow: once per connection, since parameters such as the cursor change.
 * Source: AT Protocol specification, "Event Stream": XRPC path on a wss:// origin.
 */
import { isIP } from 'node:net';
import { FirehoseError } from './errors.ts';

/** The XRPC path of the repository stream. */
export const subscribeReposPath = '/xrpc/com.atproto.sync.subscribeRepos';

const webSocketProtocols: Record<string, string> = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' };

/**
 * Gives the ws:// or wss:// URL of a stream. A service without scheme means wss; http(s) means ws(s); a service that
 * has a path of its own keeps it in place of `path`, and its own query parameters stay.
 * @throws FirehoseError InvalidOption when `service` is no such address or carries a user name
 */
export function subscriptionUrl(service: string, path: string, params: Record<string, string> = {}): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(service) ? service : `wss://${service}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  const protocol = url ? webSocketProtocols[url.protocol] : undefined;
  if (!url || !protocol || url.username || url.password || url.hash) {
    throw new FirehoseError('InvalidOption', 'service must be a ws, wss, http or https address without credentials or fragment');
  }
  // The standard forbids changing between special and other schemes, but all four are special.
  url.protocol = protocol;
  if (url.pathname === '/') url.pathname = path;
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url;
}

/** Gives the host of a URL when it is an address and not a name (brackets removed), else null. */
export function literalAddress(url: URL): string | null {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? null : host;
}
