/** Calls passed on: to whom, with what, as whom, and what comes back. */
import { once } from 'node:events';
import { get, request } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { verifyServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { startSmallPds, type Answer, type CallOptions, type Person, type SmallPds } from '../small-pds.ts';
import { maxInLine, maxUnderWay } from '../../../pds/src/proxy/calls-under-way.ts';
import { eventually } from '../../harness/wait.ts';
import { json, startFakeService, type FakeService } from './fake-service.ts';

let appView: FakeService;
let other: FakeService;
let moderation: FakeService;
let small: SmallPds;
let alice: Person;
let beforeFetch: (url: string) => Promise<void> = () => Promise.resolve();
beforeAll(async () => {
  [appView, other, moderation] = await Promise.all([startFakeService(), startFakeService(), startFakeService()]);
  small = await startSmallPds({ fetch: (input, init) => beforeFetch(String(input)).then(() => fetch(input, init)), environment: {
    PDS_BSKY_APP_VIEW_URL: appView.url, PDS_BSKY_APP_VIEW_DID: appView.did, PDS_MOD_SERVICE_URL: moderation.url, PDS_MOD_SERVICE_DID: moderation.did,
    PDS_PROXY_HEADERS_TIMEOUT: '500', PDS_PROXY_MAX_RESPONSE_SIZE: '100000', PDS_BLOB_UPLOAD_LIMIT: '10000',
  } });
  alice = await small.newPerson('alice');
});
afterAll(async () => {
  await small.close();
  await Promise.all([appView, other, moderation].map((service) => service.close()));
});
beforeEach(() => {
  for (const service of [appView, other, moderation]) {
    service.asked.length = 0;
    service.answer = (_asked, response) => json(response, { from: service.did });
  }
});

const says = ({ status, json: body }: Answer): unknown[] => [status, body['error'], body['message']];
const call = (nsid: string, o: CallOptions = {}): Promise<Answer> => small.call(nsid, { token: alice.token, ...o });
const unreachable = [502, 'UpstreamFailure', 'Upstream service unreachable'];

async function claimsOf(service: FakeService, lxm: string): Promise<unknown> {
  const token = String(service.asked[0]?.headers.authorization).replace('Bearer ', '');
  const data = (await (await fetch(`${small.plc.url}/${alice.did}/data`)).json()) as { verificationMethods: { atproto: string } };
  return verifyServiceJwt(token, { audiences: [service.did], lxm, nowMs: Date.now(), signingKey: async () => parseDidKey(data.verificationMethods.atproto) });
}

describe('where a call goes', () => {
  test('by itself to the app view, in the name of the account, with few headers', async () => {
    const { status, json: body } = await call('app.bsky.feed.getSomething', {
      params: { q: 'a b', list: ['1', '2'] },
      headers: { 'accept-language': 'de', 'atproto-accept-labelers': 'did:web:l.org', 'x-bsky-topics': 't', 'x-atproto-thing': 'y', cookie: 'secret', 'x-other': 'z' },
    });
    expect([status, body]).toEqual([200, { from: appView.did }]);
    const [asked] = appView.asked;
    expect(asked).toMatchObject({ method: 'GET', url: '/xrpc/app.bsky.feed.getSomething?q=a+b&list=1&list=2' });
    expect(asked?.headers).toMatchObject({ 'accept-language': 'de', 'atproto-accept-labelers': 'did:web:l.org', 'x-bsky-topics': 't', 'x-atproto-thing': 'y' });
    expect(Object.keys(asked!.headers)).toEqual(expect.not.arrayContaining(['cookie', 'x-other', 'user-agent']));
    expect(await claimsOf(appView, 'app.bsky.feed.getSomething')).toMatchObject({ iss: alice.did, aud: appView.did, lxm: 'app.bsky.feed.getSomething' });
  });

  test('to the service a header names, resolved from its DID', async () => {
    const { json: body } = await call('com.example.anything', { headers: { 'atproto-proxy': `${other.did}#other` } });
    expect(body).toEqual({ from: other.did });
    expect(await claimsOf(other, 'com.example.anything')).toMatchObject({ aud: other.did });
  });

  test.each([
    ['#other', 'no did specified in proxy header'],
    ['did:web:x.org', 'no service id specified in proxy header'],
    ['did:web:x.org#', 'no service id specified in proxy header'],
    ['did:web:x.org#a#b', 'invalid proxy header format'],
    ['did:web:x.org#a b', 'proxy header cannot contain spaces'],
    ['did:plc:aaaaaaaaaaaaaaaaaaaaaaaa#other', 'could not resolve proxy did'],
  ])('the header %s is refused: %s', async (header, message) => {
    expect(says(await call('com.example.anything', { headers: { 'atproto-proxy': header } }))).toEqual([400, 'InvalidRequest', message]);
  });

  test('a service that its DID does not name is refused', async () => {
    expect(says(await call('com.example.anything', { headers: { 'atproto-proxy': `${other.did}#nothing` } }))).toEqual([400, 'InvalidRequest', 'could not resolve proxy did service url']);
  });

  test('moderation goes to the moderation service, and reports too where no other was named', async () => {
    expect((await call('tools.ozone.moderation.queryEvents')).json).toEqual({ from: moderation.did });
    expect((await call('com.atproto.moderation.createReport', { body: { reasonType: 'x' } })).json).toEqual({ from: moderation.did });
    expect(moderation.asked[1]).toMatchObject({ method: 'POST', body: Buffer.from('{"reasonType":"x"}') });
  });

  test('a push registration goes to the service it names', async () => {
    const body = { serviceDid: other.did, token: 't', platform: 'web', appId: 'a' };
    expect((await call('app.bsky.notification.registerPush', { body })).status).toBe(200);
    expect(JSON.parse(other.asked[0]!.body.toString())).toEqual(body);
    expect(await claimsOf(other, 'app.bsky.notification.registerPush')).toMatchObject({ iss: alice.did });
    expect((await call('app.bsky.notification.unregisterPush', { body: { ...body, serviceDid: appView.did } })).status).toBe(200);
    expect(appView.asked).toHaveLength(1);
  });

  test('a feed is asked of the app view with a token for the service that makes it', async () => {
    appView.answer = (asked, response) => {
      if (asked.path.endsWith('getRecord')) return json(response, { uri: 'at://x', value: { did: other.did } });
      return json(response, { feed: [] });
    };
    const feed = 'at://did:web:f.org/app.bsky.feed.generator/hot';
    expect((await call('app.bsky.feed.getFeed', { params: { feed } })).json).toEqual({ feed: [] });
    expect(appView.asked[0]?.url).toContain('repo=did%3Aweb%3Af.org&collection=app.bsky.feed.generator&rkey=hot');
    appView.asked.shift();
    other.asked.push(appView.asked[0]!);
    expect(await claimsOf(other, 'app.bsky.feed.getFeedSkeleton')).toMatchObject({ aud: other.did });
    appView.answer = (_asked, response) => json(response, { value: {} });
    expect(says(await call('app.bsky.feed.getFeed', { params: { feed } }))).toEqual([400, 'UnknownFeed', 'could not resolve feed did']);
    for (const wrong of ['x', 'at://x y/app.bsky.feed.generator/hot', 'at:// /a/b', 'at://did:web:f.org/no nsid/hot', 'at://did:web:f.org/a.b.c/#', 'at://%/a.b.c/x', 'at://did:web:f.org/app.bsky.feed.generator/hot?x']) {
      expect([wrong, (await call('app.bsky.feed.getFeed', { params: { feed: wrong } })).status]).toEqual([wrong, 400]);
    }
  });

  test('a record of another server is asked of the app view, in nobody\'s name', async () => {
    appView.answer = (_asked, response) => json(response, { uri: 'at://did:web:b.org/com.example.thing/1', value: { $type: 'com.example.thing' } });
    const params = { repo: 'did:web:b.org', collection: 'com.example.thing', rkey: '1' };
    expect((await small.call('com.atproto.repo.getRecord', { params })).json).toMatchObject({ uri: 'at://did:web:b.org/com.example.thing/1' });
    expect(appView.asked[0]?.headers.authorization).toBeUndefined();
    appView.answer = (_asked, response) => json(response, { error: 'RecordNotFound', message: 'no such record' }, {}, 400);
    expect(says(await small.call('com.atproto.repo.getRecord', { params }))).toEqual([400, 'RecordNotFound', 'no such record']);
  });
});

describe('who may', () => {
  test('nobody without a session, and no session for what is the account\'s own business', async () => {
    expect(says(await small.call('app.bsky.feed.getSomething'))).toEqual([401, 'AuthMissing', 'Authentication Required']);
    expect(says(await small.call('no-nsid'))).toEqual([401, 'AuthMissing', 'Authentication Required']);
    expect((await call('no-nsid')).json['error']).toBe('MethodNotImplemented');
    expect(says(await call('com.atproto.server.CONFIRMEMAIL', { body: {} }))).toEqual([400, 'InvalidToken', 'Bad token method']);
    expect((await call('app.bsky.feed.getSomething', { method: 'PUT', body: {} })).json['message']).toBe('XRPC requests only supports GET and POST');
    expect(appView.asked).toEqual([]);
  });

  test('plain app passwords do not chat; who was taken down only objects', async () => {
    const server = (method: string, o: object): Promise<Answer> => small.call(`com.atproto.server.${method}`, o);
    const { json: app } = await server('createAppPassword', { body: { name: 'app' }, token: alice.token });
    const { json: session } = await server('createSession', { body: { identifier: 'alice.test', password: app['password'] } });
    const chat = { headers: { 'atproto-proxy': `${other.did}#other` }, token: String(session['accessJwt']) };
    expect(says(await call('chat.bsky.convo.listConvos', chat))).toEqual([400, 'InvalidToken', 'Bad token method']);
    expect((await call('app.bsky.feed.getSomething', chat)).status).toBe(200);
    expect((await call('chat.bsky.convo.listConvos', { headers: chat.headers })).status).toBe(200);
    const bob = await small.newPerson('bob');
    await small.call('com.atproto.admin.updateSubjectStatus', { headers: small.admin, body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did: bob.did }, takedown: { applied: true } } });
    const { json: narrow } = await server('createSession', { body: { identifier: 'bob.test', password: 'bob password', allowTakendown: true } });
    const token = String(narrow['accessJwt']);
    expect((await call('com.atproto.moderation.createReport', { body: {}, token })).status).toBe(200);
    expect(says(await call('app.bsky.feed.getSomething', { token }))).toEqual([400, 'InvalidToken', 'Bad token scope']);
  });
});

