/** Tests of pages for people: harmless, whatever stands on them. */
import { afterEach, expect, test } from '@jest/globals';
import { escapeHtml, sendPage } from '@dunlin/service/http/pages';
import { closeServices, openApp } from './open-app.ts';

afterEach(closeServices);

test('a page escapes what comes from outside and runs no scripts', async () => {
  const service = await openApp({
    prepare: (app) => app.use(async (context, next) => (context.path === '/' ? sendPage(context, 'Hosts & <more>', `<p>${escapeHtml(`"<script>'`)}</p>`) : next())),
  });
  const response = await fetch(service.url);
  const text = await response.text();
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(text).toContain('<title>Hosts &#38; &#60;more&#62;</title>');
  expect(text).toContain('<p>&#34;&#60;script&#62;&#39;</p>');
});
