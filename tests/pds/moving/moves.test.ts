/** Moves by app.dunlin.move.*: the whole way, cut off and taken up, what stops them, and how they are thrown away. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { eventually } from '../../harness/wait.ts';
import { Subscriber } from '../small-pds.ts';
import { arrive, codeAtOld, newMover, startTwoHomes, type Spoiler, type TwoHomes } from './two-homes.ts';

let homes: TwoHomes;
beforeAll(async () => {
  homes = await startTwoHomes({ PDS_INVITE_REQUIRED: 'false' });
});
afterAll(() => homes.close());
afterEach(() => {
  homes.spoil = null;
});

const json = (status: number, body: object): Response => new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
const json200 = (body: object): Response => json(200, body);
const asks = (url: URL, method: string): boolean => url.pathname === `/xrpc/${method}` && url.origin === homes.old.url;
const plcData = async (did: string): Promise<{ rotationKeys: string[]; services: Record<string, { endpoint: string }> }> =>
  (await (await fetch(`${homes.old.plc.url}/${did}/data`)).json()) as never;

/** Says in the directory, with the person's own key, that the account lives at the old home again. */
async function goBackToOld(did: string, key: Keypair): Promise<void> {
  const log = (await (await fetch(`${homes.old.plc.url}/${did}/log/audit`)).json()) as { cid: string; operation: UnsignedPlcUpdate & { sig: string } }[];
  const [first, last] = [log[0]!, log.at(-1)!];
  const { sig: _, ...was } = first.operation;
  const operation = signPlcOperation<UnsignedPlcUpdate>({ ...was, rotationKeys: [key.did, ...was.rotationKeys], prev: last.cid }, key);
  const { status } = await fetch(`${homes.old.plc.url}/${did}`, { method: 'POST', body: JSON.stringify(operation), headers: { 'content-type': 'application/json' } });
  expect(status).toBe(200);
}

test('a move goes by itself to the person\'s turn, and with the mailed code to its end', async () => {
  const mover = await newMover(homes, 'ada');
  const before = await plcData(mover.did);
  const subscriber = await new Subscriber(homes.fresh.url).opened();
  const fresh = await arrive(homes, mover, 'ada');
  expect((await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken })).status).toBe(200);
  expect(await fresh.reaches('identity', 'yourTurn')).toMatchObject({ origin: homes.old.url, records: 3, expectedBlobs: 3, importedBlobs: 3, hasSession: true });
  for (const file of ['pds.sqlite', 'pds.sqlite-wal']) {
    const kept = readFileSync(join(homes.fresh.dataDirectory, file)).toString('latin1');
    expect(kept.includes(mover.token) || kept.includes(mover.refreshToken)).toBe(false);
  }
  expect((await fresh.ask('getIdentity')).json).toMatchObject({ method: 'plc', handle: 'ada.example', pdsUrl: homes.fresh.url, keptKeys: [], droppedKeys: before.rotationKeys });
  expect((await fresh.ask('requestCode')).status).toBe(200);
  const recoveryKey = Keypair.generate('p256').did;
  expect((await fresh.ask('changeIdentity', { token: 'AAAAA-AAAAA', recoveryKey })).json['error']).toBe('InvalidToken');
  expect(await plcData(mover.did)).toEqual(before);
  expect((await fresh.ask('changeIdentity', { token: await codeAtOld(homes, mover.did), recoveryKey })).status).toBe(200);
  expect(await fresh.reaches('done', 'done')).toMatchObject({ hasSession: false });
  const after = await plcData(mover.did);
  expect(after.rotationKeys[0]).toBe(recoveryKey);
  expect(after.rotationKeys.some((key) => before.rotationKeys.includes(key))).toBe(false);
  expect(after.services['atproto_pds']?.endpoint).toBe(homes.fresh.url);
  const { json: preferences } = await homes.fresh.call('app.bsky.actor.getPreferences', { token: fresh.token });
  expect(preferences).toEqual({ preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] });
  expect((await homes.fresh.call('com.atproto.sync.getRepoStatus', { params: { did: mover.did } })).json).toMatchObject({ active: true });
  expect((await homes.old.call('com.atproto.sync.getRepoStatus', { params: { did: mover.did } })).json).toMatchObject({ active: false, status: 'deactivated' });
  expect((await homes.old.call('com.atproto.server.refreshSession', { method: 'POST', token: mover.refreshToken })).status).toBe(400);
  const kinds = (await subscriber.take(4)).map((event) => event.kind);
  expect(kinds).toEqual(['identity', 'account', 'identity', 'sync']);
  subscriber.close();
});

