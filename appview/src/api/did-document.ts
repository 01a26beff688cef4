/**
 * Who this app view is: its did:web, its address, and the DID document that says so.
 * It has no signing key: this service signs nothing.
 * Source: W3C did:web; AT Protocol spec "DID".
 */
import { assert } from '@dunlin/protocol/base/assert';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import type { PlainRouter } from '@dunlin/service/http/router';

/** Id of the service entry; with the DID before it, the name of this gateway in rooms and tokens. */
export const serviceId = '#dunlin_live';

/** The name of this service. In development it has the port in it, which is known only once the service listens. */
export class ServiceIdentity {
  readonly #hostname: string;
  readonly #isDevMode: boolean;
  #port: number | null = null;

  constructor(o: { readonly hostname: string; readonly isDevMode: boolean }) {
    this.#hostname = o.hostname;
    this.#isDevMode = o.isDevMode;
  }

  /** Sets the port the service listens on. */
  listensOn(port: number): void {
    this.#port = port;
  }

  get did(): string {
    return didWebOf(this.#host);
  }

  /** What rooms served here name as their gateway. */
  get gatewayId(): string {
    return `${this.did}${serviceId}`;
  }

  /** Where the public finds this service, without a slash at the end. */
  get url(): string {
    return `${this.#isDevMode ? 'http' : 'https'}://${this.#host}`;
  }

  get #host(): string {
    assert(this.#port !== null, 'service does not listen yet');
    return this.#isDevMode ? `${this.#hostname}:${this.#port}` : this.#hostname;
  }
}

/** Serves /.well-known/did.json. */
export function serveDidDocument(router: PlainRouter, identity: ServiceIdentity): void {
  router.get('/.well-known/did.json', (context) => {
    context.set('cache-control', 'public, max-age=300');
    context.body = {
      '@context': ['https://www.w3.org/ns/did/v1'],
      id: identity.did,
      service: [{ id: serviceId, type: 'DunlinLiveService', serviceEndpoint: identity.url }],
    };
  });
}
