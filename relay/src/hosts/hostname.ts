/**
 * What a host may be called and where it is dialled.
 * Not for asking whether anybody answers there (host-check.ts) or whether it is banned (host-store.ts).
 * Place in the flow: every hostname from outside passes here once: requestCrawl, admin, configuration, DID documents.
 * Source: AT Protocol "PDS" conventions as kept by the indigo relay: public DNS names over TLS on 443, no ports, no
 * addresses; localhost with a port for development only.
 */

/** A host's name and origin. */
export interface HostName {
  /** Lower case, with a port only for localhost: the key of a host. */
  readonly hostname: string;
  /** `https://hostname`, or `http://localhost:PORT`; compared with the PDS endpoint of DID documents. */
  readonly origin: string;
}

const dnsName = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
const localName = /^(?:localhost|127\.0\.0\.1):\d{1,5}$/;
const reservedEndings = ['.localhost', '.local', '.internal', '.invalid', '.test', '.example', '.arpa', '.onion', '.alt'];

/** Reads a hostname, with or without a scheme before it and a slash behind; null when it may not be dialled. */
export function parseHostName(text: string, allowInsecure: boolean): HostName | null {
  const bare = text.trim().toLowerCase().replace(/^(?:https?|wss?):\/\//, '').replace(/\/$/, '');
  if (localName.test(bare)) {
    const port = Number(bare.slice(bare.indexOf(':') + 1));
    return allowInsecure && port > 0 && port < 65_536 ? { hostname: bare, origin: `http://${bare}` } : null;
  }
  const isPublic = dnsName.test(bare) && !reservedEndings.some((ending) => bare.endsWith(ending));
  return isPublic ? { hostname: bare, origin: `https://${bare}` } : null;
}

/** Says whether a hostname is the domain or below it; `*.` before the domain is allowed and means the same. */
export function isWithinDomain(hostname: string, domain: string): boolean {
  const suffix = domain.toLowerCase().replace(/^\*\./, '');
  const name = hostname.replace(/:\d+$/, '');
  return name === suffix || name.endsWith(`.${suffix}`);
}