test('rotation keys of the person\'s own are kept, in their order', async () => {
  const mover = await newMover(homes, 'keeper', { files: 0 });
  const own = Keypair.generate('p256').did;
  await mover.agent.com.atproto.identity.requestPlcOperationSignature();
  const { rotationKeys: before } = await plcData(mover.did);
  const { data } = await mover.agent.com.atproto.identity.signPlcOperation({ token: await codeAtOld(homes, mover.did), rotationKeys: [own, ...before] });
  await mover.agent.com.atproto.identity.submitPlcOperation({ operation: data.operation });
  const fresh = await arrive(homes, mover, 'keeper');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  expect((await fresh.ask('getIdentity')).json).toMatchObject({ keptKeys: [own], droppedKeys: before });
  await fresh.ask('requestCode');
  await fresh.ask('changeIdentity', { token: await codeAtOld(homes, mover.did) });
  await fresh.reaches('done', 'done');
  const { rotationKeys } = await plcData(mover.did);
  expect([rotationKeys[0], rotationKeys.length]).toEqual([own, 2]);
});

test('keys that are to stay are those the person names, whatever the old server says later; one that does not rule the DID is refused', async () => {
  const mover = await newMover(homes, 'kim', { files: 0 });
  const { rotationKeys: before } = await plcData(mover.did);
  const fresh = await arrive(homes, mover, 'kim');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  const { json } = await fresh.ask('getIdentity');
  expect(json['keys']).toEqual([...before.map((key) => ({ key, holder: 'oldServer', change: 'goes' })), { key: expect.any(String) as unknown, holder: 'thisServer', change: 'comes' }]);
  await fresh.ask('requestCode');
  const token = await codeAtOld(homes, mover.did);
  expect((await fresh.ask('changeIdentity', { token, keptKeys: [Keypair.generate('p256').did] })).json).toMatchObject({ error: 'IdentityChanged' });
  // Nothing of its own, it says now: its key would stay, were it asked again.
  homes.spoil = (url) => (asks(url, 'com.atproto.identity.getRecommendedDidCredentials') ? json200({ rotationKeys: [] }) : null);
  expect((await fresh.ask('changeIdentity', { token, keptKeys: [] })).status).toBe(200);
  await fresh.reaches('done', 'done');
  expect((await plcData(mover.did)).rotationKeys).toHaveLength(1);
});

test('a DID that says more by now than the person was shown is not signed before it is shown again', async () => {
  const mover = await newMover(homes, 'kay', { files: 0 });
  const fresh = await arrive(homes, mover, 'kay');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  const { json: shown } = await fresh.ask('getIdentity');
  await fresh.ask('requestCode');
  const services = { ...(await plcData(mover.did)).services, extra: { type: 'Extra', endpoint: 'https://extra.example' } };
  const { json: signed } = await homes.old.call('com.atproto.identity.signPlcOperation', { token: mover.token, body: { token: await codeAtOld(homes, mover.did), services } });
  expect((await homes.old.call('com.atproto.identity.submitPlcOperation', { token: mover.token, body: signed })).status).toBe(200);
  await fresh.ask('requestCode');
  const token = await codeAtOld(homes, mover.did);
  const change = (newest: unknown): ReturnType<typeof fresh.ask> => fresh.ask('changeIdentity', { token, keptKeys: [], newest });
  expect((await change(shown['newest'])).json).toMatchObject({ error: 'IdentityChanged' });
  const { json: again } = await fresh.ask('getIdentity');
  expect(again['otherEntries']).toEqual([{ name: 'service #extra', value: 'Extra https://extra.example' }]);
  expect((await change(again['newest'])).status).toBe(200);
  await fresh.reaches('done', 'done');
});

