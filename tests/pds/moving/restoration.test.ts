/** An account comes back from its archive by a recovery key, its old server gone; and everybody else is refused. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { signPlcOperation, type Signed, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { startPlc, type RunningPlc } from '../../../plc/src/plc.ts';
import { silentLogger } from '@dunlin/service/log/logger';
import { createPlcGenesis } from '@dunlin/protocol/identity/plc-operation';
import { eventually } from '../../harness/wait.ts';
import { makeRepo } from '../migration/moving.ts';
import { startSmallPds, type SmallPds } from '../small-pds.ts';

let plc: RunningPlc;
let small: SmallPds;
let isDirectoryDown = false;
let beforeDirectory: (url: string) => Promise<void> = () => Promise.resolve();
beforeAll(async () => {
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  small = await startSmallPds({
    environment: { PDS_DID_PLC_URL: plc.url },
    fetch: async (input, init = {}) => (await beforeDirectory(String(input)), isDirectoryDown && String(input).startsWith(plc.url) ? Promise.reject(new TypeError('fetch failed')) : fetch(input, init)),
  });
});
afterAll(async () => {
  await small.close();
  await plc.close();
});

interface Lost {
  did: string;
  own: Keypair;
  oldServer: Keypair;
  signingKey: Keypair;
}

/** Somebody whose server is nowhere: a DID with a key of their own above that of the server. */
async function newLost(name: string): Promise<Lost> {
  const [own, oldServer, signingKey] = [Keypair.generate('p256'), Keypair.generate('k256'), Keypair.generate('k256')];
  const { did, operation } = createPlcGenesis({ signingKey: signingKey.did, rotationKeys: [own.did, oldServer.did], handle: `${name}.gone.example`, pdsUrl: 'https://gone.example', rotationKeypair: oldServer });
  await fetch(`${plc.url}/${did}`, { method: 'POST', body: JSON.stringify(operation), headers: { 'content-type': 'application/json' } });
  return { did, own, oldServer, signingKey };
}

interface Ground { prev: string; rotationKeys: string[]; signingKey: string; serverKeys: string[]; pdsUrl: string }

async function operationFor(lost: Lost, handle: string, change: Partial<UnsignedPlcUpdate> = {}, key = lost.own): Promise<Signed<UnsignedPlcUpdate>> {
  const ground = (await small.call('app.dunlin.move.prepareRestore', { body: { did: lost.did } })).json as unknown as Ground;
  expect(ground.rotationKeys).toContain(lost.own.did);
  return signPlcOperation<UnsignedPlcUpdate>({
    type: 'plc_operation', prev: ground.prev, rotationKeys: [lost.own.did, ...ground.serverKeys], alsoKnownAs: [`at://${handle}`],
    verificationMethods: { atproto: ground.signingKey }, services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: ground.pdsUrl } }, ...change,
  }, key);
}

const restore = (lost: Lost, handle: string, operation: unknown): ReturnType<SmallPds['call']> =>
  small.call('app.dunlin.move.restore', { body: { did: lost.did, handle, email: `${handle.split('.')[0]}@new.org`, password: 'new password', operation } });

const data = async (did: string): Promise<{ rotationKeys: string[]; services: { atproto_pds: { endpoint: string } } }> => (await (await fetch(`${plc.url}/${did}/data`)).json()) as never;

const picture = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from('a picture')]);

/** Brings repository and file, as the page does. */
async function bring(lost: Lost, token: string): Promise<void> {
  const { car } = makeRepo(lost.did, lost.signingKey, [
    ['app.bsky.feed.post/3aaaaaaaaaa2a', { $type: 'app.bsky.feed.post', text: 'from before', createdAt: '2026-01-01T00:00:00.000Z' }],
    ['com.example.file/self', { $type: 'com.example.file', file: { $type: 'blob', ref: cidForRaw(picture), mimeType: 'image/png', size: picture.length } }],
  ]);
  expect((await small.call('com.atproto.repo.importRepo', { body: car, headers: { 'content-type': 'application/vnd.ipld.car' }, token })).status).toBe(200);
  expect((await small.call('app.dunlin.move.completeArchive', { body: {}, token })).json).toMatchObject({ error: 'ArchiveIncomplete', message: '1 of 1 files have not come' });
  expect((await small.call('com.atproto.repo.uploadBlob', { body: picture, headers: { 'content-type': 'application/octet-stream' }, token })).status).toBe(200);
}

async function status(token: string): Promise<Record<string, unknown>> {
  return (await small.call('app.dunlin.move.getStatus', { token })).json;
}

test('the recovery key opens the account, the archive fills it, and only then the DID is changed', async () => {
  const lost = await newLost('ada');
  const before = await data(lost.did);
  const { status: opened, json } = await restore(lost, 'ada.test', await operationFor(lost, 'ada.test'));
  expect(opened).toBe(200);
  const token = String(json['accessJwt']);
  expect(await status(token)).toMatchObject({ step: 'archive', state: 'yourTurn' });
  expect((await small.call('app.dunlin.move.completeArchive', { body: {}, token })).json).toMatchObject({ error: 'ArchiveIncomplete' });
  await bring(lost, token);
  expect(await data(lost.did)).toEqual(before);
  expect((await small.call('app.dunlin.move.completeArchive', { body: {}, token })).status).toBe(200);
  await eventually('the account is in service', async () => (await status(token))['state'] === 'done');
  const after = await data(lost.did);
  expect([after.rotationKeys[0], after.rotationKeys.includes(lost.oldServer.did), after.services.atproto_pds.endpoint]).toEqual([lost.own.did, false, small.url]);
  const { json: list } = await small.call('com.atproto.repo.listRecords', { params: { repo: lost.did, collection: 'app.bsky.feed.post' } });
  expect(list['records']).toMatchObject([{ value: { text: 'from before' } }]);
  const { status: written } = await small.call('com.atproto.repo.createRecord', { token, body: { repo: lost.did, collection: 'app.bsky.feed.post', record: { text: 'back', createdAt: new Date().toISOString() } } });
  expect(written).toBe(200);
});

