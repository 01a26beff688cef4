/**
 * A client that asks for a permission set by name (`include:`): the set is found by DNS and on its author's server, checked, shown, turned
 * into scopes when the token is made, and remembered for renewals. And what of OAuth survives a restart.
 */
import { AtpAgent } from '@atproto/api';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../../plc/src/plc.ts';
import { readPdsConfig } from '../../../pds/src/config.ts';
import { startPds, type RunningPds } from '../../../pds/src/pds.ts';
import { freePort, temporaryFolder } from '../../harness/temporary.ts';
import { authorize, RawClient } from './raw-client.ts';

let plc: RunningPlc;
let pds: RunningPds;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let did: string;
let isDnsUp = true;
let start: () => Promise<RunningPds>;
beforeAll(async () => {
  folder = await temporaryFolder();
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  const port = await freePort();
  const config = readPdsConfig({ PDS_HOSTNAME: 'localhost', PDS_PORT: String(port), PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_DEV_MODE: 'true' });
  start = () => startPds(config, {
    log: silentLogger,
    resolveTxt: async (name) => {
      if (!isDnsUp || name !== '_lexicon.sets.people.org') throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
      return [[`did=${did}`]];
    },
  });
  pds = await start();
  const agent = new AtpAgent({ service: pds.url });
  did = (await agent.createAccount({ handle: 'ada.test', email: 'ada@people.org', password: 'ada password' })).data.did;
  await agent.com.atproto.repo.putRecord({
    repo: did, collection: 'com.atproto.lexicon.schema', rkey: 'org.people.sets.posting',
    record: {
      $type: 'com.atproto.lexicon.schema', lexicon: 1, id: 'org.people.sets.posting',
      defs: { main: {
        type: 'permission-set', title: 'Posting', detail: 'Write posts',
        permissions: [{ type: 'permission', resource: 'repo', collection: ['org.people.sets.post'], action: ['create'] }],
      } },
    },
  });
});
afterAll(async () => {
  await pds?.close();
  await plc?.close();
  await folder?.remove();
});

const scope = 'atproto include:org.people.sets.posting';
const write = (client: RawClient, token: string, collection: string): ReturnType<RawClient['call']> => client.call(token, '/xrpc/com.atproto.repo.createRecord', {
  method: 'POST', body: { repo: did, collection, record: { $type: collection, text: 'hello' }, validate: false },
});

test('the set becomes scopes of the token, and they are all the client may do', async () => {
  const { client, tokens } = await authorize(pds.url, { name: 'ada', did }, new RawClient(pds.url, scope));
  expect(tokens['scope']).toContain('repo:org.people.sets.post?action=create');
  expect((await write(client, tokens.access_token, 'org.people.sets.post')).status).toBe(200);
  expect((await write(client, tokens.access_token, 'org.people.sets.other')).json).toEqual({
    error: 'ScopeMissingError', message: 'Missing required scope "repo:org.people.sets.other?action=create"',
  });
});

test('a session with its set is renewed while DNS is away, and after a restart', async () => {
  const { client, tokens } = await authorize(pds.url, { name: 'ada', did }, new RawClient(pds.url, scope));
  await pds.close();
  isDnsUp = false;
  pds = await start();
  expect((await write(client, tokens.access_token, 'org.people.sets.post')).status).toBe(200);
  const renewed = await client.renew(tokens.refresh_token);
  expect(renewed.json['scope']).toContain('repo:org.people.sets.post?action=create');
  expect((await write(client, String(renewed.json['access_token']), 'org.people.sets.post')).status).toBe(200);
});

test('a set that nobody publishes is refused when it is asked for', async () => {
  isDnsUp = true;
  const { status, json } = await new RawClient(pds.url, 'atproto include:org.people.sets.unknown').push();
  expect([status, json['error']]).toEqual([400, 'invalid_scope']);
});
