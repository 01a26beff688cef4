/** A server that comes back under another name (here: another port) gives its accounts' documents that name: each kind of account, once. */
import { get } from 'node:http';
import { json } from 'node:stream/consumers';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { systemClock } from '@dunlin/protocol/base/clock';
import { fetchPlcAuditLog } from '@dunlin/protocol/identity/did-plc';
import { plcOperationCid, signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { partsOf, startDocumentHost } from '../moving/document-host.ts';
import { wildcardFetch } from '../wildcard-fetch.ts';
import { startSmallPds, Subscriber, type Answer, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
const people = {} as Record<'ann' | 'bert' | 'cora' | 'dan' | 'eve', Person>;
const rotationHex = 'c'.repeat(64);
let [oldHost, newHost, refreshToken, oldDid] = ['', '', '', ''];
const environment: Record<string, string> = { PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: rotationHex };

/** Asks the server for did.json by a name of its; fetch sends no Host header of one's own. */
function documentAt(host: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    get(`${small.url}/.well-known/did.json`, { headers: { host }, agent: false }, (answer) => void json(answer).then(resolve, reject)).once('error', reject);
  });
}

const directory = () => ({ plcUrl: small.plc.url, fetch, clock: systemClock });
const opsOf = async (did: string): Promise<UnsignedPlcUpdate[]> => ((await fetchPlcAuditLog(directory(), did)) ?? []).map(({ operation }) => operation as UnsignedPlcUpdate);
const rename = (input: object): Promise<Answer> => small.call('app.dunlin.admin.renameHost', { headers: small.admin, body: { from: oldHost, to: newHost, perSecond: 100, ...input } });
const outcomes = ({ json: answer }: Answer): Record<string, string> => Object.fromEntries((answer['accounts'] as { handle: string; outcome: string }[]).map(({ handle, outcome }) => [handle, outcome]));