test('an operation that does not rule the DID, or does not lead here, opens nothing', async () => {
  const lost = await newLost('bob');
  const other = Keypair.generate('p256');
  const wrong: [string, Partial<UnsignedPlcUpdate>, Keypair?][] = [
    ['is not signed with a rotation key', {}, other],
    ['does not follow the newest', { prev: 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' }],
    ['leaves out the rotation key of this server', { rotationKeys: [lost.own.did] }],
    ['names another signing key', { verificationMethods: { atproto: other.did } }],
    ['does not name this server', { services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example' } } }],
    ['does not name the handle', { alsoKnownAs: ['at://somebody.test'] }],
  ];
  for (const [says, change, key] of wrong) {
    const { json } = await restore(lost, 'bob.test', await operationFor(lost, 'bob.test', change, key));
    expect(json).toMatchObject({ error: 'InvalidOperation', message: expect.stringContaining(says) as unknown });
  }
  const right = await operationFor(lost, 'bob.test');
  expect((await restore(lost, 'bob.test', { ...right, extra: 1 })).json).toMatchObject({ error: 'InvalidOperation' });
  expect((await restore(lost, 'somebody.elsewhere.org', right)).status).toBeGreaterThanOrEqual(400);
  expect((await small.call('com.atproto.server.createSession', { body: { identifier: lost.did, password: 'new password' } })).status).toBe(401);
  expect((await small.call('app.dunlin.move.prepareRestore', { body: { did: 'did:key:zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF' } })).status).toBe(400);
});

test('an operation that the directory does not take any more is signed once more', async () => {
  const lost = await newLost('cleo');
  const { json } = await restore(lost, 'cleo.test', await operationFor(lost, 'cleo.test'));
  const token = String(json['accessJwt']);
  await bring(lost, token);
  const { prev } = (await small.call('app.dunlin.move.prepareRestore', { body: { did: lost.did } })).json as unknown as Ground;
  const meanwhile = signPlcOperation<UnsignedPlcUpdate>({
    type: 'plc_operation', prev, rotationKeys: [lost.own.did, lost.oldServer.did], alsoKnownAs: ['at://other.gone.example'], verificationMethods: { atproto: lost.signingKey.did },
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://gone.example' } },
  }, lost.own);
  expect((await fetch(`${plc.url}/${lost.did}`, { method: 'POST', body: JSON.stringify(meanwhile), headers: { 'content-type': 'application/json' } })).status).toBe(200);
  await small.call('app.dunlin.move.completeArchive', { body: {}, token });
  await eventually('the move is stopped', async () => (await status(token))['state'] === 'stopped');
  expect((await status(token))['stop']).toMatchObject({ code: 'OperationRefused' });
  expect((await small.call('app.dunlin.move.signAgain', { token, body: { operation: meanwhile } })).json).toMatchObject({ error: 'InvalidOperation' });
  expect((await small.call('app.dunlin.move.signAgain', { token, body: { operation: await operationFor(lost, 'cleo.test') } })).status).toBe(200);
  await eventually('the account is in service', async () => (await status(token))['state'] === 'done');
});

test('a takedown while the directory is asked where the account lives leaves the DID as it is', async () => {
  const lost = await newLost('eve');
  const { json } = await restore(lost, 'eve.test', await operationFor(lost, 'eve.test'));
  const token = String(json['accessJwt']);
  await bring(lost, token);
  const before = await data(lost.did);
  let letGo = (): void => undefined;
  const mayGo = new Promise<void>((resolve) => (letGo = resolve));
  let isAsked = false;
  beforeDirectory = async (url) => {
    if (url !== `${plc.url}/${lost.did}`) return;
    isAsked = true;
    await mayGo;
  };
  await small.call('app.dunlin.move.completeArchive', { body: {}, token });
  await eventually('the directory is asked', () => isAsked);
  const takedown = small.call('com.atproto.admin.updateSubjectStatus', { headers: small.admin, body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did: lost.did }, takedown: { applied: true } } });
  await eventually('the account is taken down', async () => (await small.call('app.dunlin.move.getStatus', { token })).json['error'] === 'AccountTakedown');
  letGo();
  expect((await takedown).status).toBe(200);
  expect(await data(lost.did)).toEqual(before);
  beforeDirectory = () => Promise.resolve();
});

test('a server that stops while the directory does not answer goes on when it starts again', async () => {
  const lost = await newLost('dora');
  const { json } = await restore(lost, 'dora.test', await operationFor(lost, 'dora.test'));
  let token = String(json['accessJwt']);
  await bring(lost, token);
  isDirectoryDown = true;
  expect((await small.call('app.dunlin.move.completeArchive', { body: {}, token })).status).toBe(200);
  await eventually('the directory is asked in vain', async () => (await status(token))['state'] === 'retrying');
  isDirectoryDown = false;
  await small.restart();
  const { json: again } = await small.call('com.atproto.server.createSession', { body: { identifier: lost.did, password: 'new password' } });
  token = String(again['accessJwt']);
  // On its new port the server has another name, which this operation does not say.
  await eventually('the operation was judged', async () => (await status(token))['state'] === 'stopped');
  expect((await status(token))['stop']).toMatchObject({ code: 'OperationRefused' });
  expect((await small.call('app.dunlin.move.signAgain', { token, body: { operation: await operationFor(lost, 'dora.test') } })).status).toBe(200);
  await eventually('the account is in service', async () => (await status(token))['state'] === 'done');
});