test('a server that is stopped in the middle goes on by itself when it starts again', async () => {
  const mover = await newMover(homes, 'bea', { files: 4 });
  const fresh = await arrive(homes, mover, 'bea');
  let given = 0;
  homes.spoil = (url, init) => {
    if (!asks(url, 'com.atproto.sync.getBlob') || ++given <= 2) return null;
    return new Promise((_, reject) => init.signal?.addEventListener('abort', () => reject(init.signal?.reason)));
  };
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await eventually('two files are here', async () => (await fresh.status())['importedBlobs'] === 2);
  await eventually('the others are asked for', () => given > 2);
  homes.spoil = null;
  let repos = 0;
  homes.spoil = (url) => {
    if (asks(url, 'com.atproto.sync.getRepo')) repos++;
    return null;
  };
  await homes.fresh.restart();
  await fresh.signIn();
  expect(await fresh.reaches('identity', 'yourTurn')).toMatchObject({ importedBlobs: 4 });
  expect(repos).toBe(0);
});

test('a session that has run out is renewed, one that is over asks for the person, and a new one goes on', async () => {
  const mover = await newMover(homes, 'cleo');
  const fresh = await arrive(homes, mover, 'cleo');
  let [asked, renewed] = [0, 0];
  homes.spoil = (url) => {
    if (asks(url, 'com.atproto.server.refreshSession')) renewed++;
    return asks(url, 'com.atproto.sync.getRepo') && asked++ === 0 ? json(400, { error: 'ExpiredToken', message: 'Token has expired' }) : null;
  };
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  expect([asked, renewed]).toEqual([2, 1]);
  homes.spoil = (url) => (asks(url, 'com.atproto.identity.requestPlcOperationSignature') || asks(url, 'com.atproto.server.refreshSession') ? json(400, { error: 'ExpiredToken', message: 'Token has expired' }) : null);
  expect((await fresh.ask('requestCode')).json).toMatchObject({ error: 'OldSessionOver' });
  homes.spoil = null;
  const { json: again } = await homes.old.call('com.atproto.server.createSession', { body: { identifier: mover.did, password: 'cleo password' } });
  expect((await fresh.ask('begin', { accessJwt: again['accessJwt'], refreshJwt: again['refreshJwt'] })).status).toBe(200);
  expect((await fresh.ask('requestCode')).status).toBe(200);
});

