/**
 * What the doctor looks at in a relay, from outside: its stream, its hosts, what is open that should not be; and what a relay says of a PDS.
 * Not for the machine (`machine.ts`) nor for what every address has (`address.ts`). Changes nothing.
 * Source: ours; lexicons com.atproto.sync.listHosts and getHostStatus.
 */
import { xrpcGet } from '@dunlin/service/xrpc/call';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';
import { checkFirehose, type StreamOptions } from './stream.ts';

type Fetch = typeof globalThis.fetch;

/** Events a relay may be behind before the doctor says so. */
const relayLag = 100;
/** Most pages of hosts that are read, of 1,000 each. */
const maxPages = 20;

/** What a relay's status of a host means to that host's operator. */
const hostStates: Readonly<Record<string, string>> = {
  active: 'the relay reads it',
  idle: 'the relay knows it and is not connected just now; it dials again by itself',
  throttled: 'the relay reads it slowly, since it sends more than its rate allows; nothing is lost',
  offline: 'the relay cannot reach it',
  banned: 'the relay refuses it',
};

/** Looks at a relay. */
export async function* checkRelayServer(url: string, o: StreamOptions & { fetch: Fetch }): AsyncGenerator<Finding, void, undefined> {
  yield* checkFirehose(url, o);
  yield await checkHosts(url, o.fetch);
  yield await checkAdmin(url, o.fetch);
}

/** Looks at how the relay's hosts do. */
export async function checkHosts(url: string, fetch: Fetch): Promise<Finding> {
  const check = 'hosts';
  try {
    const counts = new Map<string, number>();
    let cursor: string | undefined;
    for (let page = 0; page < maxPages; page++) {
      const said = (await xrpcGet('com.atproto.sync.listHosts', { limit: 1_000, cursor }, { fetch, service: url })) as { hosts: { status?: string }[]; cursor?: string };
      for (const { status = 'unknown' } of said.hosts) counts.set(status, (counts.get(status) ?? 0) + 1);
      cursor = said.cursor;
      if (cursor === undefined) break;
    }
    return judgeHosts(check, counts);
  } catch (fault) {
    return fail(check, reasonOf(fault), 'listHosts must answer: see its log');
  }
}

function judgeHosts(check: string, counts: ReadonlyMap<string, number>): Finding {
  const sum = [...counts.values()].reduce((total, count) => total + count, 0);
  const found = `${sum} known${[...counts].toSorted(([, a], [, b]) => b - a).map(([status, count]) => `, ${count} ${status}`).join('')}`;
  const offline = counts.get('offline') ?? 0;
  if (sum === 0) return warn(check, found, 'name hosts in RELAY_HOSTS, or other relays in RELAY_DISCOVERY_RELAYS, or let PDSes request a crawl');
  if (offline === sum) return fail(check, found, 'none is reached: look at the network and DNS of the relay\'s machine');
  return offline > sum / 2 ? warn(check, found, 'more than half are not reached: /status names the last error of each') : ok(check, found);
}

/** Looks whether the operator's API answers to strangers. */
async function checkAdmin(url: string, fetch: Fetch): Promise<Finding> {
  const check = 'admin';
  try {
    const answer = await fetch(new URL('/admin/pds/list', url), { signal: AbortSignal.timeout(10_000), redirect: 'manual' });
    await answer.body?.cancel();
    if (answer.status === 200) return fail(check, '/admin answers without a password', 'this is no Dunlin relay, or something before it puts a password in');
    return answer.status === 401 ? warn(check, '/admin asks this address for a password', 'let the proxy pass /admin on for your own addresses alone (see deploy/); right if this is one of them') : ok(check, `/admin is closed here (${answer.status})`);
  } catch (fault) {
    return warn(check, reasonOf(fault), 'see health');
  }
}

/** Looks what a relay knows of a PDS, and how far it has read. `headSeq` null is not known. */
export async function checkRelay(relay: string, { hostname, headSeq, fetch }: { hostname: string; headSeq: number | null; fetch: Fetch }): Promise<Finding> {
  const check = `relay ${new URL(relay).host}`;
  try {
    const { status, seq } = (await xrpcGet('com.atproto.sync.getHostStatus', { hostname }, { fetch, service: relay })) as { status?: string; seq?: number };
    const found = `${status ?? 'no status'} (${hostStates[status ?? ''] ?? 'unknown to the doctor'}), at seq ${seq ?? 'unknown'}${headSeq === null ? '' : ` of ${headSeq}`}`;
    if (status === 'banned') return fail(check, found, 'ask the operator of the relay why');
    if (headSeq !== null && (seq ?? 0) > headSeq) return fail(check, found, 'it has heard later events than the server has: restart the server, it jumps ahead');
    if (headSeq !== null && headSeq - (seq ?? 0) > relayLag) return warn(check, found, 'wait; when it stays behind: dunlin admin pds request-crawl, and see the websocket check');
    if (status === 'offline') return warn(check, found, 'see the checks of dns, certificate and websocket, then: dunlin admin pds request-crawl');
    return status === 'active' ? ok(check, found) : warn(check, found, 'dunlin admin pds request-crawl');
  } catch (fault) {
    return warn(check, reasonOf(fault), `it does not know the server, or does not answer: dunlin admin pds request-crawl ${relay}`);
  }
}
