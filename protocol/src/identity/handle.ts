/**
 * Asks DNS, then the web, which DID a handle names.
 * Not for caching (see resolver) nor for the way back from the DID to the handle (resolver.verifiedHandle).
 * Takes a lower-case handle. Gives a DID, null when the handle names nobody.
 * Source: AT Protocol spec "Handle", "Handle Resolution".
 */
import type { Clock } from '../base/clock.ts';
import { ProtocolError } from '../base/errors.ts';
import { boundedFetch, reasonOf, withDeadline } from './bounded-fetch.ts';
import { didMethod } from './did.ts';
import { isReservedHost, isTestHandle, parseHandle } from './handle-syntax.ts';

/** Largest body of `/.well-known/atproto-did`, in bytes. Ours: the longest DID is 2,048 characters. */
export const maxWellKnownBytes = 4_096;

/** Most TXT records of one name that are looked at. Ours: more is not an answer to this question. */
export const maxTxtRecords = 64;

/** Longest DNS name, in characters: a longer handle has no room for `_atproto.` and is asked on the web only. */
const maxDnsNameLength = 253;

/** DNS errors that mean "there is no such record"; all others mean "cannot tell". */
const absentDnsCodes = new Set(['ENOTFOUND', 'ENODATA', 'NXDOMAIN']);

/** How handles are asked for. */
export interface HandleLookup {
  readonly fetch: typeof globalThis.fetch;
  /** As `node:dns/promises` resolveTxt: records, each in its pieces; rejects with a code. */
  readonly resolveTxt: (name: string) => Promise<string[][]>;
  readonly clock: Clock;
  /** Deadline for DNS, and again for the web. */
  readonly timeoutMs: number;
  /** Lets `.test` names resolve, over plain http. */
  readonly allowInsecure: boolean;
}

type DnsAnswer =
  | { readonly kind: 'did'; readonly did: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'fault'; readonly error: ProtocolError };

/**
 * Looks a handle up: DNS first; the web only when DNS has no record. Two records with different DIDs name nobody.
 * @throws ProtocolError IdentityUnavailable when neither way can tell
 */
export async function lookUpHandle(handle: string, o: HandleLookup): Promise<string | null> {
  if (parseHandle(handle) !== handle || isReservedHost(handle) || (isTestHandle(handle) && !o.allowInsecure)) return null;
  const dns = await askDns(handle, o);
  if (dns.kind === 'did') return dns.did;
  if (dns.kind === 'conflict') return null;
  const did = await askWeb(handle, o);
  if (did === null && dns.kind === 'fault') throw dns.error;
  return did;
}

async function askDns(handle: string, o: HandleLookup): Promise<DnsAnswer> {
  const name = `_atproto.${handle}`;
  if (name.length > maxDnsNameLength) return { kind: 'none' };
  try {
    const what = `txt ${name}`;
    const records = await withDeadline({ clock: o.clock, timeoutMs: o.timeoutMs, what }, () => o.resolveTxt(name));
    return readRecords(records);
  } catch (error) {
    const code = reasonOf(error);
    if (absentDnsCodes.has(code)) return { kind: 'none' };
    if (error instanceof ProtocolError) return { kind: 'fault', error };
    return { kind: 'fault', error: new ProtocolError('IdentityUnavailable', `dns failed: ${name} reason=${code}`, { cause: error }) };
  }
}

/** Reads TXT records; only `did=` with a DID that can be resolved counts. */
function readRecords(records: readonly (readonly string[])[]): DnsAnswer {
  if (records.length > maxTxtRecords) return { kind: 'conflict' };
  const dids = new Set<string>();
  for (const pieces of records) {
    const text = pieces.join('');
    const did = text.startsWith('did=') ? text.slice(4).trim() : '';
    if (didMethod(did) !== null) dids.add(did);
  }
  const [did] = dids;
  if (did === undefined) return { kind: 'none' };
  return dids.size > 1 ? { kind: 'conflict' } : { kind: 'did', did };
}

async function askWeb(handle: string, o: HandleLookup): Promise<string | null> {
  const url = `${isTestHandle(handle) ? 'http' : 'https'}://${handle}/.well-known/atproto-did`;
  try {
    const answer = await boundedFetch({ url, fetch: o.fetch, clock: o.clock, timeoutMs: o.timeoutMs,
      maxBytes: maxWellKnownBytes, redirect: 'follow', accept: 'text/plain' });
    if (answer.status >= 500 || answer.status === 429) {
      throw new ProtocolError('IdentityUnavailable', `handle host is in trouble: ${url} status=${answer.status}`);
    }
    const did = answer.status >= 200 && answer.status < 300 ? (answer.text ?? '').trim() : '';
    return didMethod(did) === null ? null : did;
  } catch (error) {
    // A name that does not exist is an answer: nobody has this handle.
    if (error instanceof ProtocolError && reasonOf(error) === 'ENOTFOUND') return null;
    throw error;
  }
}