describe('what goes through', () => {
  test('a body as it was sent, packed or not, up to the limit', async () => {
    const packed = gzipSync(JSON.stringify({ a: 'x'.repeat(1_000) }));
    await call('app.bsky.feed.doSomething', { body: packed, headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } });
    expect(appView.asked[0]).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': String(packed.length) } });
    expect(appView.asked[0]?.body).toEqual(packed);
    expect((await call('app.bsky.feed.doSomething', { method: 'POST' })).status).toBe(200);
    expect((await call('app.bsky.feed.doSomething', { body: Buffer.alloc(10_000), headers: { 'content-type': 'video/mp4' } })).status).toBe(200);
    expect((await call('app.bsky.feed.doSomething', { body: Buffer.alloc(10_001), headers: { 'content-type': 'video/mp4' } })).status).toBe(413);
  });

  test('an answer as it was sent, with the headers of the protocol and no others', async () => {
    const packed = gzipSync('{"a":1}');
    appView.answer = (_asked, response) => response.writeHead(200, {
      'content-type': 'application/json', 'content-encoding': 'gzip', 'content-language': 'de', 'atproto-repo-rev': 'r', 'atproto-content-labelers': 'did:web:l.org', 'set-cookie': 'c=1', 'x-powered-by': 'y',
    }).end(packed);
    const { headers, json: body } = await call('app.bsky.feed.getSomething', { headers: { 'accept-encoding': 'gzip' } });
    expect(body).toEqual({ a: 1 });
    expect(Object.fromEntries(headers)).toMatchObject({ 'content-encoding': 'gzip', 'content-language': 'de', 'atproto-repo-rev': 'r', 'atproto-content-labelers': 'did:web:l.org', 'cache-control': 'private' });
    expect([headers.get('set-cookie'), headers.get('x-powered-by')]).toEqual([null, null]);
    expect(gunzipSync(packed).toString()).toBe('{"a":1}');
  });

  test('HEAD is asked as HEAD', async () => {
    const response = await fetch(`${small.url}/xrpc/app.bsky.feed.getSomething`, { method: 'HEAD', headers: { authorization: `Bearer ${alice.token}` } });
    expect([response.status, appView.asked[0]?.method]).toEqual([200, 'HEAD']);
  });
});

