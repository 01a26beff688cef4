/**
 * Reads what the network needs out of a DID document: key, home server, claimed handle, services.
 * Not for fetching one (did-plc, did-web) nor for believing the handle (resolver.verifiedHandle).
 * A part that is missing or broken is null; only a document that is not about the DID is refused.
 * Source: AT Protocol spec "DID", sections "DID Documents" and "Representation of Public Keys".
 */
import { ProtocolError } from '../base/errors.ts';
import { parseVerificationMethod, type PublicKey } from '../crypto/did-key.ts';
import { parseHandle } from './handle-syntax.ts';

/** Most entries of one list of a document that are looked at. Ours: real documents have fewer than ten. */
export const maxDocumentEntries = 64;

/** Most containers inside one another in a document. Ours: real documents have three; whoever walks `raw` needs a bound. */
export const maxDocumentDepth = 16;

/** Longest service endpoint that is read, in characters. The did:plc directory allows 512. */
export const maxEndpointLength = 1_024;

/** One entry of `service`; `id` is always a bare fragment such as `#atproto_pds`. */
export interface DidService {
  readonly id: string;
  readonly type: string;
  readonly endpoint: string;
}

/** A DID document, read. */
export interface DidDocument {
  readonly did: string;
  /** The first valid `at://` handle, lower case; a claim until the handle resolves back. */
  readonly handle: string | null;
  readonly alsoKnownAs: readonly string[];
  /** The first valid `#atproto` key. */
  readonly signingKey: PublicKey | null;
  /** Origin of the `#atproto_pds` service, without a slash at the end; may be http, which callers may refuse. */
  readonly pdsUrl: string | null;
  readonly services: readonly DidService[];
  /** The JSON as it came. */
  readonly raw: unknown;
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWithinDepth(value: unknown, depthLeft: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depthLeft > 0 && Object.values(value).every((entry) => isWithinDepth(entry, depthLeft - 1));
}

function entriesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, maxDocumentEntries) : [];
}

/**
 * Reads a DID document.
 * Always checks: it is an object whose `id` is the DID, and nowhere too deep.
 * Does not check: `@context`, unknown fields, whether the handle points back, whether the server answers.
 * @throws ProtocolError InvalidDidDocument when it is not a document of this DID
 */
export function parseDidDocument(did: string, json: unknown): DidDocument {
  if (!isObject(json)) throw new ProtocolError('InvalidDidDocument', `document is not an object: did=${did}`);
  if (json['id'] !== did) throw new ProtocolError('InvalidDidDocument', `document is about another did: wanted=${did}`);
  if (!isWithinDepth(json, maxDocumentDepth)) throw new ProtocolError('InvalidDidDocument', `document is nested too deeply: did=${did} max=${maxDocumentDepth}`);
  const alsoKnownAs = entriesOf(json['alsoKnownAs']).filter((entry) => typeof entry === 'string');
  const services = readServices(did, json['service']);
  const pds = services.find((service) => service.id === '#atproto_pds' && service.type === 'AtprotoPersonalDataServer');
  return {
    did,
    handle: firstHandle(alsoKnownAs),
    alsoKnownAs,
    signingKey: readKey(did, json['verificationMethod'], '#atproto'),
    pdsUrl: pds ? parseServiceOrigin(pds.endpoint) : null,
    services,
    raw: json,
  };
}

/** Gives the endpoint of a service by its fragment (`#bsky_notif`), null when the document has none. */
export function findServiceEndpoint(document: DidDocument, fragment: string): string | null {
  return document.services.find((service) => service.id === fragment)?.endpoint ?? null;
}

/** Gives the first valid key under a fragment of `verificationMethod`, for example `#atproto_label`. */
export function findVerificationKey(document: DidDocument, fragment: string): PublicKey | null {
  return isObject(document.raw) ? readKey(document.did, document.raw['verificationMethod'], fragment) : null;
}

/**
 * Gives the origin of a server's address: http or https, no path, query, fragment or credentials.
 * Null for anything else; one slash at the end is tolerated.
 */
export function parseServiceOrigin(endpoint: string): string | null {
  if (endpoint.length > maxEndpointLength || !/^https?:\/\/[^\s\\/?#@]+\/?$/.test(endpoint)) return null;
  const url = URL.parse(endpoint);
  return url && url.hostname !== '' && !url.hostname.endsWith('.') ? url.origin : null;
}

function firstHandle(alsoKnownAs: readonly string[]): string | null {
  for (const uri of alsoKnownAs) {
    const handle = uri.startsWith('at://') ? parseHandle(uri.slice(5)) : null;
    if (handle !== null) return handle;
  }
  return null;
}

/** Makes `#name` of `#name` and of `did#name`; null for the fragment of another document. */
function fragmentOf(did: string, id: unknown): string | null {
  if (typeof id !== 'string') return null;
  if (id.startsWith('#')) return id;
  return id.startsWith(`${did}#`) ? id.slice(did.length) : null;
}

function readKey(did: string, methods: unknown, fragment: string): PublicKey | null {
  for (const method of entriesOf(methods)) {
    if (!isObject(method) || fragmentOf(did, method['id']) !== fragment) continue;
    const { type, controller, publicKeyMultibase } = method;
    if (controller !== undefined && controller !== did) continue;
    if (typeof type !== 'string' || typeof publicKeyMultibase !== 'string') continue;
    const key = parseVerificationMethod(type, publicKeyMultibase);
    if (key) return key;
  }
  return null;
}

function readServices(did: string, services: unknown): DidService[] {
  const found: DidService[] = [];
  for (const service of entriesOf(services)) {
    if (!isObject(service)) continue;
    const id = fragmentOf(did, service['id']);
    const { type, serviceEndpoint } = service;
    if (id === null || typeof type !== 'string' || typeof serviceEndpoint !== 'string') continue;
    if (serviceEndpoint.length <= maxEndpointLength) found.push({ id, type, endpoint: serviceEndpoint });
  }
  return found;
}
