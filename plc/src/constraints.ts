/**
 * Bounds on an operation that is submitted here: sizes, counts, kinds of keys.
 * Not for signatures or order (protocol/identity/plc-log) and never applied to what is stored already.
 * Takes the JSON of a request. Gives a signed operation, or a refusal in words for the submitter.
 * Source: did:plc v0.3 (one to five rotation keys, no two alike; ten methods) and the limits of the public directory.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { encodePlcOperation, parsePlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { PlcState, SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';

/** Largest operation, in bytes of DAG-CBOR with its signature. Public directory: 4,000. */
export const maxOperationBytes = 4_000;
/** Most rotation keys; at least one. did:plc v0.3: 5. */
export const maxRotationKeys = 5;
/** Most verification methods. did:plc v0.2: 10. */
export const maxVerificationMethods = 10;
/** Longest did:key of a verification method, in characters. Public directory: 256. */
export const maxDidKeyLength = 256;
/** Most aliases. Public directory: 10. */
export const maxAlsoKnownAs = 10;
/** Longest alias, in characters: `at://` and the longest handle. Public directory: 258. */
export const maxAlsoKnownAsLength = 258;
/** Most services. Public directory: 10. */
export const maxServices = 10;
/** Longest service type, in characters. Public directory: 256. */
export const maxServiceTypeLength = 256;
/** Longest service endpoint, in characters. Public directory: 512. */
export const maxServiceEndpointLength = 512;
/** Longest id of a service or a verification method, in characters. Public directory: 32. */
export const maxIdLength = 32;

/** `did:key:` and base58btc: enough for keys of kinds that this code does not know. */
const didKeySyntax = /^did:key:z[1-9A-HJ-NP-Za-km-z]+$/;

/** An operation that keeps to the bounds, or why it does not. */
export type IncomingOperation =
  | { readonly accepted: true; readonly operation: SignedPlcOperation }
  | { readonly accepted: false; readonly message: string };

/**
 * Reads a submitted operation.
 * Always checks: exact fields, bytes, counts, lengths, rotation keys of a curve that can sign, verification keys by
 * syntax, no doubles. Does not check: signature, place in the log, whether handles or servers exist.
 */
export function readIncomingOperation(json: unknown): IncomingOperation {
  try {
    const operation = parsePlcOperation(json);
    const bytes = encodePlcOperation(operation).length;
    if (bytes > maxOperationBytes) return refused(`operation is too large: bytes=${bytes} max=${maxOperationBytes}`);
    if (operation.type === 'create') return refused('legacy create operations are no longer accepted');
    const fault = operation.type === 'plc_operation' ? findFault(operation) : null;
    return fault === null ? { accepted: true, operation } : refused(fault);
  } catch (error) {
    if (error instanceof ProtocolError) return refused(`not a valid operation: ${error.message}`);
    throw error;
  }
}

function refused(message: string): IncomingOperation {
  return { accepted: false, message };
}

function findFault(state: PlcState): string | null {
  return findKeyFault(state.rotationKeys) ?? findMethodFault(state.verificationMethods)
    ?? findAliasFault(state.alsoKnownAs) ?? findServiceFault(state.services);
}

function isRotationKey(text: string): boolean {
  try {
    return parseDidKey(text).didKey === text;
  } catch {
    return false;
  }
}

function findKeyFault(keys: PlcState['rotationKeys']): string | null {
  if (keys.length === 0) return 'no rotation key: nobody could ever change this did';
  if (keys.length > maxRotationKeys) return `too many rotationKeys: count=${keys.length} max=${maxRotationKeys}`;
  if (new Set(keys).size < keys.length) return 'duplicate rotationKeys entry';
  const bad = keys.findIndex((key) => !isRotationKey(key));
  return bad < 0 ? null : `not a p-256 or k-256 did:key: at=/rotationKeys/${bad}`;
}

function findMethodFault(methods: PlcState['verificationMethods']): string | null {
  const entries = Object.entries(methods);
  if (entries.length > maxVerificationMethods) return `too many verificationMethods: count=${entries.length} max=${maxVerificationMethods}`;
  for (const [id, key] of entries) {
    if (!isId(id)) return `verification method id is empty, too long or holds '#': max=${maxIdLength}`;
    if (key.length > maxDidKeyLength || !didKeySyntax.test(key)) return `not a did:key: at=/verificationMethods/${id}`;
  }
  return null;
}

function findAliasFault(aliases: PlcState['alsoKnownAs']): string | null {
  if (aliases.length > maxAlsoKnownAs) return `too many alsoKnownAs entries: count=${aliases.length} max=${maxAlsoKnownAs}`;
  if (aliases.some((alias) => alias.length > maxAlsoKnownAsLength)) return `alsoKnownAs entry too long: max=${maxAlsoKnownAsLength}`;
  return new Set(aliases).size < aliases.length ? 'duplicate alsoKnownAs entry' : null;
}

function findServiceFault(services: PlcState['services']): string | null {
  const entries = Object.entries(services);
  if (entries.length > maxServices) return `too many services: count=${entries.length} max=${maxServices}`;
  for (const [id, service] of entries) {
    if (!isId(id)) return `service id is empty, too long or holds '#': max=${maxIdLength}`;
    if (service.type.length > maxServiceTypeLength) return `service type too long: at=/services/${id} max=${maxServiceTypeLength}`;
    if (service.endpoint.length > maxServiceEndpointLength) return `service endpoint too long: at=/services/${id} max=${maxServiceEndpointLength}`;
  }
  return null;
}

function isId(id: string): boolean {
  return id.length > 0 && id.length <= maxIdLength && !id.includes('#');
}
