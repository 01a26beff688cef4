/**
 * Who this server is to the network: its public URL, its DID, and the other DIDs under which it may be addressed.
 * In development the port is part of all of them and is known only once the server listens (`bind`).
 * Not the identity of an account. Source: did:web method; public URL as the reference PDS builds it.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { didWebOf } from '@dunlin/protocol/identity/did-web';

/** What the identity is made of. */
export interface ServerIdentityOptions {
  readonly hostname: string;
  /** True for plain http on localhost, with the port in every name. */
  readonly isLocal: boolean;
  /** DID the operator chose; null makes a did:web of the host name. */
  readonly serviceDid: string | null;
  /** Host names this server had before, in development with the port. */
  readonly formerHosts?: readonly string[];
}

/** The server's names. */
export class ServerIdentity {
  readonly #options: ServerIdentityOptions;
  #port: number | null = null;

  constructor(options: ServerIdentityOptions) {
    this.#options = options;
  }

  /** Tells the port the server listens on; once, before the first request is answered. */
  bind(port: number): void {
    this.#port = port;
  }

  /** Host name, in development with the port: what relays are asked to crawl. */
  get host(): string {
    const { isLocal, hostname } = this.#options;
    if (!isLocal) return hostname;
    assert(this.#port !== null, 'server does not listen yet');
    return `localhost:${this.#port}`;
  }

  /** The address accounts' DID documents name, without a slash at the end. */
  get publicUrl(): string {
    return this.urlOf(this.host);
  }

  /** The address this server would have under a host name. */
  urlOf(host: string): string {
    return `${this.#options.isLocal ? 'http' : 'https'}://${host}`;
  }

  /** DID of this server: the audience of its sessions. */
  get did(): string {
    return this.#options.serviceDid ?? didWebOf(this.host);
  }

  /** Every DID under which others may address service tokens to this server, and that sessions begun here may name: the former ones too. */
  get audiences(): readonly string[] {
    const { hostname, formerHosts = [] } = this.#options;
    return [...new Set([this.did, didWebOf(this.host), didWebOf(hostname), ...formerHosts.map(didWebOf)])];
  }

  /** Tells whether a host name, without a port, is or was this server's. */
  hasHostname(name: string): boolean {
    const { formerHosts = [] } = this.#options;
    return [this.host, ...formerHosts].some((host) => new URL(this.urlOf(host)).hostname === name);
  }

  /** The DID document at /.well-known/did.json of a host name: a former one has its own, which names the present address. */
  document(host: string = this.host): object {
    const { formerHosts = [] } = this.#options;
    return {
      '@context': ['https://www.w3.org/ns/did/v1'],
      id: didWebOf(formerHosts.includes(host) ? host : this.host),
      service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: this.publicUrl }],
    };
  }
}
