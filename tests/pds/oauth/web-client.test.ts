/** Clients whose name is an address: their metadata comes by the guarded fetch, is checked, and is remembered for a while. */
import { startPlc, type RunningPlc } from '../../../plc/src/plc.ts';
import { readPdsConfig } from '../../../pds/src/config.ts';
import { startPds, type RunningPds } from '../../../pds/src/pds.ts';
import { silentLogger } from '@dunlin/service/log/logger';
import { AtpAgent } from '@atproto/api';
import { temporaryFolder } from '../../harness/temporary.ts';
import { maxDocumentBytes } from '../../../pds/src/oauth/client-documents.ts';
import { authorize, RawClient } from './raw-client.ts';

const clientId = 'https://app.people.org/oauth/client-metadata.json';
const redirect = 'https://app.people.org/callback';

class WebClient extends RawClient {
  override readonly redirect = redirect;
  override get clientId(): string { return clientId; }
}

let plc: RunningPlc;
let pds: RunningPds;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let did: string;
const asked: string[] = [];
let metadata: Record<string, unknown> = {};
beforeAll(async () => {
  folder = await temporaryFolder();
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  const config = readPdsConfig({ PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_DEV_MODE: 'true' });
  pds = await startPds(config, {
    log: silentLogger,
    fetch: async (input, init) => {
      if (typeof input !== 'string' && !(input instanceof URL)) throw new TypeError('the guarded fetch takes addresses');
      if (String(input).startsWith(plc.url)) return fetch(input, init);
      asked.push(`${init?.method} ${String(input)} redirect=${init?.redirect}`);
      return String(input) === clientId ? Response.json(metadata) : new Response('nothing', { status: 404 });
    },
  });
  const agent = new AtpAgent({ service: pds.url });
  did = (await agent.createAccount({ handle: 'ada.test', email: 'ada@people.org', password: 'ada password' })).data.did;
});
afterAll(async () => {
  await pds?.close();
  await plc?.close();
  await folder?.remove();
});

const good = {
  client_id: clientId, client_name: 'An app', client_uri: 'https://app.people.org', redirect_uris: [redirect], scope: 'atproto transition:generic',
  grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], application_type: 'web', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true,
};

test('metadata that is not the client\'s own is refused, with no redirect followed', async () => {
  metadata = { ...good, client_id: 'https://other.people.org/client-metadata.json' };
  const { status, json } = await new WebClient(pds.url).push();
  expect([status, json['error']]).toEqual([400, 'invalid_client_metadata']);
  expect(asked).toEqual([`GET ${clientId} redirect=error`]);
});

test('metadata beyond half a megabyte is not read', async () => {
  metadata = { ...good, client_name: 'x'.repeat(maxDocumentBytes) };
  const { status, json } = await new WebClient(pds.url).push();
  expect([status, json['error']]).toEqual([400, 'invalid_client_metadata']);
});

test('a client of the web signs people in, and is looked up once', async () => {
  metadata = good;
  asked.length = 0;
  const { client, tokens } = await authorize(pds.url, { name: 'ada', did }, new WebClient(pds.url));
  expect((await client.call(tokens.access_token, '/xrpc/com.atproto.server.getSession')).json['did']).toBe(did);
  expect(asked).toEqual([`GET ${clientId} redirect=error`]);
});

test('a client that asks for more than it is for is refused', async () => {
  const { status, json } = await new WebClient(pds.url, 'atproto transition:chat.bsky').push();
  expect([status, json['error']]).toEqual([400, 'invalid_scope']);
});
