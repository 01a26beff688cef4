/** A did:web whose document the old server writes moves with the mailed code, as a did:plc does; and imports can be closed. */
import { get } from 'node:http';
import { expect, test } from '@jest/globals';
import { startSmallPds, type Person } from '../small-pds.ts';
import { arrive, codeAtOld } from './two-homes.ts';

const domain = '.people.dunlin-test.org';

/** fetch sends no Host header of one's own. */
function askByName(server: string, { hostname, pathname }: URL): Promise<Response> {
  return new Promise((resolve, reject) => {
    get(`${server}${pathname}`, { headers: { host: hostname }, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => void chunks.push(chunk)).once('end', () => resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 500 })));
    }).once('error', reject);
  });
}

test('the old server changes the document it writes', async () => {
  let oldUrl = '';
  const wildcardFetch: typeof globalThis.fetch = (input, init) => {
    const url = new URL(String(input));
    return url.hostname.endsWith(domain) ? askByName(oldUrl, url) : fetch(input, init);
  };
  const old = await startSmallPds({ fetch: wildcardFetch, environment: { PDS_SERVICE_HANDLE_DOMAINS: domain, PDS_HOSTED_DID_WEB: 'true', PDS_SERVICE_DID: `did:web:harbour${domain}` } });
  oldUrl = old.url;
  const fresh = await startSmallPds({ fetch: wildcardFetch, environment: { PDS_SERVICE_HANDLE_DOMAINS: '.example', PDS_DID_PLC_URL: old.plc.url } });
  try {
    const did = `did:web:wanda${domain}`;
    const { json } = await old.call('com.atproto.server.createAccount', { body: { did, handle: `wanda${domain}`, email: 'wanda@people.org', password: 'x' } });
    expect(json).toMatchObject({ did });
    const person = { did, token: String(json['accessJwt']), refreshToken: String(json['refreshJwt']) } as Person;
    const homes = { old, fresh, spoil: null, close: () => Promise.resolve() };
    const mover = await arrive(homes, person, 'wanda');
    await mover.ask('begin', { accessJwt: person.token, refreshJwt: person.refreshToken });
    await mover.reaches('identity', 'yourTurn');
    expect((await mover.ask('getIdentity')).json).toMatchObject({ method: 'hostedWeb', handle: 'wanda.example', pdsUrl: fresh.url });
    await mover.ask('requestCode');
    expect((await mover.ask('changeIdentity', { token: 'AAAAA-AAAAA' })).json).toMatchObject({ error: 'InvalidToken' });
    expect((await mover.ask('changeIdentity', { token: await codeAtOld(homes, did) })).json).toEqual({});
    await mover.reaches('done', 'done');
    const document = (await (await askByName(old.url, new URL(`https://wanda${domain}/.well-known/did.json`))).json()) as { service: { serviceEndpoint: string }[] };
    expect(document.service[0]?.serviceEndpoint).toBe(fresh.url);
  } finally {
    await fresh.close();
    await old.close();
  }
});

test('a server that takes no imports takes no moves and no archives', async () => {
  const old = await startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.test' } });
  const fresh = await startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.example', PDS_DID_PLC_URL: old.plc.url, PDS_ACCEPTING_REPO_IMPORTS: 'false' } });
  try {
    const person = await old.newPerson('mia');
    const mover = await arrive({ old, fresh, spoil: null, close: () => Promise.resolve() }, person, 'mia');
    const refused = { error: 'InvalidRequest', message: 'Service is not accepting repo imports' };
    expect((await mover.ask('begin', { accessJwt: person.token, refreshJwt: person.refreshToken })).json).toEqual(refused);
    const restore = { did: person.did, handle: 'mia2.example', password: 'x', operation: {} };
    expect((await fresh.call('app.dunlin.move.restore', { body: restore })).json).toEqual(refused);
  } finally {
    await fresh.close();
    await old.close();
  }
});
