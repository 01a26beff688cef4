/** Tests of plain routes: parameters, wrong methods, their name in the metrics. */
import { afterEach, expect, test } from '@jest/globals';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import { closeServices, openApp } from './open-app.ts';

afterEach(closeServices);

test('a plain route has its parameters, and is measured by its pattern', async () => {
  const router = createRouter();
  router.get('/:did/log', (context) => { context.body = { did: context.params['did'] }; });
  const service = await openApp({ prepare: (app) => mountRouter(app, router) });
  expect(await (await fetch(`${service.url}/did:plc:abc/log`)).json()).toEqual({ did: 'did:plc:abc' });
  expect((await fetch(`${service.url}/did:plc:abc/log`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${service.url}/a/b/c`)).status).toBe(404);
  expect(await service.metricsText()).toContain('route="/:did/log",status="200"} 1');
});