/** Changes a DID with the server's key behind its back. */
async function changeDid(did: string, change: (state: UnsignedPlcUpdate) => Partial<UnsignedPlcUpdate>, at: SmallPds = small): Promise<void> {
  const last = (await fetchPlcAuditLog({ ...directory(), plcUrl: at.plc.url }, did))!.at(-1)!.operation as UnsignedPlcUpdate & { sig: string };
  const { sig: _sig, ...state } = last;
  const operation = signPlcOperation<UnsignedPlcUpdate>({ ...state, ...change(state), prev: plcOperationCid(last).toString() }, Keypair.fromPrivateBytes('k256', Buffer.from(rotationHex, 'hex')));
  const answer = await fetch(`${at.plc.url}/${did}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation) });
  expect(answer.status).toBe(200);
}

beforeAll(async () => {
  small = await startSmallPds({ environment });
  for (const name of ['ann', 'bert', 'cora', 'dan', 'eve'] as const) people[name] = await small.newPerson(name);
  oldHost = new URL(small.url).host;
  oldDid = String((await small.call('com.atproto.server.describeServer')).json['did']);
  refreshToken = people.ann.refreshToken;
  await changeDid(people.cora.did, () => ({ services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example.org' } } }));
  await changeDid(people.dan.did, () => ({ rotationKeys: [Keypair.generate('k256').did] }));
});
afterAll(() => small.close());

test('a dry run tells before the server has its new name what will be done, and does nothing', async () => {
  newHost = 'new.example.org';
  const answer = await rename({ dryRun: true, handles: { from: '.test', to: '.example' } });
  expect(outcomes(answer)).toEqual({ 'ann.test': 'wouldChange', 'bert.test': 'wouldChange', 'cora.test': 'elsewhere', 'dan.test': 'noKey', 'eve.test': 'wouldChange' });
  expect((answer.json['accounts'] as object[])[0]).toMatchObject({ newHandle: 'ann.example' });
  expect(await opsOf(people.ann.did)).toHaveLength(1);
  expect((await small.call('app.dunlin.admin.listActs', { headers: small.admin })).json['acts']).toEqual([]);
});

test('nothing is renamed to a name the server does not have, and what is no host name is refused', async () => {
  expect((await rename({})).json['error']).toBe('HostNotHere');
  for (const input of [{ to: oldHost }, { to: 'a b' }, { to: 'user@host.example' }, { cursor: 'x' }, { handles: { from: 'test', to: '.example' } }]) expect((await rename({ dryRun: true, ...input })).status).toBe(400);
  expect((await rename({ to: oldHost, from: 'other.example.org', handles: { from: '.test', to: '.not-ours.org' } })).status).toBe(400);
});

test('under the new name, sessions begun before hold when the former name is known, and tokens are made for the new one', async () => {
  environment['PDS_FORMER_HOSTNAMES'] = `${oldHost},old.example.org`;
  await small.restart();
  newHost = new URL(small.url).host;
  expect(newHost).not.toBe(oldHost);
  const { status, json } = await small.call('com.atproto.server.refreshSession', { method: 'POST', token: refreshToken });
  expect(status).toBe(200);
  const claims = JSON.parse(Buffer.from(String(json['accessJwt']).split('.')[1]!, 'base64url').toString()) as { aud: string };
  expect(claims.aud).toBe((await small.call('com.atproto.server.describeServer')).json['did']);
  expect(claims.aud).not.toBe(oldDid);
  // A proxy goes on getting certificates for the former name while it is kept.
  const hasCertificate = async (domain: string): Promise<boolean> => (await fetch(`${small.url}/tls-check?domain=${domain}`)).ok;
  expect([await hasCertificate('Old.example.org'), await hasCertificate('other.example.org')]).toEqual([true, false]);
  expect(await documentAt('Old.example.ORG')).toMatchObject({ id: 'did:web:old.example.org' });
  expect([await documentAt(oldHost), await documentAt(newHost), await documentAt('other.example.org')]).toMatchObject([{ id: oldDid }, { id: claims.aud }, { id: claims.aud }].map(({ id }) => ({ id, service: [{ serviceEndpoint: small.url }] })));
});

test('every account that can be is changed, page by page, and the network is told; a handle that is taken stays', async () => {
  await small.call('com.atproto.server.createAccount', { body: { handle: 'bert.example' } });
  const subscriber = await new Subscriber(small.url).opened();
  const found: Record<string, string> = {};
  let [cursor, calls]: [string | undefined, number] = [undefined, 0];
  do {
    const answer: Answer = await rename({ limit: 2, handles: { from: '.test', to: '.example' }, ...(cursor !== undefined && { cursor }) });
    expect(answer.status).toBe(200);
    Object.assign(found, outcomes(answer));
    cursor = answer.json['cursor'] as string | undefined;
    calls++;
  } while (cursor !== undefined);
  expect(calls).toBe(4);
  expect(found).toEqual({ 'ann.test': 'changed', 'bert.test': 'changed', 'cora.test': 'elsewhere', 'dan.test': 'noKey', 'eve.test': 'changed', 'bert.example': 'changed' });
  const last = (await opsOf(people.ann.did)).at(-1)!;
  expect(last).toMatchObject({ alsoKnownAs: ['at://ann.example'], services: { atproto_pds: { endpoint: small.url } } });
  expect((await opsOf(people.bert.did)).at(-1)).toMatchObject({ alsoKnownAs: ['at://bert.test'], services: { atproto_pds: { endpoint: small.url } } });
  expect(await opsOf(people.cora.did)).toHaveLength(2);
  expect(await opsOf(people.dan.did)).toHaveLength(2);
  const events = await subscriber.take(4);
  expect(events).toMatchObject([{ did: people.ann.did, handle: 'ann.example' }, { did: people.bert.did, handle: 'bert.test' }, { did: people.eve.did, handle: 'eve.example' }, { handle: 'bert.example' }].map((event) => ({ kind: 'identity', ...event })));
  subscriber.close();
  const { json } = await small.call('com.atproto.repo.describeRepo', { params: { repo: 'ann.example' } });
  expect(json).toMatchObject({ did: people.ann.did, handleIsCorrect: true });
});

test('what is done is not done again; what the directory knows already is told and noted', async () => {
  expect(outcomes(await rename({}))).toMatchObject({ 'ann.example': 'done', 'eve.example': 'done' });
  expect(await opsOf(people.ann.did)).toHaveLength(2);
  const other = 'third.example.org';
  await changeDid(people.eve.did, () => ({ services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: `http://${other}` } } }));
  expect(outcomes(await rename({ from: newHost, to: other, dryRun: true }))).toMatchObject({ 'ann.example': 'wouldChange', 'eve.example': 'wouldChange' });
  const { json } = await small.call('app.dunlin.admin.listActs', { headers: small.admin });
  // Neither dry runs nor calls that only went on are in it; two were refused.
  expect((json['acts'] as { status: number; input: object }[]).map((act) => act.status)).toEqual([200, 200, 400, 400]);
});

