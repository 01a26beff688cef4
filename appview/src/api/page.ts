/**
 * The web page, from the files that Vite has built, with headers that let it talk to nobody but this service and the demo's servers.
 * Files are read once at the start. Not built yet: a short page says how to build it.
 * Not for data: the page gets that from the same queries and the same gateway as anybody.
 * Source: ours; Content Security Policy Level 3.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { toBase64Url } from '@dunlin/protocol/base/bytes';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import type { Context } from '@dunlin/service/http/app';
import type { PlainRouter } from '@dunlin/service/http/router';
import { readDemo, type DemoSettings } from './demo.ts';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

/** Most files and bytes that are taken for a page. */
const maxFiles = 64;
const maxPageBytes = 4_194_304;

const notBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Dunlin app view</title>
<h1>Dunlin app view</h1><p>The service is up. The page is not built yet: run <code>npx vite build appview/web</code> and start again.</p></html>`;

interface PageFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly type: string;
  readonly etag: string;
}

/** Serves the page at /, its assets, and in demo mode /demo.json. `folder` holds what Vite built. */
export function servePage(router: PlainRouter, o: { readonly folder: string; readonly demoPath: string | null }): void {
  const files = readFiles(o.folder);
  const index = files.find(({ path }) => path === 'index.html') ?? makeFile('index.html', Buffer.from(notBuilt));
  router.get('/', async (context) => {
    context.set('content-security-policy', contentSecurityPolicy(await readDemo(o.demoPath), context.host));
    context.set('referrer-policy', 'no-referrer');
    context.set('cross-origin-opener-policy', 'same-origin');
    context.set('permissions-policy', 'camera=(), microphone=(), geolocation=()');
    send(context, index, 'no-cache');
  });
  for (const file of files) {
    if (file === index) continue;
    const isHashed = file.path.startsWith('assets/');
    router.get(`/${file.path}`, (context) => send(context, file, isHashed ? 'public, max-age=31536000, immutable' : 'public, max-age=3600'));
  }
  if (o.demoPath === null) return;
  router.get('/demo.json', async (context) => {
    context.set('cache-control', 'no-store');
    const demo = await readDemo(o.demoPath);
    if (demo !== null) context.body = demo;
  });
}

/** Gives the policy: our own scripts and styles, no inline code, connections to ourselves and to the demo's servers only. */
export function contentSecurityPolicy(demo: DemoSettings | null, host: string): string {
  const servers = [...new Set((demo?.users ?? []).map(({ pds }) => new URL(pds).origin))];
  const isPlainHost = /^[\w.:[\]-]+$/.test(host);
  const connect = ["'self'", ...(isPlainHost ? [`ws://${host}`, `wss://${host}`] : []), ...servers];
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${connect.join(' ')}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function send(context: Context, file: PageFile, cacheControl: string): void {
  context.set('cache-control', cacheControl);
  context.set('x-content-type-options', 'nosniff');
  context.set('etag', file.etag);
  if (context.get('if-none-match') === file.etag) {
    context.status = 304;
    return;
  }
  context.type = file.type;
  context.body = file.bytes;
}

function readFiles(folder: string): PageFile[] {
  let names: string[];
  try {
    names = readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && Object.hasOwn(mediaTypes, extname(entry.name)))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
  const files = names.slice(0, maxFiles).map((name) => makeFile(relative(folder, name).split(sep).join('/'), readFileSync(name)));
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes > maxPageBytes) throw new Error(`page is too large: bytes=${bytes} folder=${folder}`);
  return files;
}

function makeFile(path: string, bytes: Buffer): PageFile {
  const etag = `"${toBase64Url(sha256(bytes)).slice(0, 22)}"`;
  return { path, bytes, type: mediaTypes[extname(path)] ?? 'application/octet-stream', etag };
}
