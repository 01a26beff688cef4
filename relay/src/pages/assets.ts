/**
 * The scripts and styles of the pages, from our own origin: uPlot for charts, and a little of ours (relay/web).
 * Not for the app view's page. Place in the flow: read once at start, served from memory.
 * Source: ours; uPlot (MIT) as its package has it.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PlainRouter } from '@dunlin/service/http/router';

const web = join(import.meta.dirname, '../../web');
const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
const files: readonly (readonly [name: string, path: string, type: string])[] = [
  ['uplot.js', join(uplot, 'uPlot.iife.min.js'), 'text/javascript; charset=utf-8'],
  ['uplot.css', join(uplot, 'uPlot.min.css'), 'text/css; charset=utf-8'],
  ['relay.js', join(web, 'relay.js'), 'text/javascript; charset=utf-8'],
  ['relay.css', join(web, 'relay.css'), 'text/css; charset=utf-8'],
];

/** Adds a route for each file. */
export function serveAssets(router: PlainRouter): void {
  for (const [name, path, type] of files) {
    const bytes = readFileSync(path);
    router.get(`/assets/${name}`, (context) => {
      context.type = type;
      context.set('cache-control', 'public, max-age=600');
      context.set('x-content-type-options', 'nosniff');
      context.body = bytes;
    });
  }
}