describe('what stops a move is said in words', () => {
  const stoppedBy = async (name: string, spoiler: Spoiler, { step, code }: { step: string; code: string }): Promise<Awaited<ReturnType<typeof arrive>>> => {
    const mover = await newMover(homes, name);
    const fresh = await arrive(homes, mover, name);
    homes.spoil = spoiler;
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    const { stop } = await fresh.reaches(step, 'stopped');
    expect(stop).toEqual({ code, message: expect.stringMatching(/^[A-Z0-9].{20,}\.$/s) as unknown });
    return fresh;
  };

  test('a file the old server does not have; the person may go on without', async () => {
    const fresh = await stoppedBy('dot', (url) => (asks(url, 'com.atproto.sync.getBlob') ? json(400, { error: 'InvalidRequest', message: 'Blob not found' }) : null), { step: 'blobs', code: 'FilesMissing' });
    await fresh.ask('goOn', { withoutMissing: true });
    expect(await fresh.reaches('identity', 'yourTurn')).toMatchObject({ expectedBlobs: 3, importedBlobs: 0 });
  });

  test('a file that is not what its name says, when all others have come; the person may go on without', async () => {
    let bad: string | null = null;
    const fresh = await stoppedBy('dan', (url) => (asks(url, 'com.atproto.sync.getBlob') && url.searchParams.get('cid') === (bad ??= url.searchParams.get('cid')) ? new Response('other bytes') : null), { step: 'blobs', code: 'FilesMissing' });
    await fresh.ask('goOn', { withoutMissing: true });
    expect(await fresh.reaches('identity', 'yourTurn')).toMatchObject({ expectedBlobs: 3, importedBlobs: 2 });
  });

  test('an old server that asks to come back later is asked later, and no file is given up', async () => {
    const mover = await newMover(homes, 'flo');
    const fresh = await arrive(homes, mover, 'flo');
    let isOpen = false;
    homes.spoil = (url) => (asks(url, 'com.atproto.sync.getBlob') && !isOpen ? json(429, { error: 'RateLimitExceeded' }) : null);
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    expect(await fresh.reaches('blobs', 'retrying')).toMatchObject({ stop: { code: 'OldServerUnreachable' } });
    isOpen = true;
    expect(await fresh.reaches('identity', 'yourTurn')).toMatchObject({ expectedBlobs: 3, importedBlobs: 3 });
  });

  test('a repository that is none; trying again takes a right one', async () => {
    const fresh = await stoppedBy('eve', (url) => (asks(url, 'com.atproto.sync.getRepo') ? new Response('no car') : null), { step: 'repo', code: 'RepoRefused' });
    homes.spoil = null;
    await fresh.ask('goOn', {});
    await fresh.reaches('identity', 'yourTurn');
  });

  test('an old server that cannot be reached is tried again by itself meanwhile', async () => {
    const mover = await newMover(homes, 'fay');
    const fresh = await arrive(homes, mover, 'fay');
    let failures = 0;
    homes.spoil = (url) => (asks(url, 'com.atproto.sync.getRepo') && failures++ === 0 ? Promise.reject(new TypeError('fetch failed')) : null);
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    expect(await fresh.reaches('repo', 'retrying')).toMatchObject({ stop: { code: 'OldServerUnreachable' } });
    await fresh.reaches('identity', 'yourTurn');
  });
});

test('an answer of the old server that breaks off is its fault, not ours', async () => {
  const mover = await newMover(homes, 'fox', { files: 0 });
  const fresh = await arrive(homes, mover, 'fox');
  const broken = (): Response => new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError('other side closed')) }));
  homes.spoil = (url) => (asks(url, 'com.atproto.server.getSession') ? broken() : null);
  expect(await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken })).toMatchObject({ status: 502, json: { error: 'OldServerUnreachable' } });
  homes.spoil = (url) => (asks(url, 'com.atproto.server.getSession') ? new Response(Buffer.from([0xff, 0xfe])) : null);
  expect(await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken })).toMatchObject({ status: 400, json: { error: 'OldServerRefused' } });
  let failures = 0;
  homes.spoil = (url) => (asks(url, 'app.bsky.actor.getPreferences') && failures++ === 0 ? broken() : null);
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  expect(failures).toBe(2);
});

test('who moved in, left, and lives elsewhere again comes back by another move', async () => {
  const mover = await newMover(homes, 'rex', { files: 0 });
  const fresh = await arrive(homes, mover, 'rex');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  await fresh.ask('requestCode');
  const recoveryKey = Keypair.generate('p256');
  await fresh.ask('changeIdentity', { token: await codeAtOld(homes, mover.did), recoveryKey: recoveryKey.did });
  await fresh.reaches('done', 'done');
  await goBackToOld(mover.did, recoveryKey);
  await homes.fresh.call('com.atproto.server.deactivateAccount', { token: fresh.token, body: {} });
  expect((await fresh.ask('getStatus')).json).toMatchObject({ error: 'NoMove' });
  const { json: again } = await homes.old.call('com.atproto.server.createSession', { body: { identifier: mover.did, password: 'rex password' } });
  expect(await fresh.ask('begin', { accessJwt: again['accessJwt'], refreshJwt: again['refreshJwt'] })).toMatchObject({ status: 200 });
  expect(await fresh.reaches('identity', 'yourTurn')).toMatchObject({ hasSession: true });
});

