/** Tests of health: 503 while the service cannot serve. */
import { afterEach, expect, test } from '@jest/globals';
import { mountHealth } from '@dunlin/service/http/health';
import { closeServices, openApp } from './open-app.ts';

afterEach(closeServices);

test('health is 503 while the service cannot serve', async () => {
  let fault: string | null = 'disk is full';
  const service = await openApp({
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
