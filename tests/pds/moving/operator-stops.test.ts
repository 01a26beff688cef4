/** What an operator does ends a move at once: a takedown, a deactivation, a stop. Nothing is put in service, the person is told, and it goes on when it may. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import type { Answer } from '../small-pds.ts';
import { arrive, codeAtOld, newMover, startTwoHomes, type Arrived, type TwoHomes } from './two-homes.ts';

let homes: TwoHomes;
beforeAll(async () => {
  homes = await startTwoHomes({ PDS_INVITE_REQUIRED: 'false' });
});
afterAll(() => homes.close());
afterEach(() => {
  homes.spoil = null;
});

const asOperator = (nsid: string, o: { body?: object; params?: Record<string, string> }): Promise<Answer> => homes.fresh.call(nsid, { ...o, headers: homes.fresh.admin });
const setStatus = (did: string, change: object): Promise<Answer> => asOperator('com.atproto.admin.updateSubjectStatus', { body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did }, ...change } });
const moveOf = async (did: string): Promise<Record<string, unknown>> => (await asOperator('app.dunlin.admin.getMove', { params: { account: did } })).json['move'] as Record<string, unknown>;
const homeOf = async (did: string): Promise<string | undefined> =>
  ((await (await fetch(`${homes.old.plc.url}/${did}/data`)).json()) as { services: Record<string, { endpoint: string }> }).services['atproto_pds']?.endpoint;

async function begun(name: string): Promise<{ did: string; fresh: Arrived }> {
  const mover = await newMover(homes, name, { files: 1 });
  const fresh = await arrive(homes, mover, name);
  expect((await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken })).status).toBe(200);
  return { did: mover.did, fresh };
}

/** A move whose identity has just been changed, held at a look-up in the directory before it is put in service. */
async function heldBeforeActivation(name: string): Promise<{ did: string; fresh: Arrived; letGo: () => void }> {
  const { did, fresh } = await begun(name);
  await fresh.reaches('identity', 'yourTurn');
  await fresh.ask('requestCode');
  const token = await codeAtOld(homes, did);
  let letGo = (): void => undefined;
  const mayGo = new Promise<void>((resolve) => (letGo = resolve));
  let looks = 0;
  homes.spoil = async (url) => {
    if (url.origin !== homes.old.plc.url || url.pathname !== `/${did}` || ++looks < 2) return null;
    await mayGo;
    return null;
  };
  expect((await fresh.ask('changeIdentity', { token })).status).toBe(200);
  await eventually('the directory is asked where the account lives', () => looks >= 2);
  return { did, fresh, letGo };
}

const isOutOfService = async (did: string): Promise<void> => {
  const { json } = await asOperator('com.atproto.admin.getSubjectStatus', { params: { did } });
  expect(json['deactivated']).toEqual({ applied: true });
};

test('a takedown while files come ends the work; lifted, the person lets it go on', async () => {
  let asked = 0;
  homes.spoil = (url, init) => (url.pathname.endsWith('sync.getBlob') && ++asked > 0 ? new Promise((_, reject) => init.signal?.addEventListener('abort', () => reject(init.signal?.reason))) : null);
  const { did, fresh } = await begun('ada');
  await eventually('a file is asked for', () => asked > 0);
  expect((await setStatus(did, { takedown: { applied: true } })).status).toBe(200);
  expect(await moveOf(did)).toMatchObject({ step: 'blobs', state: 'stopped', stop: { code: 'AccountTakenDown', message: expect.stringContaining('taken the account down') as unknown } });
  homes.spoil = null;
  await setStatus(did, { takedown: { applied: false } });
  await fresh.signIn();
  expect(await fresh.status()).toMatchObject({ state: 'stopped', stop: { code: 'AccountTakenDown' } });
  await fresh.ask('goOn', {});
  await fresh.reaches('identity', 'yourTurn');
});

test('a takedown just before activation leaves the account out of service', async () => {
  const { did, letGo } = await heldBeforeActivation('bea');
  const takingDown = setStatus(did, { takedown: { applied: true } });
  await eventually('the account is taken down', async () => ((await asOperator('com.atproto.admin.getSubjectStatus', { params: { did } })).json['takedown'] as { applied: boolean }).applied);
  letGo();
  expect((await takingDown).status).toBe(200);
  expect(await moveOf(did)).toMatchObject({ state: 'stopped', stop: { code: 'AccountTakenDown' } });
  await isOutOfService(did);
});