test('a move whose identity is being changed is not thrown away meanwhile', async () => {
  const mover = await newMover(homes, 'tim', { files: 0 });
  const fresh = await arrive(homes, mover, 'tim');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  await fresh.ask('requestCode');
  let letSign = (): void => undefined;
  const maySign = new Promise<void>((resolve) => (letSign = resolve));
  let isSigning = false;
  homes.spoil = async (url) => {
    if (!asks(url, 'com.atproto.identity.signPlcOperation')) return null;
    isSigning = true;
    await maySign;
    return null;
  };
  const changing = fresh.ask('changeIdentity', { token: await codeAtOld(homes, mover.did) });
  await eventually('the old server is asked to sign', () => isSigning);
  expect((await fresh.ask('abandon')).json).toMatchObject({ error: 'NotYet' });
  letSign();
  expect((await changing).status).toBe(200);
  await fresh.reaches('done', 'done');
});

describe('an account that is deleted meanwhile', () => {
  let answered = 0;
  beforeEach(() => {
    answered = 0;
  });
  const remove = (did: string): Promise<unknown> => homes.fresh.call('com.atproto.admin.deleteAccount', { headers: homes.fresh.admin, body: { did } });
  /** Holds requests that `isMeant` names; gives what lets them go and tells whether one came. */
  const hold = (isMeant: (url: URL) => boolean): { letGo: () => void; hasCome: () => boolean } => {
    let letGo = (): void => undefined;
    const mayGo = new Promise<void>((resolve) => (letGo = resolve));
    let hasCome = false;
    homes.spoil = async (url, init) => {
      if (!isMeant(url)) return null;
      hasCome = true;
      await mayGo;
      const answer = await fetch(url, init);
      answered++;
      return answer;
    };
    return { letGo, hasCome: () => hasCome };
  };

  test('is refused what its person asked, and nothing is sent to the directory', async () => {
    const mover = await newMover(homes, 'una', { files: 0 });
    const fresh = await arrive(homes, mover, 'una');
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    await fresh.reaches('identity', 'yourTurn');
    await fresh.ask('requestCode');
    const before = await plcData(mover.did);
    const { letGo, hasCome } = hold((url) => asks(url, 'com.atproto.identity.signPlcOperation'));
    const changing = fresh.ask('changeIdentity', { token: await codeAtOld(homes, mover.did) });
    await eventually('the old server is asked to sign', hasCome);
    await remove(mover.did);
    letGo();
    expect(await changing).toMatchObject({ status: 400, json: { error: 'AccountNotFound' } });
    expect(await plcData(mover.did)).toEqual(before);
  });

  test('has no job that goes on', async () => {
    const mover = await newMover(homes, 'vic', { files: 0 });
    const fresh = await arrive(homes, mover, 'vic');
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    await fresh.reaches('identity', 'yourTurn');
    await fresh.ask('requestCode');
    const code = await codeAtOld(homes, mover.did);
    let looks = 0;
    const { letGo, hasCome } = hold((url) => url.origin === homes.old.plc.url && url.pathname === `/${mover.did}` && ++looks > 1);
    expect((await fresh.ask('changeIdentity', { token: code })).status).toBe(200);
    await eventually('the directory is asked', hasCome);
    await remove(mover.did);
    letGo();
    await eventually('the look-up was answered', () => answered > 0);
    expect((await fresh.ask('getStatus')).json).toMatchObject({ error: 'AccountNotFound' });
    expect((await homes.fresh.call('_health')).status).toBe(200);
  });
});

test('an old server that signs something else changes nothing', async () => {
  const mover = await newMover(homes, 'gil', { files: 0 });
  const fresh = await arrive(homes, mover, 'gil');
  await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  await fresh.reaches('identity', 'yourTurn');
  await fresh.ask('requestCode');
  const before = await plcData(mover.did);
  const stowaway = Keypair.generate('p256').did;
  homes.spoil = async (url, init) => {
    if (!asks(url, 'com.atproto.identity.signPlcOperation')) return null;
    const asked = JSON.parse(String(init.body)) as { rotationKeys: string[] };
    return fetch(url, { ...init, body: JSON.stringify({ ...asked, rotationKeys: [...asked.rotationKeys, stowaway] }) });
  };
  expect((await fresh.ask('changeIdentity', { token: await codeAtOld(homes, mover.did) })).json).toMatchObject({ error: 'OldServerRefused' });
  expect(await plcData(mover.did)).toEqual(before);
});

