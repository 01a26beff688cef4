/**
 * Our own pages beside the provider's, at `/account/NAME`: the second step of signing in, the security page, and whatever else the table names.
 * Their scripts are the TypeScript of `pds/web/`, types stripped when first asked for: nothing is built, and nothing comes from elsewhere.
 * A new page is a line of the table and a script of its name; the scripts it imports are found by themselves.
 * Not for what the pages ask: that is XRPC and `second-step.ts`. Source: ours; Content Security Policy Level 3.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { toBase64Url } from '@dunlin/protocol/base/bytes';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import type { AppOptions, Context } from '@dunlin/service/http/app';
import type { PlainRouter } from '@dunlin/service/http/router';

const folder = new URL('../../web/', import.meta.url);

/** The script that is put into the provider's sign-in pages. */
const linkScript = 'second-step-link';

/** What a page may do beyond asking this server. */
interface Page {
  readonly title: string;
  /** Where it stands; `/account/NAME` when unset. */
  readonly path?: string;
  /** True for pages that ask other servers: where an account lives now, or is to live. */
  readonly asksOthers?: boolean;
}

/** Pages by name, which is also that of the script each begins with. */
const pages: Readonly<Record<string, Page>> = {
  'second-step': { title: 'Second step' },
  'passkey-sign-in': { title: 'Sign in with a passkey' },
  'sign-up': { title: 'Make an account' },
  security: { title: 'Security' },
  'move-in': { title: 'Bring your account here', asksOthers: true },
  'move-out': { title: 'Move to another server', asksOthers: true },
  export: { title: 'Download everything' },
  admin: { title: 'Operator', path: '/admin' },
};

interface File {
  readonly text: string;
  readonly type: string;
  readonly etag: string;
}

/** Serves the pages and what they are made of; `isLocal` lets them ask servers of this machine by plain http; `serverName` heads each page and leads to the account page. */
export function serveOwnPages(router: PlainRouter, { isLocal, serverName }: { isLocal: boolean; serverName: string }): void {
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.ts')).map((name) => name.slice(0, -'.ts'.length));
  for (const name of scripts) {
    const path = name === linkScript ? '/account/second-step.js' : `/account/web/${name}.ts`;
    let file: File | null = null;
    router.get(path, (context) => {
      file ??= makeFile(stripTypeScriptTypes(readFileSync(new URL(`${name}.ts`, folder), 'utf8')), 'text/javascript; charset=utf-8');
      send(context, file);
    });
  }
  let style: File | null = null;
  router.get('/account/web/style.css', (context) => {
    style ??= makeFile(readFileSync(new URL('style.css', folder), 'utf8'), 'text/css; charset=utf-8');
    send(context, style);
  });
  for (const [name, { title, path = `/account/${name}`, asksOthers = false }] of Object.entries(pages)) {
    const file = makeFile(frame({ name, title, serverName }), 'text/html; charset=utf-8');
    const connect = asksOthers ? `'self' https:${isLocal ? ' http://localhost:*' : ''}` : "'self'";
    router.get(path, (context) => {
      context.set('content-security-policy', `${policy}; connect-src ${connect}`);
      for (const [header, value] of Object.entries(pageHeaders)) context.set(header, value);
      send(context, file);
    });
  }
}

/** Gives the page of a fault, for a browser that went to no page of ours or was refused one. */
export function faultPage(serverName: string): NonNullable<AppOptions['faultPage']> {
  return ({ status, message }) => {
    const words = status === 404 ? 'There is nothing at this address.' : `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
    return {
      html: frame({ name: null, title: status === 404 ? 'Not found' : 'This did not work', serverName, content: `<p>${escaped(words)}</p><p><a href="/account">Your account</a></p>` }),
      headers: { 'content-security-policy': `${policy}; connect-src 'none'`, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', 'referrer-policy': 'same-origin' },
    };
  };
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const pageHeaders = {
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)',
};

/** A page around the script of its name, or around `content`. */
function frame({ name, title, serverName, content = '<noscript><p>This page needs JavaScript.</p></noscript>' }: { name: string | null; title: string; serverName: string; content?: string }): string {
  const server = escaped(serverName);
  return '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    + `<title>${title} · ${server}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/account/web/style.css">${name === null ? '' : `<script type="module" src="/account/web/${name}.ts"></script>`}</head>`
    + `<body><main><p class="server"><a href="/account">${server}</a></p><h1>${title}</h1>${content}<div id="page"></div></main></body></html>\n`;
}

function makeFile(text: string, type: string): File {
  return { text, type, etag: `"${toBase64Url(sha256(text)).slice(0, 22)}"` };
}

function send(context: Context, { text, type, etag }: File): void {
  context.set('cache-control', 'no-cache');
  context.set('x-content-type-options', 'nosniff');
  context.set('etag', etag);
  context.status = 200;
  if (context.fresh) {
    context.status = 304;
    return;
  }
  context.type = type;
  context.body = text;
}
