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
  const wrong = await fetch(`${service.url}/did:plc:abc/log`, { method: 'POST' });
  expect([wrong.status, wrong.headers.get('allow'), await wrong.json()]).toEqual([405, 'HEAD, GET', { error: 'MethodNotAllowed', message: 'the method is not for this path: method=POST' }]);
  const unknown = await fetch(`${service.url}/did:plc:abc/log`, { method: 'PROPFIND' });
  expect([unknown.status, unknown.headers.get('allow'), await unknown.json()]).toEqual([501, 'HEAD, GET', { error: 'MethodNotImplemented', message: 'no path has such a method: method=PROPFIND' }]);
  expect((await fetch(`${service.url}/a/b/c`)).status).toBe(404);
  expect(await service.metricsText()).toContain('route="/:did/log",status="200"} 1');
});

test.each(['past the app', 'with nothing in it'])('an answer behind it that is 405 by itself, %s, stays as it is', async (how) => {
  const service = await openApp({
    prepare: (app) => {
      mountRouter(app, createRouter());
      app.use((context) => {
        if (how === 'with nothing in it') {
          context.status = 405;
          return;
        }
        context.respond = false;
        context.res.writeHead(405).end();
      });
    },
  });
  const answer = await fetch(service.url, { method: 'PUT' });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, null]);
});
