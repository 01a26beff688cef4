/** Preferences: those of another app view are that one's to answer, and the operator's moderation service may read those that are here. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { createPlcGenesis } from '@dunlin/protocol/identity/plc-operation';
import { authorize, RawClient } from '../oauth/raw-client.ts';
import { json, startFakeService, type FakeService } from '../proxy/fake-service.ts';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

const getPreferences = 'app.bsky.actor.getPreferences';
const putPreferences = 'app.bsky.actor.putPreferences';
const moderationKey = Keypair.generate();
const moderation = createPlcGenesis({ signingKey: moderationKey.did, rotationKeys: [moderationKey.did], rotationKeypair: moderationKey, handle: 'mod.example.org', pdsUrl: 'https://mod.example.org' });
const details = { $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '1990-01-01T00:00:00.000Z' };

let [ours, other]: FakeService[] = [];
let small: SmallPds;
let alice: Person;
beforeAll(async () => {
  [ours, other] = await Promise.all([startFakeService(), startFakeService()]);
  small = await startSmallPds({ environment: { PDS_BSKY_APP_VIEW_URL: ours!.url, PDS_BSKY_APP_VIEW_DID: ours!.did, PDS_MOD_SERVICE_DID: moderation.did, PDS_MOD_SERVICE_URL: 'https://mod.example.org' } });
  await fetch(`${small.plc.url}/${moderation.did}`, { method: 'POST', body: JSON.stringify(moderation.operation), headers: { 'content-type': 'application/json' } });
  alice = await small.newPerson('alice');
  await small.call(putPreferences, { token: alice.token, body: { preferences: [details] } });
});
afterAll(async () => {
  await small.close();
  await Promise.all([ours?.close(), other?.close()]);
});
beforeEach(() => {
  for (const service of [ours!, other!]) {
    service.asked.length = 0;
    service.answer = (_asked, response) => json(response, { preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }] });
  }
});

const says = ({ status, json: body }: Pick<Answer, 'status' | 'json'>): unknown[] => [status, body['error'], body['message']];
const typesOf = ({ json: body }: Pick<Answer, 'json'>): string[] => (body['preferences'] as { $type: string }[]).map(({ $type }) => $type.split('#')[1]!);
const kept = ['personalDetailsPref', 'declaredAgePref'];

test('the app view of this server means those here, another those it has, which are read and put there', async () => {
  const read = (service: string): Promise<Answer> => small.call(getPreferences, { token: alice.token, headers: { 'atproto-proxy': service } });
  expect(typesOf(await read(`${ours!.did}#bsky_appview`))).toEqual(kept);
  expect(typesOf(await read(''))).toEqual(kept);
  expect(typesOf(await read(`${other!.did}#bsky_appview`))).toEqual(['adultContentPref']);
  expect(says(await read('nonsense'))).toEqual([400, 'InvalidRequest', 'no service id specified in proxy header']);
  expect((await small.call(putPreferences, { token: alice.token, body: { preferences: [] }, headers: { 'atproto-proxy': `${other!.did}#bsky_appview` } })).status).toBe(200);
  expect(typesOf(await small.call(getPreferences, { token: alice.token }))).toEqual(kept);
  expect([ours!.asked.length, other!.asked.map(({ method, path, body }) => [method, path, body.toString()])]).toEqual([0, [['GET', `/xrpc/${getPreferences}`, ''], ['POST', `/xrpc/${putPreferences}`, '{"preferences":[]}']]]);
});

test('an OAuth client that may read those of another app view reads those, and not those here', async () => {
  const scope = `atproto rpc:${getPreferences}?aud=${encodeURIComponent(`${other!.did}#bsky_appview`)}`;
  const { client, tokens } = await authorize(small.url, { name: 'alice', did: alice.did }, new RawClient(small.url, scope));
  const token = String(tokens['access_token']);
  const there = await client.call(token, `/xrpc/${getPreferences}`, { headers: { 'atproto-proxy': `${other!.did}#bsky_appview` } });
  expect([there.status, typesOf(there)]).toEqual([200, ['adultContentPref']]);
  const here: Record<string, string>[] = [{}, { 'atproto-proxy': `${ours!.did}#bsky_appview` }];
  for (const headers of here) {
    expect((await client.call(token, `/xrpc/${getPreferences}`, { headers })).json['error']).toBe('ScopeMissingError');
  }
  expect(other!.asked).toHaveLength(1);
});

test('the moderation service reads those of a named account, with a token for that; nobody else does', async () => {
  const audience = String((await small.call('com.atproto.server.describeServer')).json['did']);
  const mint = (o: { issuer?: string; keypair?: Keypair; lxm?: string } = {}): string => mintServiceJwt({ issuer: moderation.did, keypair: moderationKey, audience, lxm: getPreferences, nowMs: Date.now(), ...o });
  const read = (token: string, params: Record<string, string> = { did: alice.did }, headers = {}): Promise<Answer> => small.call(getPreferences, { token, params, headers });
  expect(typesOf(await read(mint()))).toEqual(kept);
  expect(says(await read(mint(), {}))).toEqual([400, 'InvalidRequest', 'Invalid or missing did parameter']);
  expect(says(await read(mint(), { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }))).toEqual([400, 'NotFound', 'Repo not found']);
  for (const token of [mint({ lxm: putPreferences }), mint({ keypair: Keypair.generate() }), mint({ issuer: alice.did })]) expect(says(await read(token))).toEqual([400, 'InvalidToken', 'Token could not be verified']);
  expect((await read(mint(), { did: alice.did }, { 'atproto-proxy': `${other!.did}#bsky_appview` })).status).toBe(400);
  expect((await small.call(putPreferences, { token: mint({ lxm: putPreferences }), params: { did: alice.did }, body: { preferences: [] } })).status).toBe(400);
  const bob = await small.newPerson('bob');
  expect((await read(bob.token)).json).toEqual({ preferences: [] });
  expect(other!.asked).toEqual([]);
});
