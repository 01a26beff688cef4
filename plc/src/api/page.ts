/**
 * GET /: a page for people: what this is, its addresses, the newest operations.
 * Not for programs. No script; every value from an operation is escaped.
 * Source: ours.
 */
import { version } from '@dunlin/service/config/version';
import { escapeHtml, sendPage } from '@dunlin/service/http/pages';
import type { PlainRouter } from '@dunlin/service/http/router';
import type { OperationLog, StoredEntry } from '../log.ts';

/** How many of the newest operations are shown. */
const shownOperations = 20;

/** Adds the route. */
export function addPageRoute(router: PlainRouter, log: OperationLog): void {
  router.get('/', (context) => {
    const total = log.last()?.seq ?? 0;
    const newest = log.exportBySeq(Math.max(0, total - shownOperations), shownOperations).toReversed();
    sendPage(context, 'did:plc directory', render(total, newest));
  });
}

function render(total: number, newest: readonly StoredEntry[]): string {
  const rows = newest.map(({ did, operation, nullified, createdAtMs }) => `<tr><td>${new Date(createdAtMs).toISOString()}</td>
<td><a href="/${did}"><code>${did}</code></a></td><td>${operation.type}${nullified ? ' (nullified)' : ''}</td>
<td>${operation.type === 'plc_operation' ? escapeHtml(operation.alsoKnownAs[0] ?? '') : ''}</td><td><a href="/${did}/log/audit">log</a></td></tr>`).join('\n');
  return `<p>This server keeps the operation logs of <code>did:plc</code> identities and serves their DID documents.
It holds ${total} operation${total === 1 ? '' : 's'}. Dunlin ${escapeHtml(version)}.</p>
<table><tr><th>Address</th><th>Gives</th></tr>
<tr><td><code>GET /:did</code></td><td>DID document</td></tr>
<tr><td><code>GET /:did/data</code></td><td>keys, aliases and services, with rotation keys</td></tr>
<tr><td><code>GET /:did/log</code>, <code>/log/last</code>, <code>/log/audit</code></td><td>operations: standing, newest, all</td></tr>
<tr><td><code>POST /:did</code></td><td>takes a signed operation</td></tr>
<tr><td><code>POST /dids</code></td><td>documents of many DIDs</td></tr>
<tr><td><code>GET /export?count=&amp;after=</code></td><td>the whole log as JSON lines</td></tr>
<tr><td><code>GET /_health</code></td><td>version</td></tr></table>
<h2>Newest operations</h2>
<table><tr><th>Accepted</th><th>DID</th><th>Kind</th><th>Alias</th><th></th></tr>
${rows}</table>`;
}
