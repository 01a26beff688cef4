/** The page: its files from a folder, with headers that let it talk to nobody else, and caching that never shows an old one. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createApp, listen, type HttpServer } from '@dunlin/service/http/app';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';
import { contentSecurityPolicy, servePage } from '@dunlin/appview/api/page';
import { temporaryFolder } from '../../harness/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let metrics: Metrics;
let http: HttpServer;

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder.path, 'assets'));
  await writeFile(join(folder.path, 'index.html'), '<!doctype html><title>x</title>');
  await writeFile(join(folder.path, 'assets/index-abc.js'), 'export {};');
  await writeFile(join(folder.path, 'notes.txt'), 'not for the web');
  metrics = createMetrics('page');
  const app = createApp({ log: silentLogger, metrics, serverName: 'test' });
  const router = createRouter();
  servePage(router, { folder: folder.path, demoPath: null });
  mountRouter(app, router);
  http = await listen(app, { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await http.close();
  metrics.close();
  await folder.remove();
});

test('the page itself is asked for again each time, its assets are kept for good', async () => {
  const [page, asset] = [await fetch(`${http.url}/`), await fetch(`${http.url}/assets/index-abc.js`)];
  expect([page.headers.get('cache-control'), page.headers.get('content-type'), await page.text()]).toEqual(['no-cache', 'text/html; charset=utf-8', '<!doctype html><title>x</title>']);
  expect([asset.headers.get('cache-control'), asset.headers.get('content-type'), asset.headers.get('x-content-type-options')]).toEqual(['public, max-age=31536000, immutable', 'text/javascript; charset=utf-8', 'nosniff']);
});

test('a browser that has it is told so', async () => {
  const etag = (await fetch(`${http.url}/`)).headers.get('etag') as string;
  expect((await fetch(`${http.url}/`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  expect((await fetch(`${http.url}/`, { headers: { 'if-none-match': '"another"' } })).status).toBe(200);
});

test.each(['/notes.txt', '/assets', '/../package.json', '/%2e%2e/package.json', '/demo.json'])('%s is not there', async (path) => {
  expect((await fetch(`${http.url}${path}`)).status).toBe(404);
});

test('the policy names the servers of the demo once each, and nothing from a host header that is no host', () => {
  const user = { handle: 'a.test', did: 'did:plc:a', password: 'x' };
  const demo = { subject: 's', room: 'r', users: [{ ...user, pds: 'http://localhost:1/' }, { ...user, pds: 'http://localhost:1' }, { ...user, pds: 'http://localhost:2' }] };
  expect(contentSecurityPolicy(demo, 'live.example')).toContain("connect-src 'self' ws://live.example wss://live.example http://localhost:1 http://localhost:2;");
  expect(contentSecurityPolicy(null, 'x; script-src *')).toContain("connect-src 'self';");
});
