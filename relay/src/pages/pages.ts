/**
 * Pages for people: `/` (what this relay is, how it does), `/status` (every host), `/status/HOST` (for that host's
 * operator); each also as JSON, with `.json` behind its path.
 * Not for changing anything. Place in the flow: read from memory and the host store when somebody looks.
 * Source: ours; the questions are those that operators of small hosts ask most.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Context } from '@dunlin/service/http/app';
import { clientAddress, limitKey } from '@dunlin/service/http/client-address';
import { escapeHtml } from '@dunlin/service/http/pages';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { createRouter } from '@dunlin/service/http/router';
import type { PlainRouter } from '@dunlin/service/http/router';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { HostPool } from '../hosts/host-pool.ts';
import type { Host, HostStore } from '../hosts/host-store.ts';
import { serveAssets } from './assets.ts';
import { count, facts, sendFrame, span } from './frame.ts';
import { hostView } from './host-view.ts';
import type { HostView } from './host-view.ts';
import type { LiveFigures } from './live-figures.ts';

/** What the pages read. */
export interface PageParts {
  readonly pool: HostPool;
  readonly hostStore: HostStore;
  readonly live: LiveFigures;
  readonly figures: () => RelayFigures;
  readonly clock: Clock;
}

/** Figures of the whole relay. */
export interface RelayFigures {
  readonly hosts: number;
  readonly activeHosts: number;
  readonly accounts: number;
  readonly consumers: number;
  readonly oldestSeq: number;
  readonly headSeq: number;
  readonly logBytes: number;
}

const hostsPerPage = 200;
/** Views from one address; an open page with a chart takes thirty a minute. */
const viewLimit = { points: 600, windowMs: 60_000 };
/** How long the list of hosts is not read anew, so that viewers cost the same however many they are. */
const hostListMs = 2_000;
const maxSearchLength = 253;

/** Makes the routes. */
export function pageRouter(parts: PageParts): PlainRouter {
  const router = createRouter();
  const limiter = new RateLimiter({ ...viewLimit, clock: parts.clock });
  router.use(async (context, next) => {
    const spending = limiter.spend(limitKey(clientAddress(context.req)));
    if (!spending.isAllowed) throw new XrpcError(429, 'RateLimitExceeded', 'Rate Limit Exceeded', { 'retry-after': String(spending.retryAfterSeconds) });
    await next();
  });
  const hosts = rememberedHosts(parts);
  serveAssets(router);
  router.get('/', (context) => sendHome(context, parts));
  router.get('/index.json', (context) => {
    context.set('cache-control', 'no-store');
    context.body = { ...parts.figures(), samples: parts.live.samples };
  });
  router.get('/status', (context) => sendHosts(context, parts, hosts()));
  router.get('/status.json', (context) => {
    const { hosts: shown, total, page } = hostPage(context, parts, hosts());
    context.body = { total, page, hosts: shown, relay: parts.figures() };
  });
  router.get('/status/:host.json', (context) => {
    context.body = viewOf(parts, String(context['params'].host));
  });
  router.get('/status/:host', (context) => sendHost(context, viewOf(parts, String(context['params'].host)), parts.clock.nowMs()));
  return router;
}

function rememberedHosts({ hostStore, clock }: PageParts): () => readonly Host[] {
  let hosts: readonly Host[] = [];
  let readAtMs = -Infinity;
  return () => {
    if (clock.elapsedMs() - readAtMs < hostListMs) return hosts;
    hosts = hostStore.all();
    readAtMs = clock.elapsedMs();
    return hosts;
  };
}

