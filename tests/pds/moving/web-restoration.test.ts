/** An account with a did:web of its owner's comes back from its archive, its old server gone: by the document, and by nobody else's hand. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { eventually } from '../../harness/wait.ts';
import { makeRepo } from '../migration/moving.ts';
import { startSmallPds, Subscriber, type Answer, type SmallPds } from '../small-pds.ts';
import { partsOf, startDocumentHost, type DocumentHost } from './document-host.ts';

let small: SmallPds;
let host: DocumentHost;
const oldKey = Keypair.generate('k256');
beforeAll(async () => {
  small = await startSmallPds();
});
afterAll(() => small.close());
beforeEach(async () => {
  host = await startDocumentHost();
  host.write(partsOf({ did: host.did, handle: 'wanda.gone.example', didKey: oldKey.did, pdsUrl: 'https://gone.example' }));
});
afterEach(() => host.close());

interface Ground { method: string; signingKey: string; pdsUrl: string; claim: string }

const prepare = async (did = host.did): Promise<Ground> => (await small.call('app.dunlin.move.prepareRestore', { body: { did } })).json as unknown as Ground;
const restore = (name: string, claim: string, did = host.did): Promise<Answer> =>
  small.call('app.dunlin.move.restore', { body: { did, handle: `${name}.test`, email: `${name}@new.org`, password: 'new password', claim } });
const writeAs = (name: string, { signingKey, pdsUrl }: Ground): void => host.write(partsOf({ did: host.did, handle: `${name}.test`, didKey: signingKey, pdsUrl }));

test('the document opens the account, the archive fills it, and it goes into service when the document still says so', async () => {
  const subscriber = await new Subscriber(small.url).opened();
  const ground = await prepare();
  expect(ground).toMatchObject({ method: 'web', pdsUrl: small.url });
  for (const [parts, words] of [
    [{}, 'does not name this server'],
    [partsOf({ did: host.did, handle: 'ada.test', didKey: oldKey.did, pdsUrl: small.url }), 'does not name the key'],
    [partsOf({ did: host.did, handle: 'eve.test', didKey: ground.signingKey, pdsUrl: small.url }), 'does not name the handle'],
  ] as const) {
    host.write(parts);
    expect((await restore('ada', ground.claim)).json).toMatchObject({ error: 'DocumentNotReady', message: expect.stringContaining(words) as unknown });
  }
  writeAs('ada', ground);
  const { status, json } = await restore('ada', ground.claim);
  expect(status).toBe(200);
  const token = String(json['accessJwt']);
  const { car } = makeRepo(host.did, oldKey, [['app.bsky.feed.post/3aaaaaaaaaa2a', { $type: 'app.bsky.feed.post', text: 'from before', createdAt: '2026-01-01T00:00:00.000Z' }]]);
  expect((await small.call('com.atproto.repo.importRepo', { body: car, headers: { 'content-type': 'application/vnd.ipld.car' }, token })).status).toBe(200);
  // Meanwhile the document says something else: nothing is put in service.
  host.write(partsOf({ did: host.did, handle: 'ada.test', didKey: oldKey.did, pdsUrl: small.url }));
  expect((await small.call('app.dunlin.move.completeArchive', { body: {}, token })).status).toBe(200);
  const status1 = async (): Promise<Answer['json']> => (await small.call('app.dunlin.move.getStatus', { token })).json;
  await eventually('it is the person\'s turn', async () => (await status1())['state'] === 'yourTurn' && (await status1())['step'] === 'identity');
  expect((await small.call('app.dunlin.move.getIdentity', { token })).json).toMatchObject({ method: 'web', signingKey: ground.signingKey, handle: 'ada.test' });
  writeAs('ada', ground);
  await small.call('app.dunlin.move.goOn', { body: {}, token });
  await eventually('it is done', async () => (await status1())['step'] === 'done');
  expect((await small.call('com.atproto.server.checkAccountStatus', { token })).json).toMatchObject({ activated: true, validDid: true, indexedRecords: 1 });
  expect((await subscriber.take(3)).map((event) => event.kind)).toEqual(['account', 'identity', 'sync']);
  subscriber.close();
});

test('whoever reads the key in the document but did not ask for it opens nothing', async () => {
  const [owner, thief] = [await prepare(), await prepare()];
  expect(thief.signingKey).not.toBe(owner.signingKey);
  writeAs('bea', owner);
  expect((await restore('bea', thief.claim)).json).toMatchObject({ error: 'DocumentNotReady' });
  for (const claim of ['', owner.signingKey, `${owner.claim}AAAA`, owner.claim.slice(0, -4), `=${owner.claim}`]) expect((await restore('bea', claim)).json).toMatchObject({ error: 'InvalidClaim' });
  const other = await startDocumentHost();
  other.write(partsOf({ did: other.did, handle: 'bea.test', didKey: owner.signingKey, pdsUrl: small.url }));
  expect((await restore('bea', owner.claim, other.did)).json).toMatchObject({ error: 'DocumentNotReady' });
  await other.close();
  expect((await restore('bea', owner.claim)).status).toBe(200);
  writeAs('bob', owner);
  expect((await restore('bob', owner.claim)).json).toMatchObject({ message: expect.stringContaining('Account already exists') as unknown });
});

test('a document that cannot be read when the archive has come is looked at again by itself, also by a server that starts again', async () => {
  const ground = await prepare();
  writeAs('cleo', ground);
  await restore('cleo', ground.claim);
  const { json } = await small.call('com.atproto.server.createSession', { body: { identifier: host.did, password: 'new password' } });
  const token = String(json['accessJwt']);
  await host.close();
  expect((await small.call('app.dunlin.move.completeArchive', { body: { withoutMissing: true }, token })).status).toBe(200);
  await eventually('the document cannot be read', async () => (await small.call('app.dunlin.move.getStatus', { token })).json['state'] === 'retrying');
  expect((await small.call('app.dunlin.move.getStatus', { token })).json).toMatchObject({ step: 'identity', stop: { code: 'IdentityNotReady' } });
  await small.restart();
  const { json: again } = await small.call('com.atproto.server.createSession', { body: { identifier: host.did, password: 'new password' } });
  await eventually('it is looked at again', async () => (await small.call('app.dunlin.move.getStatus', { token: String(again['accessJwt']) })).json['state'] === 'retrying');
});
