/**
 * The frame of the relay's pages: head, navigation, foot, and headers that let only our own scripts and styles run.
 * Not for what stands on a page. Text from outside goes through `escapeHtml`, always.
 * Source: ours.
 */
import { version } from '@dunlin/service/config/version';
import type { Context } from '@dunlin/service/http/app';
import { escapeHtml } from '@dunlin/service/http/pages';

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Answers with a page; `title` is text, `body` is HTML whose foreign parts are escaped already. */
export function sendFrame(context: Context, title: string, body: string): void {
  context.type = 'text/html; charset=utf-8';
  context.set('content-security-policy', policy);
  context.set('x-content-type-options', 'nosniff');
  context.set('referrer-policy', 'no-referrer');
  context.set('cache-control', 'no-store');
  context.body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title>`
    + '<link rel="stylesheet" href="/assets/uplot.css"><link rel="stylesheet" href="/assets/relay.css"><link rel="icon" href="data:,">'
    + `</head><body><nav><a href="/">Relay</a><a href="/status">Hosts</a></nav><main><h1>${escapeHtml(title)}</h1>${body}</main>`
    + `<footer>Dunlin relay ${escapeHtml(version)}</footer><script src="/assets/uplot.js"></script><script src="/assets/relay.js"></script></body></html>\n`;
}

/** Gives a table of two columns; values are HTML already. */
export function facts(rows: readonly (readonly [name: string, html: string])[]): string {
  return `<dl>${rows.map(([name, html]) => `<div><dt>${escapeHtml(name)}</dt><dd>${html}</dd></div>`).join('')}</dl>`;
}

/** Gives a whole number with thousands apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Gives a span of time in words. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
