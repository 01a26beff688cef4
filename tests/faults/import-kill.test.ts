/**
 * A PDS killed with -9 while the rows of an import are put in: the account is told to be incomplete, cannot come into service,
 * and importing again mends it. Nothing of a staging file is left after the next start.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { startDunlin, type StartedProcess } from '../harness/process.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { makeRepo, newTraveller } from '../pds/migration/moving.ts';
import { call, type Answer } from '../pds/small-pds.ts';

const recordCount = 20_000;
let folder: { path: string; remove(): Promise<void> };
let plc: StartedProcess;
let pds: StartedProcess | null = null;
beforeAll(async () => {
  folder = await temporaryFolder();
  plc = await startDunlin(['plc'], { PLC_PORT: '0', PLC_DATA_DIRECTORY: join(folder.path, 'plc') });
});
afterAll(async () => {
  await pds?.stop();
  await plc.stop();
  await folder.remove();
});

const data = (): string => join(folder.path, 'pds');
async function start(): Promise<string> {
  pds = await startDunlin(['pds'], {
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: data(), PDS_DID_PLC_URL: String(plc.ready['url']), PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true',
  });
  return String(pds.ready['url']);
}

test('an import cut off by kill -9 is never half believed', async () => {
  let url = await start();
  const who = await newTraveller({ url, plcUrl: String(plc.ready['url']) }, 'mover');
  const made = makeRepo(who.did, who.signingKey, Array.from({ length: recordCount }, (_, index) => [`com.example.thing/r${index}`, { $type: 'com.example.thing', index }] as const));
  const send = (): Promise<Answer> => call(url, 'com.atproto.repo.importRepo', { body: made.car, headers: { 'content-type': 'application/vnd.ipld.car' }, token: who.token });
  const signedIn = async (): Promise<string> => String((await call(url, 'com.atproto.server.createSession', { body: { identifier: who.did, password: 'x' } })).json['accessJwt']);
  const cut = send().catch(() => null);
  const reader = new BetterSqlite3(join(data(), 'pds.sqlite'), { readonly: true });
  const rows = reader.prepare<[], number>('SELECT count(*) FROM record').pluck();
  await eventually('some rows are in', () => rows.get()! > 1_000);
  await pds?.stop('SIGKILL');
  expect(rows.get()).toBeLessThan(recordCount);
  reader.close();
  expect(await cut).toBeNull();
  expect(readdirSync(join(data(), 'imports'))).toHaveLength(1);

  url = await start();
  expect(readdirSync(join(data(), 'imports'))).toEqual([]);
  who.token = await signedIn();
  const { json } = await call(url, 'com.atproto.server.checkAccountStatus', { token: who.token });
  expect(json).toMatchObject({ repoCommit: '', activated: false });
  expect((await call(url, 'com.atproto.sync.getRepo', { params: { did: who.did }, token: who.token })).json['error']).toBe('RepoNotFound');
  const basic = `Basic ${Buffer.from(`admin:${(await import(join(data(), 'secrets.json'), { with: { type: 'json' } })).default.adminPassword}`).toString('base64')}`;
  const subject = { $type: 'com.atproto.admin.defs#repoRef', did: who.did };
  const forced = await call(url, 'com.atproto.admin.updateSubjectStatus', { body: { subject, deactivated: { applied: false } }, headers: { authorization: basic } });
  expect([forced.status, forced.json['message']]).toEqual([400, 'repository import is not complete, import it again']);
  expect((await send()).status).toBe(200);
  const car = (await call(url, 'com.atproto.sync.getRepo', { params: { did: who.did }, token: who.token })).bytes;
  const { json: recommended } = await call(url, 'com.atproto.identity.getRecommendedDidCredentials', { token: who.token });
  const key = parseDidKey((recommended as { verificationMethods: { atproto: string } }).verificationMethods.atproto);
  expect(verifyRepoCar(car, who.did, key).recordCount).toBe(recordCount);
}, 120_000);
