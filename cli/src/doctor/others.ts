/**
 * What the doctor looks at in an app view and in a did:plc directory, from outside.
 * Not for the machine (`machine.ts`) nor for what every address has (`address.ts`). Changes nothing.
 * Source: ours; the HTTP API of the public did:plc directory.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import { xrpcGet } from '@dunlin/service/xrpc/call';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';
import { checkRest, checkServerSentEvents, type StreamOptions } from './stream.ts';

type Fetch = typeof globalThis.fetch;

const timeoutMs = 10_000;
const serviceId = '#dunlin_live';
/** An export ends here when nobody changed a DID for so long; a copy that stands still looks the same. */
const quietMs = 7 * 86_400_000;

/** Looks at an app view. */
export async function* checkAppview(url: string, o: StreamOptions & { fetch: Fetch }): AsyncGenerator<Finding, void, undefined> {
  yield await checkServiceEntry(url, o.fetch);
  yield await checkSources(url, o.fetch);
  yield await checkServerSentEvents(new URL('/xrpc/app.dunlin.live.events?subjects=https%3A%2F%2Fexample.org%2F', url), o);
  // Whoever says nothing is let go after a while, so this rest is short.
  yield await checkRest(new URL('/xrpc/app.dunlin.live.subscribe', url), { ...o, patienceMs: Math.min(1_000, Math.max(200, o.patienceMs)) });
}

/** Looks whether the DID of the service leads to the address it has. */
async function checkServiceEntry(url: string, fetch: Fetch): Promise<Finding> {
  const check = 'did.json';
  const did = didWebOf(new URL(url).host);
  try {
    const answer = await fetch(`${url}/.well-known/did.json`, { signal: AbortSignal.timeout(timeoutMs) });
    const document = answer.ok ? ((await answer.json()) as { id?: unknown; service?: { id?: unknown; serviceEndpoint?: unknown }[] }) : null;
    if (document?.id !== did) return fail(check, `answer ${answer.status} names ${String(document?.id)}, not ${did}`, 'set APPVIEW_HOSTNAME to this name, and let the proxy pass /.well-known/did.json on');
    const entry = document.service?.find(({ id }) => id === serviceId || id === `${did}${serviceId}`);
    return entry?.serviceEndpoint === url ? ok(check, `${did}${serviceId} is ${url}`) : fail(check, `${serviceId} leads to ${String(entry?.serviceEndpoint)}`, 'set APPVIEW_HOSTNAME to this name');
  } catch (fault) {
    return fail(check, reasonOf(fault), 'let the proxy pass /.well-known/did.json on to the server');
  }
}

async function checkSources(url: string, fetch: Fetch): Promise<Finding> {
  const check = 'reaction sources';
  try {
    const { sources } = (await xrpcGet('app.dunlin.live.getReactionSources', {}, { fetch, service: url })) as { sources: { collection: string }[] };
    return ok(check, sources.map(({ collection }) => collection).join(', '));
  } catch (fault) {
    return fail(check, reasonOf(fault), 'is this an app view of Dunlin?');
  }
}

/** Looks at a did:plc directory. */
export async function* checkPlc(url: string, { fetch, clock }: { fetch: Fetch; clock: Clock }): AsyncGenerator<Finding, void, undefined> {
  yield await checkUnknownDid(url, fetch);
  yield await checkExport(url, fetch, clock);
}

/** Looks whether a directory answers look-ups. */
export async function checkUnknownDid(url: string, fetch: Fetch, check = 'look-up'): Promise<Finding> {
  try {
    const answer = await fetch(`${url}/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa`, { signal: AbortSignal.timeout(timeoutMs), redirect: 'manual' });
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    await answer.body?.cancel();
    return answer.status === 404 && isJson ? ok(check, 'a DID that nobody has is not found') : fail(check, `a DID that nobody has is answered with ${answer.status} ${answer.headers.get('content-type') ?? ''}`, 'let the proxy pass every path on to the directory; is this one?');
  } catch (fault) {
    return fail(check, reasonOf(fault), 'see health');
  }
}

async function checkExport(url: string, fetch: Fetch, clock: Clock): Promise<Finding> {
  const check = 'export';
  try {
    const answer = await fetch(`${url}/export?count=1&after=${new Date(clock.nowMs() - quietMs).toISOString()}`, { signal: AbortSignal.timeout(timeoutMs) });
    const text = await answer.text();
    if (!answer.ok) return fail(check, `answers ${answer.status}`, 'relays and mirrors read /export: let the proxy pass it on');
    return text.trim() === '' ? warn(check, `no operation within ${quietMs / 86_400_000} days`, 'right for a directory of few people; else see whether operations reach it') : ok(check, 'has operations of the last days');
  } catch (fault) {
    return fail(check, reasonOf(fault), 'see health');
  }
}
