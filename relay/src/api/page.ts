/**
 * The page at `/`: what this relay is, where its stream is, how it does.
 * Not for status of single hosts.
 * Source: ours.
 */
import { version } from '@dunlin/service/config/version';
import { escapeHtml, sendPage } from '@dunlin/service/http/pages';
import { createRouter } from '@dunlin/service/http/router';
import type { PlainRouter } from '@dunlin/service/http/router';

/** What the page shows. */
export interface PageFigures {
  readonly hosts: number;
  readonly activeHosts: number;
  readonly accounts: number;
  readonly headSeq: number;
  readonly oldestSeq: number;
  readonly consumers: number;
}

/** Makes the route; `read` is asked for each view. */
export function pageRouter(read: () => PageFigures): PlainRouter {
  const router = createRouter();
  router.get('/', (context) => {
    const figures = read();
    const rows: [string, string | number][] = [
      ['Hosts connected', `${figures.activeHosts} of ${figures.hosts}`],
      ['Accounts known', figures.accounts],
      ['Consumers', figures.consumers],
      ['Oldest event to replay', figures.oldestSeq],
      ['Newest event', figures.headSeq],
    ];
    const table = rows.map(([name, value]) => `<tr><th>${name}</th><td>${escapeHtml(String(value))}</td></tr>`).join('');
    sendPage(context, 'AT Protocol relay', `<p>This is a relay of the AT Protocol: it hears every host it is told of, passes on what is true, and nothing else.</p>
<p>Stream: <code>/xrpc/com.atproto.sync.subscribeRepos</code>. To be heard, a PDS posts its hostname to <code>/xrpc/com.atproto.sync.requestCrawl</code>.</p>
<table>${table}</table><p>Dunlin relay ${escapeHtml(version)}</p>`);
  });
  return router;
}