describe('who may not', () => {
  test('a session of somebody else, of no full account, and an account in service are refused', async () => {
    const [mover, other] = [await newMover(homes, 'hal', { files: 0 }), await newMover(homes, 'ida', { files: 0 })];
    const fresh = await arrive(homes, mover, 'hal');
    expect((await fresh.ask('begin', { accessJwt: other.token, refreshJwt: other.refreshToken })).json).toMatchObject({ error: 'OldServerRefused' });
    expect((await fresh.ask('begin', { accessJwt: 'none', refreshJwt: 'none' })).status).toBe(400);
    expect((await fresh.ask('getStatus')).json).toMatchObject({ error: 'NoMove' });
    const dweller = await homes.fresh.call('com.atproto.server.createAccount', { body: { handle: 'dweller.example', email: 'dweller@new.org', password: 'x' } });
    const { json } = await homes.fresh.call('app.dunlin.move.begin', { token: String(dweller.json['accessJwt']), body: { accessJwt: 'a', refreshJwt: 'b' } });
    expect(json).toMatchObject({ error: 'AccountInService' });
    expect((await homes.fresh.call('app.dunlin.move.getStatus')).status).toBe(401);
  });
});

test('a bucket of ours that is down is waited for, and the old server is not blamed', async () => {
  const bucket = createServer((_request, response) => void response.writeHead(503).end());
  await new Promise<void>((resolve) => void bucket.listen(0, '127.0.0.1', resolve));
  const stranded = await startTwoHomes({
    PDS_INVITE_REQUIRED: 'false', PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_ENDPOINT: `http://127.0.0.1:${(bucket.address() as AddressInfo).port}`,
    PDS_BLOBSTORE_S3_ACCESS_KEY_ID: 'id', PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: 'secret',
  });
  try {
    const mover = await newMover(stranded, 'zoe', { files: 1 });
    const fresh = await arrive(stranded, mover, 'zoe');
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    expect(await fresh.reaches('blobs', 'retrying')).toMatchObject({ stop: { code: 'ServerBusy' } });
  } finally {
    await stranded.close();
    await new Promise((resolve) => void bucket.close(resolve));
  }
});

test('a move that is thrown away leaves nothing here, gives the invite code back, and the old account works on', async () => {
  const guarded = await startTwoHomes({ PDS_INVITE_REQUIRED: 'true' });
  try {
    const { json: invite } = await guarded.fresh.call('com.atproto.server.createInviteCode', { headers: guarded.fresh.admin, body: { useCount: 1 } });
    const mover = await newMover(guarded, 'kay');
    const inviteCode = String(invite['code']);
    const fresh = await arrive(guarded, mover, 'kay', { inviteCode });
    const subscriber = await new Subscriber(guarded.fresh.url, 0).opened();
    await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    await fresh.reaches('identity', 'yourTurn');
    expect((await fresh.ask('abandon')).status).toBe(200);
    expect((await fresh.ask('getStatus')).json).toMatchObject({ error: 'AccountNotFound' });
    expect((await guarded.fresh.call('com.atproto.repo.describeRepo', { params: { repo: mover.did } })).status).toBe(400);
    await mover.agent.post({ text: 'still here', createdAt: new Date().toISOString() });
    const again = await arrive(guarded, mover, 'kay', { inviteCode });
    await again.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
    expect(await again.reaches('identity', 'yourTurn')).toMatchObject({ records: 4 });
    await again.ask('requestCode');
    await again.ask('changeIdentity', { token: await codeAtOld(guarded, mover.did) });
    await again.reaches('done', 'done');
    expect((await again.ask('abandon')).json).toMatchObject({ error: 'IdentityIsHere' });
    expect((await subscriber.take(1))[0]).toMatchObject({ kind: 'identity', did: mover.did });
    expect(subscriber.seen.some((event) => event.kind === 'account' && event.status === 'deleted')).toBe(false);
    subscriber.close();
  } finally {
    await guarded.close();
  }
});