describe('what goes wrong', () => {
  const fails = (status: number, body: string | object, headers: Record<string, string> = {}): void => {
    appView.answer = (_asked, response) =>
      response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/html' : 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
  };

  test.each([
    [400, { error: 'NotFound', message: 'Post not found' }, [400, 'NotFound', 'Post not found']],
    [429, { error: 'RateLimitExceeded' }, [429, 'RateLimitExceeded', 'upstream service answered 429']],
    [404, '<html>not here</html>', [404, 'XRPCNotSupported', 'upstream service answered 404']],
    [500, { error: 'InternalServerError', message: 'oh' }, [502, 'InternalServerError', 'oh']],
    [503, '', [503, 'NotEnoughResources', 'upstream service answered 503']],
    [302, '', [502, 'UpstreamFailure', 'upstream service answered 302']],
  ] as const)('an answer of %d %j is told', async (status, body, expected) => {
    fails(status, body);
    expect(says(await call('app.bsky.feed.getSomething'))).toEqual(expected);
  });

  test('an error that is packed over and over is told by its status alone, and unpacked not once', async () => {
    fails(400, 'x', { 'content-encoding': Array.from({ length: 1_000 }, () => 'gzip').join(',') });
    expect(says(await call('app.bsky.feed.getSomething'))).toEqual([400, 'InvalidRequest', 'upstream service answered 400']);
    appView.answer = (_asked, response) => response.writeHead(400, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(gzipSync('{"error":"Twice"}')));
    expect((await call('app.bsky.feed.getSomething')).json['error']).toBe('Twice');
  });

  test('the time to wait goes along with an error', async () => {
    fails(429, {}, { 'retry-after': '7', 'atproto-repo-rev': 'r' });
    const { headers } = await call('app.bsky.feed.getSomething');
    expect([headers.get('retry-after'), headers.get('atproto-repo-rev')]).toEqual(['7', 'r']);
  });

  test('a service that is silent, gone, or breaks off is unreachable', async () => {
    appView.answer = () => undefined;
    expect(says(await call('app.bsky.feed.getSomething'))).toEqual(unreachable);
    appView.answer = (_asked, response) => void response.destroy();
    expect(says(await call('app.bsky.feed.getSomething'))).toEqual(unreachable);
    const gone = await startFakeService();
    await call('com.example.anything', { headers: { 'atproto-proxy': `${gone.did}#other` } });
    await gone.close();
    expect(says(await call('com.example.anything', { headers: { 'atproto-proxy': `${gone.did}#other` } }))).toEqual(unreachable);
  });

  test('an account has 32 calls under way and 128 in line, and nobody else waits for it', async () => {
    const bea = await small.newPerson('bea');
    appView.answer = (asked, response) => (asked.path.endsWith('getSlow') ? undefined : json(response, {}));
    const slow = Array.from({ length: maxUnderWay }, () => call('app.bsky.feed.getSlow'));
    await eventually('all are under way', () => appView.asked.length === maxUnderWay);
    const inLine = Array.from({ length: maxInLine + 1 }, () => call('app.bsky.feed.getSomething'));
    const refused = await Promise.race(inLine);
    expect([...says(refused), refused.headers.get('retry-after'), refused.headers.get('access-control-allow-origin')]).toEqual([429, 'RateLimitExceeded', 'too many calls at once: max=32', '1', '*']);
    expect((await call('app.bsky.feed.getSomething', { token: bea.token })).status).toBe(200);
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual(Array.from({ length: maxUnderWay }, () => 502));
    expect((await Promise.all(inLine)).map(({ status }) => status).filter((status) => status !== 200)).toEqual([429]);
    expect((await call('app.bsky.feed.getSomething')).status).toBe(200);
  });

  test('callers that go away while their service is looked up take no place', async () => {
    const sought = await startFakeService();
    let letGo = (): void => undefined;
    const mayGo = new Promise<void>((resolve) => (letGo = resolve));
    let isSought = false;
    beforeFetch = async (url) => {
      if (!url.startsWith(sought.url)) return;
      isSought = true;
      await mayGo;
    };
    const gone = Array.from({ length: maxUnderWay }, () => {
      const asking = request({ port: new URL(small.url).port, host: 'localhost', path: '/xrpc/com.example.anything', agent: false, headers: { authorization: `Bearer ${alice.token}`, 'atproto-proxy': `${sought.did}#other` } });
      asking.on('error', () => undefined).end();
      return asking;
    });
    await eventually('the service is looked up', () => isSought);
    await Promise.all(gone.map((asking) => (asking.writableFinished ? undefined : once(asking, 'finish'))));
    expect((await call('app.bsky.feed.getSomething')).status).toBe(200);
    const { promise: allGone, resolve } = Promise.withResolvers<void>();
    let left = gone.length;
    for (const asking of gone) asking.once('close', () => --left === 0 && resolve()).destroy();
    await allGone;
    expect((await call('app.bsky.feed.getSomething')).status).toBe(200);
    letGo();
    appView.answer = (asked, response) => (asked.path.endsWith('getSlow') && appView.asked.length < maxUnderWay ? undefined : json(response, {}));
    appView.asked.length = 0;
    const all = Array.from({ length: maxUnderWay }, () => call('app.bsky.feed.getSlow'));
    await eventually('as many as may be are under way at once', () => appView.asked.length === maxUnderWay);
    await Promise.all(all);
    beforeFetch = () => Promise.resolve();
    await sought.close();
  });

  test('callers that go away in the middle of a body leave their places', async () => {
    const { port } = new URL(small.url);
    let gone = 0;
    for (let index = 0; index < 40; index++) {
      const asking = request({ port, host: 'localhost', method: 'POST', path: '/xrpc/app.bsky.feed.doSomething', headers: { authorization: `Bearer ${alice.token}`, 'content-type': 'application/json', 'content-length': '1000' } });
      asking.on('error', () => undefined).on('close', () => gone++);
      asking.write('{"a":');
      asking.on('socket', (socket) => socket.once('connect', () => setImmediate(() => asking.destroy())));
    }
    await eventually('all are gone', () => gone === 40);
    // As many as may be at once, so that not one place is left taken.
    await eventually('every place is free', async () => (await Promise.all(Array.from({ length: maxUnderWay }, () => call('app.bsky.feed.getSomething')))).every(({ status }) => status === 200));
  });

  test('an address that is no path is refused, and passed on to nobody', async () => {
    const { port } = new URL(small.url);
    const status = await new Promise((resolve, reject) => {
      get({ port, host: 'localhost', path: 'http://169.254.169.254/xrpc/app.bsky.feed.getSomething', headers: { authorization: `Bearer ${alice.token}` } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).once('error', reject);
    });
    expect([status, appView.asked]).toEqual([400, []]);
  });

  test('an answer that is too large is cut off', async () => {
    appView.answer = (_asked, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.alloc(100_001, ' '));
    await expect(call('app.bsky.feed.getSomething')).rejects.toThrow();
    appView.answer = (_asked, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(`{}${' '.repeat(99_998)}`);
    expect((await call('app.bsky.feed.getSomething')).bytes).toHaveLength(100_000);
  });

  test('without any named service a method is missing', async () => {
    const bare = await startSmallPds();
    const person = await bare.newPerson('carol');
    expect(says(await bare.call('app.bsky.feed.getSomething', { token: person.token }))).toEqual([501, 'MethodNotImplemented', 'Method Not Implemented']);
    expect((await bare.call('com.example.anything', { token: person.token, headers: { 'atproto-proxy': `${other.did}#other` } })).json).toEqual({ from: other.did });
    await bare.close();
  });
});