function sendHome(context: Context, { figures }: PageParts): void {
  const now = figures();
  sendFrame(context, 'AT Protocol relay', `<p>This is a relay of the AT Protocol: it hears every host it is told of, checks every signature and every tree, passes on what is true, and nothing else.</p>
<section><h2>Now</h2><p class="now"><strong id="rate">–</strong> events a second</p><div id="chart" data-source="/index.json" role="img" aria-label="Events a second in the last ten minutes"></div></section>
${facts([
  ['Hosts connected', `<a href="/status">${count(now.activeHosts)} of ${count(now.hosts)}</a>`], ['Accounts known', count(now.accounts)], ['Consumers', count(now.consumers)],
  ['Events to replay', `${count(now.headSeq - now.oldestSeq + 1)} (${count(now.logBytes / 1e6)} MB)`], ['Newest event', `<code>${now.headSeq}</code>`],
])}
<section><h2>To listen</h2><ul>
<li><code>/xrpc/com.atproto.sync.subscribeRepos</code> — the firehose, CBOR over WebSocket; <code>collections</code>, <code>dids</code> and <code>kinds</code> filter it</li>
<li><code>/subscribe</code> — JSON over WebSocket, as Jetstream; <code>/events</code> — server-sent events; <code>/poll</code> — long polls</li>
<li><code>/xrpc/com.atproto.sync.listReposByCollection</code> — who has records in a collection</li></ul></section>
<section><h2>To be heard</h2><p>A PDS posts its hostname to <code>/xrpc/com.atproto.sync.requestCrawl</code>. What the relay thinks of it then stands at <code>/status/</code><em>hostname</em>.</p></section>`);
}

interface HostPage {
  readonly hosts: readonly HostView[];
  /** Hosts that fit the search. */
  readonly total: number;
  readonly page: number;
  readonly search: string;
}

function hostPage(context: Context, { pool }: PageParts, all: readonly Host[]): HostPage {
  const search = textOf(context.query['q']).toLowerCase().slice(0, maxSearchLength);
  const page = Math.max(1, Math.min(10_000, Math.trunc(Number(textOf(context.query['page']))) || 1));
  const found = all.filter((host) => host.hostname.includes(search));
  const hosts = found.slice((page - 1) * hostsPerPage, page * hostsPerPage).map((host) => hostView(pool.status(host)));
  context.set('cache-control', 'no-store');
  return { hosts, total: found.length, page, search };
}

function sendHosts(context: Context, parts: PageParts, all: readonly Host[]): void {
  const { hosts, total, page, search } = hostPage(context, parts, all);
  const nowMs = parts.clock.nowMs();
  const rows = hosts.map((host) => hostRow(host, nowMs)).join('');
  const link = (to: number, text: string): string => `<a href="/status?page=${to}&amp;q=${encodeURIComponent(search)}">${text}</a>`;
  const pages = `${page > 1 ? link(page - 1, 'previous') : ''} ${page * hostsPerPage < total ? link(page + 1, 'next') : ''}`;
  sendFrame(context, 'Hosts', `<form action="/status"><label>Find a host <input name="q" value="${escapeHtml(search)}" maxlength="${maxSearchLength}"></label> <button>Find</button></form>
<p>${count(total)} ${total === 1 ? 'host' : 'hosts'}</p>
<table><thead><tr><th>Host</th><th>State</th><th>Accounts</th><th>Lag</th><th>Last event</th><th>Accepted</th><th>Dropped</th><th>Last error</th></tr></thead><tbody>${rows}</tbody></table><p>${pages}</p>`);
}

function hostRow(host: HostView, nowMs: number): string {
  const cell = (label: string, html: string): string => `<td data-label="${label}">${html}</td>`;
  return `<tr>${cell('Host', `<a href="/status/${encodeURIComponent(host.hostname)}">${escapeHtml(host.hostname)}</a>${host.kind === 'relay' ? ' <small>relay</small>' : ''}`)}${cell('State', `<span class="state ${host.state}">${host.state}</span>`)}`
    + `${cell('Accounts', accountsOf(host))}${cell('Lag', host.lagMs === null ? '–' : span(host.lagMs))}${cell('Last event', ago(host.lastEventAt, nowMs))}`
    + `${cell('Accepted', count(host.acceptedEvents))}${cell('Dropped', dropText(host))}${cell('Last error', host.lastError ? escapeHtml(host.lastError.text) : '–')}</tr>`;
}

