/**
 * Client of a did:plc directory: read a document, the data behind it and the log; submit an operation.
 * Not for judging operations (see plc-log) nor for caching (see resolver).
 * Null always means "not registered or tombstoned"; a directory that cannot say is IdentityUnavailable.
 * Source: did:plc v0.3, "DID Resolution", "Audit Logs"; the HTTP API of the public directory.
 */
import type { Clock } from '../base/clock.ts';
import { ProtocolError } from '../base/errors.ts';
import { boundedFetch, type BoundedAnswer } from './bounded-fetch.ts';
import { isPlcDid } from './did.ts';
import { parseDidDocument, type DidDocument } from './did-document.ts';
import { maxDidDocumentBytes } from './did-web.ts';
import { parsePlcOperation, plcStateOf, type PlcData, type SignedPlcOperation } from './plc-operation.ts';
import { parsePlcLogEntry, type PlcLogEntry } from './plc-log.ts';

/** Largest log that is read, in bytes. Ours: a thousand operations of ordinary size. */
export const maxPlcLogBytes = 4_000_000;

/** A directory and how to speak to it. */
export interface PlcDirectory {
  /** Base address, for example `https://plc.directory`; a slash at the end is tolerated. */
  readonly plcUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a directory said to an operation. */
export type PlcSubmission =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly status: number; readonly message: string };

const defaultTimeoutMs = 5_000;

function ask(o: PlcDirectory, path: string, maxBytes: number, json?: string): Promise<BoundedAnswer> {
  const url = `${o.plcUrl.replace(/\/$/, '')}/${path}`;
  const { fetch, clock, signal, timeoutMs = defaultTimeoutMs } = o;
  return boundedFetch({ url, fetch, clock, signal, timeoutMs, maxBytes, accept: 'application/did+ld+json, application/json',
    ...(json === undefined ? {} : { json }) });
}

/** Asks for JSON about a DID and reads it: what cannot be read is the directory's fault, never an absent DID. */
async function readAbout<T>(o: PlcDirectory, did: string, suffix: string, maxBytes: number, parse: (json: unknown) => T): Promise<T | null> {
  if (!isPlcDid(did)) return null;
  const answer = await ask(o, `${did}${suffix}`, maxBytes);
  if (answer.status === 404 || answer.status === 410) return null;
  if (answer.status !== 200) throw unavailable(did, `status=${answer.status}`);
  if (answer.text === null) throw unavailable(did, `body too long or not text: maxBytes=${maxBytes}`);
  try {
    return parse(JSON.parse(answer.text));
  } catch (cause) {
    throw unavailable(did, cause instanceof ProtocolError ? cause.message : 'body is not json', cause);
  }
}

function unavailable(did: string, detail: string, cause?: unknown): ProtocolError {
  return new ProtocolError('IdentityUnavailable', `directory gave no usable answer: did=${did} ${detail}`, { cause });
}

/** Fetches a DID document. @throws ProtocolError IdentityUnavailable */
export function fetchPlcDocument(o: PlcDirectory, did: string): Promise<DidDocument | null> {
  return readAbout(o, did, '', maxDidDocumentBytes, (json) => parseDidDocument(did, json));
}

/** Fetches the newest valid operation, a tombstone too. @throws ProtocolError IdentityUnavailable */
export function fetchPlcLastOperation(o: PlcDirectory, did: string): Promise<SignedPlcOperation | null> {
  return readAbout(o, did, '/log/last', maxDidDocumentBytes, parsePlcOperation);
}

/** Fetches the data of a DID: keys, aliases and services, with rotation keys. @throws ProtocolError IdentityUnavailable */
export function fetchPlcData(o: PlcDirectory, did: string): Promise<PlcData | null> {
  return readAbout(o, did, '/data', maxDidDocumentBytes, (json) => {
    const { rotationKeys, verificationMethods, alsoKnownAs, services } = (json ?? {}) as Record<string, unknown>;
    const state = plcStateOf(parsePlcOperation({ type: 'plc_operation', rotationKeys, verificationMethods, alsoKnownAs, services, prev: null, sig: '' }));
    if (!state) throw new ProtocolError('InvalidPlcOperation', 'data has no state');
    return { did, ...state };
  });
}

/** Fetches every operation with its CID and time, nullified ones too. @throws ProtocolError IdentityUnavailable */
export function fetchPlcAuditLog(o: PlcDirectory, did: string): Promise<PlcLogEntry[] | null> {
  return readAbout(o, did, '/log/audit', maxPlcLogBytes, (json) => {
    if (!Array.isArray(json)) throw new ProtocolError('InvalidPlcOperation', 'log is not an array');
    return json.map(parsePlcLogEntry);
  });
}

/**
 * Submits a signed operation. A refusal (4xx) is returned with the directory's words.
 * @throws ProtocolError IdentityUnavailable when the directory cannot be reached or is in trouble; it may have stored it
 */
export async function submitPlcOperation(o: PlcDirectory, did: string, operation: SignedPlcOperation): Promise<PlcSubmission> {
  const answer = await ask(o, did, maxDidDocumentBytes, JSON.stringify(operation));
  if (answer.status >= 200 && answer.status < 300) return { accepted: true };
  if (answer.status < 400 || answer.status >= 500) throw unavailable(did, `status=${answer.status}`);
  return { accepted: false, status: answer.status, message: messageOf(answer.text) };
}

function messageOf(text: string | null): string {
  try {
    const body: unknown = JSON.parse(text ?? '');
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') return body.message.slice(0, 500);
  } catch {
    // Not JSON: a proxy in front of the directory answered.
  }
  return 'no message';
}