test('a directory that is gone stops a call with the place to go on from', async () => {
  await small.restart();
  [oldHost, newHost] = [newHost, new URL(small.url).host];
  await small.plc.close();
  const { status, json } = await rename({});
  expect(status).toBe(200);
  expect(json).toEqual({ accounts: [], cursor: '0', fault: expect.stringContaining('directory') });
});

test('a document keeps a handle its owner wrote there; one written here gets its handle moved; the first name of a did:web stays its own', async () => {
  const domain = '.dunlin-test.org';
  let url = '';
  const settings: Record<string, string> = {
    PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: rotationHex, PDS_HOSTED_DID_WEB: 'true', PDS_SERVICE_DID: `did:web:pds${domain}`, PDS_SERVICE_HANDLE_DOMAINS: `.old${domain},.new${domain}`,
  };
  const here = await startSmallPds({ environment: settings, fetch: wildcardFetch(domain, () => url) });
  try {
    url = here.url;
    const from = new URL(here.url).host;
    const make = async (handle: string, did?: string): Promise<{ did: string; token: string }> => {
      const { json: made } = await here.call('com.atproto.server.createAccount', { body: { handle, password: 'x', ...(did !== undefined && { did }) } });
      return { did: String(made['did']), token: String(made['accessJwt']) };
    };
    const mara = await make(`mara.new${domain}`, `did:web:mara.new${domain}`);
    expect((await here.call('com.atproto.identity.updateHandle', { token: mara.token, body: { handle: `mona.new${domain}` } })).status).toBe(200);
    const other = await make(`mara.old${domain}`);
    const vera = await make(`vera.old${domain}`, `did:web:vera.old${domain}`);
    const fay = await make(`fay.old${domain}`);
    const written = ['at://fay.example.org', 'at://fay.example.net'];
    await changeDid(fay.did, () => ({ alsoKnownAs: written }), here);
    await here.restart();
    url = here.url;
    const to = new URL(url).host;
    const { json } = await here.call('app.dunlin.admin.renameHost', { headers: here.admin, body: { from, to, handles: { from: `.old${domain}`, to: `.new${domain}` }, perSecond: 100 } });
    expect(json['accounts']).toMatchObject([
      { did: mara.did, handle: `mona.new${domain}`, outcome: 'changed' },
      { did: other.did, outcome: 'changed', detail: expect.stringContaining('keeps its handle') },
      { did: vera.did, outcome: 'changed', newHandle: `vera.new${domain}` },
      { did: fay.did, outcome: 'changed', newHandle: `fay.new${domain}` },
    ]);
    const handleOf = async (repo: string): Promise<unknown> => (await here.call('com.atproto.repo.describeRepo', { params: { repo } })).json;
    expect(await handleOf(other.did)).toMatchObject({ handle: `mara.old${domain}` });
    expect(await handleOf(vera.did)).toMatchObject({ handle: `vera.new${domain}`, didDoc: { alsoKnownAs: [`at://vera.new${domain}`], service: [{ serviceEndpoint: url }] } });
    expect(await handleOf(fay.did)).toMatchObject({ didDoc: { alsoKnownAs: written, service: [{ serviceEndpoint: url }] } });
  } finally {
    await here.close();
  }
});

test('a document whose host does not answer is told apart from one that says the wrong thing', async () => {
  const host = await startDocumentHost();
  const home = await startSmallPds();
  try {
    const { did } = host;
    const key = Keypair.generate('k256');
    host.write(partsOf({ did, handle: 'wanda.test', didKey: key.did, pdsUrl: home.url }));
    const audience = String((await home.call('com.atproto.server.describeServer')).json['did']);
    const token = mintServiceJwt({ issuer: did, audience, lxm: 'com.atproto.server.createAccount', keypair: key, nowMs: Date.now() });
    expect((await home.call('com.atproto.server.createAccount', { body: { did, handle: 'wanda.test', email: 'wanda@people.org', password: 'wanda password' }, token })).status).toBe(200);
    const dryRun = async (): Promise<Record<string, unknown>> => {
      const { json: answer } = await home.call('app.dunlin.admin.renameHost', { headers: home.admin, body: { from: new URL(home.url).host, to: 'new.example.org', perSecond: 100, dryRun: true } });
      return (answer['accounts'] as Record<string, unknown>[])[0]!;
    };
    expect(await dryRun()).toMatchObject({ outcome: 'ownDocument', detail: expect.stringContaining(`it is ${home.url}`) as unknown });
    await host.close();
    expect(await dryRun()).toMatchObject({ outcome: 'unreachable', detail: expect.stringContaining('cannot be read now') as unknown });
  } finally {
    await host.close();
    await home.close();
  }
});