function accountsOf(host: HostView): string {
  return host.kind === 'relay' ? '–' : `${count(host.accounts)} of ${count(host.accountLimit)}`;
}

function dropText({ drops, droppedEvents }: HostView): string {
  const most = drops.slice(0, 3).map(({ reason, count: each }) => `${reason} ${count(each)}`).join(', ');
  return droppedEvents === 0 ? '0' : `${count(droppedEvents)}<br><small>${most}</small>`;
}

function sendHost(context: Context, host: HostView, nowMs: number): void {
  const drops = host.drops.map(({ reason, meaning, count: each }) => `<tr><td data-label="Reason"><code>${reason}</code></td><td data-label="Meaning">${escapeHtml(meaning)}</td><td data-label="Events">${count(each)}</td></tr>`).join('');
  const spans = [['a second', 'perSecond'], ['an hour', 'perHour'], ['a day', 'perDay']] as const;
  const rates = host.rates === null ? (host.kind === 'relay' ? 'as many as there are' : 'not connected') : spans.map(([name, key]) => `${count(host.rates?.limits[key] ?? 0)} ${name} (${count(Math.max(0, host.rates?.left[key] ?? 0))} left)`).join('<br>');
  sendFrame(context, host.hostname, `<p><span class="state ${host.state}">${host.state}</span> ${escapeHtml(host.inWords)}</p>
${host.lastError ? `<p class="error"><strong>Last error</strong>, ${ago(host.lastError.at, nowMs)}: ${escapeHtml(host.lastError.text)}</p>` : '<p>No error since the relay started.</p>'}
<div id="chart" data-source="/status/${encodeURIComponent(host.hostname)}.json" data-counter="acceptedEvents" role="img" aria-label="Events a second of this host since this page was opened"></div>
${facts([
  ['Accounts', `${accountsOf(host)}${host.isTrusted && host.kind === 'pds' ? ' (limits of large hosts)' : ''}`], ['Events allowed', rates],
  ['Cursor', `<code>${host.cursor}</code>${host.seenSeq > host.cursor ? `, received up to <code>${host.seenSeq}</code>` : ''}`],
  ['Last event', ago(host.lastEventAt, nowMs)], ['Lag of the last event', host.lagMs === null ? '–' : span(host.lagMs)], ['Connected since', ago(host.connectedAt, nowMs)],
  ['Accepted', `${count(host.acceptedEvents)} since the relay started`], ...(host.duplicateEvents > 0 ? [['Heard before', `${count(host.duplicateEvents)}: somebody else had told them already`] as const] : []), ['New numberings', count(host.resets)],
])}
<section><h2>Events not passed on</h2>${drops === '' ? '<p>None since the relay started.</p>' : `<table><thead><tr><th>Reason</th><th>Meaning</th><th>Events</th></tr></thead><tbody>${drops}</tbody></table>`}</section>
<p>An account of this host: <code>/xrpc/com.atproto.sync.getRepoStatus?did=</code><em>did</em> says whether the relay knows it and what it thinks of it.</p>`);
}

function viewOf({ pool, hostStore }: PageParts, text: string): HostView {
  const host: Host | null = hostStore.find(text.toLowerCase());
  if (host === null) throw new XrpcError(404, 'HostNotFound', `this relay does not know the host ${text.slice(0, maxSearchLength)}; it is told of one by com.atproto.sync.requestCrawl`);
  return hostView(pool.status(host));
}

function ago(iso: string | null, nowMs: number): string {
  return iso === null ? 'never' : `<time datetime="${iso}">${span(Math.max(0, nowMs - Date.parse(iso)))} ago</time>`;
}

function textOf(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
