/**
 * Judges addresses before we dial them on somebody else's word (SSRF): only addresses of the public internet pass.
 * The look-up hook hands a socket exactly the addresses that were judged, so a name cannot change its mind in between.
 * Not for addresses of our own config. Source: IANA special-purpose registries, as ipaddr.js knows them.
 */
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import ipaddr from 'ipaddr.js';

/** Callback of a look-up: one address, or all of them when asked with `all`. */
export type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** A look-up as sockets take it in their `lookup` option. */
export type Lookup = (hostname: string, options: LookupOptions, callback: LookupCallback) => void;

/** Why a target was refused; the message names the host and never what it resolves to. */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError';
  readonly code = 'ERR_REFUSED_ADDRESS';
}

/** Says whether an address (not a name) belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // `process` turns IPv4-mapped IPv6 into IPv4; other embeddings (6to4, NAT64, Teredo) have ranges of their own and are refused.
  const parsed = ipaddr.process(address);
  // Of IPv6 only 2000::/3 is given out. What is beyond has no name in the library: `::7f00:1` is the IPv4-compatible form of 127.0.0.1.
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || (parsed.toByteArray()[0] ?? 0) >> 5 === 1);
}

/** Gives the host of a URL as an address when it is written as one, else null. */
function literalAddress(hostname: string): string | null {
  const bare = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
  return ipaddr.isValid(bare) ? bare : null;
}

/** How strict a guard is. */
export interface GuardOptions {
  /** True lets everything pass: for development and tests. */
  readonly allowPrivate?: boolean;
  /** Resolves names; default the system's. Always asked for all addresses. */
  readonly lookup?: (hostname: string, options: LookupOptions & { all: true }, callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;
}

/**
 * Checks what the look-up hook cannot see: scheme, credentials, and hosts written as addresses (sockets do not look those up).
 * @throws RefusedAddressError
 */
export function checkDialTarget(url: URL, o: GuardOptions & { readonly schemes: readonly string[] }): void {
  const scheme = url.protocol.slice(0, -1);
  if (!o.schemes.includes(scheme)) throw new RefusedAddressError(`scheme is not allowed: ${scheme}`);
  if (url.username !== '' || url.password !== '') throw new RefusedAddressError('address holds credentials');
  if (o.allowPrivate) return;
  const literal = literalAddress(url.hostname);
  if (literal !== null && !isPublicAddress(literal)) throw new RefusedAddressError(`address is not on the public internet: host=${url.hostname}`);
  if (isLocalName(url.hostname)) throw new RefusedAddressError(`name is local: host=${url.hostname}`);
}

function isLocalName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || /\.(?:localhost|local|internal|home\.arpa|lan|onion)$/.test(name);
}

/** Makes the look-up hook: resolves a name and refuses it when any of its addresses is not public. */
export function guardedLookup(o: GuardOptions = {}): Lookup {
  const resolve = o.lookup ?? ((hostname, options, callback) => systemLookup(hostname, options, callback));
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const isRefused = addresses.length === 0 || (!o.allowPrivate && addresses.some(({ address }) => !isPublicAddress(address)));
      const first = addresses[0];
      if (isRefused || first === undefined) return callback(new RefusedAddressError(`name does not lead to the public internet: host=${hostname}`), []);
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