test('a deactivation by the operator just before activation stops the move for good; a restart changes nothing, only the operator lets it go on', async () => {
  const { did, fresh, letGo } = await heldBeforeActivation('cleo');
  const stopping = setStatus(did, { deactivated: { applied: true } });
  await eventually('the move is stopped', async () => (await moveOf(did))['stop'] !== undefined);
  letGo();
  expect((await stopping).status).toBe(200);
  expect((await fresh.ask('goOn', {})).json).toMatchObject({ error: 'StoppedByOperator' });
  homes.spoil = null;
  await homes.fresh.restart();
  await fresh.signIn();
  expect(await fresh.status()).toMatchObject({ state: 'stopped', stop: { code: 'StoppedByOperator' } });
  await isOutOfService(did);
});

test('a stopped account does not put itself in service past the move; its operator may', async () => {
  const { did, letGo, fresh } = await heldBeforeActivation('fay');
  const stopping = asOperator('app.dunlin.admin.stopMove', { body: { did, reason: 'wait' } });
  await eventually('the move is stopped', async () => (await moveOf(did))['stop'] !== undefined);
  letGo();
  await stopping;
  expect(await homeOf(did)).toBe(homes.fresh.url);
  expect((await homes.fresh.call('com.atproto.server.activateAccount', { method: 'POST', token: fresh.token })).json).toMatchObject({ message: expect.stringContaining('stopped this move: wait') as unknown });
  await isOutOfService(did);
  await asOperator('app.dunlin.admin.resumeMove', { body: { did } });
  await fresh.reaches('done', 'done');
});

test('a stopped move says the operator\'s reason, takes no code and sends nothing to the directory; resumed, it comes to its end', async () => {
  const { did, fresh } = await begun('dot');
  await fresh.reaches('identity', 'yourTurn');
  await fresh.ask('requestCode');
  const token = await codeAtOld(homes, did);
  let letSign = (): void => undefined;
  const maySign = new Promise<void>((resolve) => (letSign = resolve));
  let isSigning = false;
  homes.spoil = async (url, init) => {
    if (!url.pathname.endsWith('signPlcOperation')) return null;
    isSigning = true;
    await maySign;
    return fetch(url, init);
  };
  const changing = fresh.ask('changeIdentity', { token });
  await eventually('the old server is asked to sign', () => isSigning);
  expect((await asOperator('app.dunlin.admin.stopMove', { body: { did, reason: 'please write to us' } })).status).toBe(200);
  letSign();
  expect((await changing).json).toMatchObject({ error: 'StoppedByOperator', message: expect.stringContaining('please write to us') as unknown });
  expect(await homeOf(did)).toBe(homes.old.url);
  for (const [method, body] of [['begin', { accessJwt: 'a', refreshJwt: 'b' }], ['goOn', {}], ['requestCode', undefined]] as const) expect((await fresh.ask(method, body)).json).toMatchObject({ error: 'StoppedByOperator' });
  const listed = (await asOperator('app.dunlin.admin.listMoves', {})).json['moves'] as { did: string }[];
  expect(listed.find((move) => move.did === did)).toMatchObject({ step: 'identity', state: 'stopped', origin: homes.old.url });
  homes.spoil = null;
  expect((await asOperator('app.dunlin.admin.resumeMove', { body: { did } })).status).toBe(200);
  await fresh.reaches('identity', 'yourTurn');
  await fresh.ask('requestCode');
  expect((await fresh.ask('changeIdentity', { token: await codeAtOld(homes, did) })).status).toBe(200);
  await fresh.reaches('done', 'done');
  expect((await asOperator('app.dunlin.admin.stopMove', { body: { did } })).json).toMatchObject({ error: 'NoMove' });
  const open = (await asOperator('app.dunlin.admin.listMoves', {})).json['moves'] as { did: string }[];
  expect(open.some((move) => move.did === did)).toBe(false);
  const all = (await asOperator('app.dunlin.admin.listMoves', { params: { done: 'true', limit: '1' } })).json;
  expect(all).toMatchObject({ cursor: expect.stringMatching(/^\d+$/) as unknown, moves: [{ did: expect.any(String) as unknown }] });
});

test('a person may throw a stopped move away', async () => {
  const { did, fresh } = await begun('eve');
  await fresh.reaches('identity', 'yourTurn');
  await asOperator('app.dunlin.admin.stopMove', { body: { did } });
  expect((await fresh.ask('abandon')).status).toBe(200);
  expect((await asOperator('app.dunlin.admin.getMove', { params: { account: did } })).json).toMatchObject({ error: 'NotFound' });
});
