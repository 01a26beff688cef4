/**
 * What the doctor looks at under any public address: DNS, the certificate, the clock, health, and whether something private is open.
 * Not for one kind of server (`pds.ts`, `relay.ts`, `appview.ts`, `plc.ts`) nor streams (`stream.ts`). Changes nothing.
 * Source: ours.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { isPublicAddress } from '@dunlin/service/http/public-address';
import type { Clock } from '@dunlin/protocol/base/clock';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';

type Fetch = typeof globalThis.fetch;

const dayMs = 86_400_000;
/** Certificates are renewed a month before their end as a rule; this near it, nobody did. */
const lateRenewalMs = 14 * dayMs;
const timeoutMs = 10_000;

/** What checks of an address use. */
export interface AddressParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Gives the addresses of a name; default the machine's resolver. */
  readonly resolve?: (name: string) => Promise<string[]>;
  /** Certificate authorities beside the machine's own, as PEM. */
  readonly authorities?: string;
}

/** Looks at everything that is the same for every server. */
export async function* checkAddress(url: URL, parts: AddressParts): AsyncGenerator<Finding, void, undefined> {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(name) === 0 && !isLocalName(name)) yield await checkDns(name, parts);
  if (url.protocol === 'https:') yield await checkCertificate(url, parts);
  else if (!isLocalName(name)) yield warn('certificate', `${url.origin} is plain http`, 'the network speaks https alone: put a proxy with a certificate before the server (see deploy/)');
  yield await checkHealth(url, parts.fetch);
  const metrics = await checkMetricsHidden(url, parts.fetch);
  if (metrics !== null) yield metrics;
}

/** Tells whether a name stands for this machine. */
export function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '127.0.0.1' || name === '::1';
}

/** Looks where a name leads. */
export async function checkDns(name: string, { resolve = resolveName }: Pick<AddressParts, 'resolve'>): Promise<Finding> {
  const check = `dns ${name}`;
  try {
    const addresses = await resolve(name);
    const hidden = addresses.filter((address) => !isPublicAddress(address));
    if (addresses.length === 0) return fail(check, 'leads nowhere', 'add an A or AAAA record for it');
    if (hidden.length > 0) return warn(check, `${hidden.join(', ')} is no address of the public internet`, 'others cannot reach it; right only in a network of your own');
    return ok(check, addresses.join(', '));
  } catch (fault) {
    return fail(check, reasonOf(fault), 'add an A or AAAA record for it, and wait until it is known (its TTL)');
  }
}

/** Gives every address of a name, as the machine resolves it. */
export async function resolveName(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/** Looks at the certificate a name is served with: whom it is for, its chain, its end. */
export async function checkCertificate(url: URL, { clock, authorities }: Pick<AddressParts, 'clock' | 'authorities'>): Promise<Finding> {
  const check = `certificate ${url.hostname}`;
  try {
    const { fault, certificate } = await shownCertificate(url, authorities);
    const endsMs = Date.parse(certificate.valid_to);
    const names = certificate.subjectaltname ?? String(certificate.subject.CN ?? 'no name');
    if (fault !== null) return fail(check, fault.found(names, certificate.valid_to), fault.advice);
    const days = Math.floor((endsMs - clock.nowMs()) / dayMs);
    const found = `for ${names}, ${days} days left`;
    return endsMs - clock.nowMs() < lateRenewalMs ? warn(check, found, 'it should have been renewed by now: look at the log of what renews it (caddy, certbot)') : ok(check, found);
  } catch (fault) {
    return fail(check, reasonOf(fault), 'let the firewall and the proxy take TLS on this port');
  }
}

interface CertificateFault {
  readonly found: (names: string, end: string) => string;
  readonly advice: string;
}

const certificateFaults: Readonly<Record<string, CertificateFault>> = {
  CERT_HAS_EXPIRED: { found: (_names, end) => `ended on ${end}`, advice: 'renew it, and see why that did not happen by itself' },
  CERT_NOT_YET_VALID: { found: () => 'is not valid yet', advice: 'see the clocks of this machine and of the one that made it' },
  ERR_TLS_CERT_ALTNAME_INVALID: { found: (names) => `is for ${names} only`, advice: 'get one for this name too; handles below a PDS want *.NAME' },
  DEPTH_ZERO_SELF_SIGNED_CERT: { found: () => 'is signed by itself', advice: 'get one of an authority that everybody knows (caddy does it by itself)' },
  SELF_SIGNED_CERT_IN_CHAIN: { found: () => 'leads to an authority that nobody knows', advice: 'get one of an authority that everybody knows (caddy does it by itself)' },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { found: () => 'comes without what links it to its authority', advice: 'serve the whole chain (fullchain.pem); browsers fill it in, servers do not' },
};

function shownCertificate(url: URL, authorities: string | undefined): Promise<{ fault: CertificateFault | null; certificate: DetailedPeerCertificate }> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(url.port || 443), ...(isIP(host) === 0 && { servername: host }), rejectUnauthorized: false, ...(authorities !== undefined && { ca: authorities }) });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate(true);
      // Declared as an Error; what is there is its code.
      const code = socket.authorized ? null : codeOf(socket.authorizationError);
      socket.destroy();
      resolve({ certificate, fault: code === null ? null : certificateFaults[code] ?? { found: () => code, advice: 'get a certificate that servers accept' } });
    });
  });
}

function codeOf(fault: unknown): string {
  return typeof fault === 'object' && fault !== null && 'code' in fault ? String(fault.code) : String(fault);
}

/** Looks whether the server says that it can serve. */
export async function checkHealth(url: URL, fetch: Fetch): Promise<Finding> {
  const check = 'health';
  try {
    const answer = await fetch(new URL('/_health', url), { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' });
    const said = (await answer.json().catch(() => ({}))) as { version?: unknown; message?: unknown };
    if (answer.status === 503) return fail(check, `it cannot serve: ${String(said.message ?? 'no reason given')}`, 'see its log');
    if (answer.status !== 200) return fail(check, `${url.origin}/_health answers ${answer.status}`, 'let the proxy pass every path on to the server');
    return ok(check, typeof said.version === 'string' ? `version ${said.version}` : 'answers');
  } catch (fault) {
    return fail(check, `${url.origin}: ${reasonOf(fault)}`, 'start the server; let DNS, the firewall and the proxy lead this name to its port');
  }
}

/** Looks whether figures meant for the operator are open to everybody; null when they are not. */
async function checkMetricsHidden(url: URL, fetch: Fetch): Promise<Finding | null> {
  const answer = await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' }).catch(() => null);
  const isOpen = answer?.status === 200 && (await answer.text()).includes('# TYPE ');
  return isOpen ? warn('metrics', `${url.origin}/metrics is open to everybody`, 'do not pass /metrics on') : null;
}
