/**
 * Where a call that is not this server's own goes: to the service its caller names (`atproto-proxy: did#service`), else to the one
 * the operator named for its kind. Addresses the operator wrote are trusted; those out of DID documents are strangers'.
 * Not for sending (`forward.ts`). Source: atproto.com/specs/xrpc, section on service proxying; default services and texts as the
 * reference PDS.
 */
import { findServiceEndpoint, parseServiceOrigin } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** A service the operator named. */
export interface NamedService {
  readonly did: string;
  readonly url: string;
}

/** The services the operator named; null for none. */
export interface NamedServices {
  readonly appView: NamedService | null;
  readonly moderation: NamedService | null;
  readonly reports: NamedService | null;
}

/** A service a call goes to. */
export interface ProxyTarget {
  readonly did: string;
  readonly serviceId: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** True when the operator wrote the address: it may be anywhere. */
  readonly isTrusted: boolean;
}

/** Service id of app views. */
export const appViewId = 'bsky_appview';

const labelerId = 'atproto_labeler';

/** Finds services. */
export class ProxyTargets {
  readonly #resolver: IdentityResolver;
  readonly #services: NamedServices;

  constructor(resolver: IdentityResolver, services: NamedServices) {
    this.#resolver = resolver;
    this.#services = services;
  }

  /** The app view the operator named, or null. */
  get appView(): ProxyTarget | null {
    return trusted(this.#services.appView, appViewId);
  }

  /** Gives where a call goes; null when nobody named a service for it. @throws XrpcError 400 InvalidRequest; ProtocolError IdentityUnavailable */
  async find(header: string | undefined, nsid: string): Promise<ProxyTarget | null> {
    return header === undefined || header === '' ? this.#default(nsid) : this.#named(header);
  }

  /** Gives the endpoint of a service, also of one the operator named. @throws XrpcError 400 InvalidRequest; ProtocolError IdentityUnavailable */
  async service(did: string, serviceId: string): Promise<ProxyTarget> {
    const { appView } = this;
    if (appView !== null && appView.did === did && (serviceId === appViewId || serviceId === 'bsky_notif')) return { ...appView, serviceId };
    const document = await this.#resolver.resolveDid(did);
    if (document === null) throw invalidRequest('could not resolve proxy did');
    const origin = parseServiceOrigin(findServiceEndpoint(document, `#${serviceId}`) ?? '');
    if (origin === null) throw invalidRequest('could not resolve proxy did service url');
    return { did, serviceId, origin, isTrusted: false };
  }

  #default(nsid: string): ProxyTarget | null {
    const { moderation, reports } = this.#services;
    if (nsid === 'com.atproto.moderation.createReport') return trusted(reports ?? moderation, labelerId);
    if (nsid.startsWith('tools.ozone.')) return trusted(moderation, labelerId);
    return this.appView;
  }

  #named(header: string): Promise<ProxyTarget> {
    const [did = '', serviceId = '', ...more] = header.split('#');
    if (did === '') throw invalidRequest('no did specified in proxy header');
    if (serviceId === '') throw invalidRequest('no service id specified in proxy header');
    if (more.length > 0) throw invalidRequest('invalid proxy header format');
    if (header.includes(' ')) throw invalidRequest('proxy header cannot contain spaces');
    return this.service(did, serviceId);
  }
}

function trusted(service: NamedService | null, serviceId: string): ProxyTarget | null {
  return service && { did: service.did, serviceId, origin: new URL(service.url).origin, isTrusted: true };
}
