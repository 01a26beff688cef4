/** The demo's accounts, post and room: made on both servers, and found again as they were. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AtpAgent } from '@atproto/api';
import { silentLogger } from '@dunlin/service/log/logger';
import { readPdsConfig } from '@dunlin/pds/config';
import { startPds } from '@dunlin/pds/pds';
import { startPlc } from '@dunlin/plc/plc';
import { prepareDemo } from '../../cli/src/demo.ts';
import { temporaryFolder } from '../harness/temporary.ts';

const gateway = 'did:web:live.example#dunlin_live';
const closers: (() => Promise<void>)[] = [];
let pds: [string, string];

beforeAll(async () => {
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  closers.push(() => plc.close());
  const urls = [];
  for (const name of ['a', 'b']) {
    const server = await startPds(
      readPdsConfig({ PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: `${folder.path}/${name}`, PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: `.${name}.test`, PDS_DEV_MODE: 'true' }),
      { log: silentLogger },
    );
    closers.push(() => server.close());
    urls.push(server.url);
  }
  pds = [urls[0], urls[1]];
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

test('there are two people on each server, a post and a room at the gateway; a second time nothing new is written', async () => {
  const demo = await prepareDemo({ pds, gateway });
  expect(demo.users.map(({ handle, pds: server }) => [handle, server])).toEqual([['ada.a.test', pds[0]], ['ben.a.test', pds[0]], ['cleo.b.test', pds[1]], ['dora.b.test', pds[1]]]);
  const [{ did }] = demo.users;
  const agent = new AtpAgent({ service: pds[0] });
  const room = await agent.com.atproto.repo.getRecord({ repo: did, collection: 'app.dunlin.live.room', rkey: demo.room.split('/')[4] });
  expect(room.data.value).toMatchObject({ name: 'The hide', gateway, subject: { uri: demo.subject } });
  const { data: before } = await agent.com.atproto.sync.getLatestCommit({ did });
  expect(await prepareDemo({ pds, gateway })).toEqual(demo);
  expect((await agent.com.atproto.sync.getLatestCommit({ did })).data).toEqual(before);
  await prepareDemo({ pds, gateway: 'did:web:other.example#dunlin_live' });
  expect((await agent.com.atproto.repo.getRecord({ repo: did, collection: 'app.dunlin.live.room', rkey: demo.room.split('/')[4] })).data.value).toMatchObject({ gateway: 'did:web:other.example#dunlin_live' });
});
