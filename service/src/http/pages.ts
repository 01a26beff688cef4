/**
 * Small pages for people: one frame of HTML around a body, with the headers that keep it harmless.
 * Not for the app view's web page, which is built of its own. Text from outside goes through `escapeHtml`, always.
 * Source: ours.
 */
import type { Context } from './app.ts';

/** Gives text that can stand in HTML, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const style = 'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;padding:0 1rem;color:#1a2b34}'
  + 'h1{font-size:1.6rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5dee3}'
  + 'code{background:#eef3f6;padding:.1rem .3rem;border-radius:.2rem}a{color:#0b6a8f}'
  + '@media(prefers-color-scheme:dark){body{background:#10181c;color:#dbe6ec}td,th{border-color:#2c3a42}code{background:#1e2a31}a{color:#6fc3e6}}';

/** Answers with a page; `title` is text, `body` is HTML whose foreign parts are escaped already. Nothing on it may run scripts. */
export function sendPage(context: Context, title: string, body: string): void {
  context.type = 'text/html; charset=utf-8';
  context.set('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  context.set('x-content-type-options', 'nosniff');
  context.set('referrer-policy', 'no-referrer');
  context.body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>`
    + `<style>${style}</style></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>\n`;
}
