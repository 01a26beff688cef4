/** Tests of plain routes, health, pages and the metrics listener. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { mountHealth } from '@dunlin/service/http/health';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { escapeHtml, sendPage } from '@dunlin/service/http/pages';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { closeServices, openService, whenDone } from '../xrpc/open-service.ts';

afterEach(closeServices);

test('a plain route has its parameters, and is measured by its pattern', async () => {
  const router = createRouter();
  router.get('/:did/log', (context) => { context.body = { did: context.params['did'] }; });
  const service = await openService([], { prepare: (app) => mountRouter(app, router) });
  expect(await (await fetch(`${service.url}/did:plc:abc/log`)).json()).toEqual({ did: 'did:plc:abc' });
  expect((await fetch(`${service.url}/did:plc:abc/log`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${service.url}/a/b/c`)).status).toBe(404);
  expect(await service.metricsText()).toContain('route="/:did/log",status="200"} 1');
});

test('health is 503 while the service cannot serve', async () => {
  let fault: string | null = 'disk is full';
  const service = await openService([], {
    prepare: (app) => {
      // Before the opener's own health check, which always says yes.
      app.middleware.splice(2);
      mountHealth(app, () => { if (fault !== null) throw new Error(fault); });
    },
  });
  const ill = await fetch(`${service.url}/_health`);
  expect(ill.status).toBe(503);
  expect(await ill.json()).toMatchObject({ error: 'ServiceUnavailable', message: 'disk is full' });
  fault = null;
  expect((await fetch(`${service.url}/xrpc/_health`)).status).toBe(200);
});

describe('a page', () => {
  test('escapes what comes from outside and runs no scripts', async () => {
    const service = await openService([], {
      prepare: (app) => app.use(async (context, next) => (context.path === '/' ? sendPage(context, 'Hosts & <more>', `<p>${escapeHtml(`"<script>'`)}</p>`) : next())),
    });
    const response = await fetch(service.url);
    const text = await response.text();
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(text).toContain('<title>Hosts &#38; &#60;more&#62;</title>');
    expect(text).toContain('<p>&#34;&#60;script&#62;&#39;</p>');
  });
});

test('the metrics listener serves /metrics and nothing else', async () => {
  const metrics = createMetrics('mine');
  metrics.counter({ name: 'things_total', help: 'Things.' }).inc(3);
  const listener = await startMetricsListener({ host: '127.0.0.1', port: 0, metrics, log: silentLogger });
  whenDone(() => metrics.close());
  whenDone(() => listener.close());
  const response = await fetch(`${listener.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  expect(await response.text()).toContain('mine_things_total 3');
  expect((await fetch(listener.url)).status).toBe(404);
});
