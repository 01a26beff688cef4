/** Who may call is looked at again when the body is here: its sender may draw it out until long after the right to send it was lost. */
import { once } from 'node:events';
import { createServer, request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import { makeRepo, newTraveller } from '../migration/moving.ts';
import { post, startSmallPds, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
const calls: ClientRequest[] = [];
/** What the app view has begun to be asked, and what of it came whole. */
const heard: { begun: number; whole: string[] } = { begun: 0, whole: [] };
const appView = createServer((asked, response) => {
  heard.begun++;
  asked.once('error', () => undefined);
  void text(asked).then((whole) => {
    heard.whole.push(whole);
    response.end('{}');
  }, () => undefined);
});
beforeAll(async () => {
  await new Promise<void>((resolve) => void appView.listen(0, 'localhost', resolve));
  const { port } = appView.address() as AddressInfo;
  small = await startSmallPds({ environment: { PDS_BSKY_APP_VIEW_URL: `http://localhost:${port}`, PDS_BSKY_APP_VIEW_DID: 'did:web:app.test' } });
});
afterAll(async () => {
  for (const each of calls) each.destroy();
  await small.close();
  appView.closeAllConnections();
  await new Promise((resolve) => void appView.close(resolve));
});

interface Held {
  finish(): Promise<unknown[]>;
}

/** A call whose last byte is held back. It resolves when the server has begun with it, which it says with 100. */
async function hold(token: string, nsid: string, body: object | Buffer, method = 'POST'): Promise<Held> {
  const [bytes, type] = Buffer.isBuffer(body) ? [body, 'application/vnd.ipld.car'] : [Buffer.from(JSON.stringify(body)), 'application/json'];
  const call = request(`${small.url}/xrpc/${nsid}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': type, 'content-length': bytes.length, expect: '100-continue' } });
  calls.push(call);
  const answered = once(call, 'response');
  call.flushHeaders();
  await once(call, 'continue');
  call.write(bytes.subarray(0, -1));
  return {
    async finish() {
      call.end(bytes.subarray(-1));
      const [response] = (await answered) as [IncomingMessage];
      const answer = await text(response);
      return [response.statusCode, answer === '' ? undefined : (JSON.parse(answer) as { error?: string }).error];
    },
  };
}

const newPassword = (did: string): object => ({ body: { did, password: 'another password' }, headers: small.admin });

test('what an ended session had begun to send does nothing', async () => {
  const { did, token } = await small.newPerson('ada');
  const held = await Promise.all([
    hold(token, 'com.atproto.repo.createRecord', { repo: did, collection: 'app.bsky.feed.post', record: post('by a thief') }),
    hold(token, 'com.atproto.identity.updateHandle', { handle: 'thief.test' }),
    hold(token, 'com.atproto.server.deactivateAccount', { deleteAfter: '2026-11-25T00:00:00.000Z' }),
    hold(token, 'app.dunlin.account.makeArchiveTicket', {}),
    hold(token, 'com.atproto.server.getSession', {}, 'GET'),
  ]);
  expect((await small.call('com.atproto.admin.updateAccountPassword', newPassword(did))).status).toBe(200);
  for (const each of held) expect(await each.finish()).toEqual([400, 'ExpiredToken']);
  expect((await small.call('com.atproto.repo.describeRepo', { params: { repo: did } })).json).toMatchObject({ handle: 'ada.test', collections: [] });
});

test('a repository that an ended session had begun to send replaces nothing', async () => {
  const who = await newTraveller({ plcUrl: small.plc.url, url: small.url }, 'mover');
  const { car } = makeRepo(who.did, who.signingKey, [['app.bsky.feed.post/3a', post('by a thief')]]);
  const held = await hold(who.token, 'com.atproto.repo.importRepo', car);
  expect((await small.call('com.atproto.admin.updateAccountPassword', newPassword(who.did))).status).toBe(200);
  expect(await held.finish()).toEqual([400, 'ExpiredToken']);
  const { json } = await small.call('com.atproto.server.createSession', { body: { identifier: who.did, password: 'another password' } });
  expect((await small.call('com.atproto.server.checkAccountStatus', { token: String(json['accessJwt']) })).json).toMatchObject({ indexedRecords: 0 });
});

test('what an account had begun to send when it was taken down does nothing, and with no such thing it is done', async () => {
  const { did, token } = await small.newPerson('bob');
  const preferences = { preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }] };
  const [first, second] = [await hold(token, 'app.bsky.actor.putPreferences', preferences), await hold(token, 'app.bsky.actor.putPreferences', preferences)];
  expect(await first.finish()).toEqual([200, undefined]);
  const takedown = { subject: { $type: 'com.atproto.admin.defs#repoRef', did }, takedown: { applied: true, ref: 'x' } };
  expect((await small.call('com.atproto.admin.updateSubjectStatus', { body: takedown, headers: small.admin })).status).toBe(200);
  expect(await second.finish()).toEqual([401, 'AccountTakedown']);
});

test('what is passed on reaches its service whole only from who may still call when the last byte is here', async () => {
  const { did, token } = await small.newPerson('carl');
  const nsid = 'app.bsky.feed.doSomething';
  const body = { text: 'x'.repeat(1_000_000) };
  const first = await hold(token, nsid, body);
  expect(await first.finish()).toEqual([200, undefined]);
  expect([heard.begun, heard.whole]).toEqual([1, [JSON.stringify(body)]]);
  const second = await hold(token, nsid, body);
  await eventually('the service has begun to hear it', () => heard.begun === 2);
  expect((await small.call('com.atproto.admin.updateAccountPassword', newPassword(did))).status).toBe(200);
  expect(await second.finish()).toEqual([400, 'ExpiredToken']);
  expect(heard.whole).toHaveLength(1);
});
