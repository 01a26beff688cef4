/** Who is who: resolving, refreshing, published lexicons, signing keys, and changes of a did:plc. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { post, startSmallPds, Subscriber, type Answer, type Person, type SmallPds } from '../small-pds.ts';

const texts = new Map<string, string>();
let small: SmallPds;
let alice: Person;
beforeAll(async () => {
  small = await startSmallPds({ resolveTxt: async (name) => (texts.has(name) ? [[texts.get(name)!]] : []) });
  alice = await small.newPerson('alice');
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const identity = (method: string, o: object): Promise<Answer> => small.call(`com.atproto.identity.${method}`, o);
const server = (method: string, o: object): Promise<Answer> => small.call(`com.atproto.server.${method}`, o);
const asAdmin = (method: string, body: object): Promise<Answer> => small.call(`com.atproto.admin.${method}`, { headers: small.admin, body });
const plcData = async (did: string): Promise<{ verificationMethods: { atproto: string }; rotationKeys: string[]; alsoKnownAs: string[] }> =>
  (await fetch(`${small.plc.url}/${did}/data`)).json() as never;
const codeOf = async (did: string): Promise<string> => {
  const { json } = await small.call('app.dunlin.admin.listMailCodes', { params: { account: did }, headers: small.admin });
  return (json['codes'] as { code: string }[])[0]!.code;
};
const nobody = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa';

test('resolveDid and resolveIdentity give the document, and the handle both ways agree upon', async () => {
  const { json } = await identity('resolveDid', { params: { did: alice.did } });
  expect(json['didDoc']).toMatchObject({ id: alice.did, alsoKnownAs: ['at://alice.test'] });
  for (const identifier of [alice.did, 'alice.test', 'ALICE.test']) {
    expect((await identity('resolveIdentity', { params: { identifier } })).json).toMatchObject({ did: alice.did, handle: 'alice.test', didDoc: { id: alice.did } });
  }
  expect(says(await identity('resolveDid', { params: { did: nobody } }))).toEqual([400, 'DidNotFound', `Could not resolve DID: ${nobody}`]);
  expect(says(await identity('resolveIdentity', { params: { identifier: 'nobody.test' } }))).toEqual([400, 'HandleNotFound', 'Unable to resolve handle']);
});

test('refreshIdentity tells the network again only when the account itself or the operator asks', async () => {
  const subscriber = await new Subscriber(small.url).opened();
  const refresh = (o: object): Promise<Answer> => identity('refreshIdentity', { body: { identifier: 'alice.test' }, ...o });
  expect((await refresh({})).json).toMatchObject({ did: alice.did, handle: 'alice.test' });
  const bob = await small.newPerson('bob');
  await refresh({ token: bob.token });
  await refresh({ token: alice.token });
  await refresh({ headers: small.admin });
  const events = await subscriber.take(6);
  expect(events.slice(4)).toMatchObject([{ kind: 'identity', did: alice.did, handle: 'alice.test' }, { kind: 'identity', did: alice.did }]);
  subscriber.close();
});

test('a published lexicon is found by its name and proved; what is not well published is not found', async () => {
  const lexicon = { $type: 'com.atproto.lexicon.schema', lexicon: 1, id: 'org.example.test.thing', defs: { main: { type: 'record', key: 'tid', record: { type: 'object', properties: { a: { type: 'integer' } } } } } };
  const publish = (rkey: string, record: object): Promise<Answer> =>
    small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'com.atproto.lexicon.schema', rkey, record }, token: alice.token });
  const { json: written } = await publish(lexicon.id, lexicon);
  await publish('org.example.test.other', { ...lexicon, id: 'org.example.test.wrong' });
  texts.set('_lexicon.test.example.org', `did=${alice.did}`);
  texts.set('_lexicon.example.org', 'did=did:web:localhost%3A1');
  const resolve = (nsid: string): Promise<Answer> => small.call('com.atproto.lexicon.resolveLexicon', { params: { nsid } });
  expect((await resolve(lexicon.id)).json).toEqual({ uri: `at://${alice.did}/com.atproto.lexicon.schema/${lexicon.id}`, cid: written['cid'], schema: lexicon });
  for (const nsid of ['org.example.test.missing', 'org.example.test.other', 'org.example.thing', 'com.nowhere.thing']) {
    expect(says(await resolve(nsid))).toEqual([400, 'LexiconNotFound', `No lexicon was resolved for the NSID: ${nsid}`]);
  }
});

test('a reserved key waits for its DID, and an operator can give it to an account: new document, new signature, both told', async () => {
  const reserve = async (body: object): Promise<string> => String((await server('reserveSigningKey', { body })).json['signingKey']);
  expect(await reserve({ did: nobody })).toBe(await reserve({ did: nobody }));
  const key = await reserve({});
  expect(await reserve({})).not.toBe(key);
  await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post('signed before') }, token: alice.token });
  const subscriber = await new Subscriber(small.url).opened();
  expect(says(await asAdmin('updateAccountSigningKey', { did: alice.did, signingKey: Keypair.generate().did }))).toEqual([400, 'InvalidRequest', expect.stringContaining('signing key was not reserved here')]);
  expect((await asAdmin('updateAccountSigningKey', { did: alice.did, signingKey: key })).status).toBe(200);
  expect(await subscriber.take(2)).toMatchObject([{ kind: 'identity', did: alice.did }, { kind: 'sync', did: alice.did }]);
  subscriber.close();
  expect((await plcData(alice.did)).verificationMethods.atproto).toBe(key);
  const car = (await small.call('com.atproto.sync.getRepo', { params: { did: alice.did } })).bytes;
  expect(verifyRepoCar(car, alice.did, parseDidKey(key)).recordCount).toBe(3);
  await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post('signed after') }, token: alice.token });
  const after = (await small.call('com.atproto.sync.getRepo', { params: { did: alice.did } })).bytes;
  expect(verifyRepoCar(after, alice.did, parseDidKey(key)).recordCount).toBe(4);
  expect((await asAdmin('updateAccountSigningKey', { did: alice.did, signingKey: key })).status).toBe(400);
});

test('signing an operation takes the mailed code; submitting one takes care that the account goes on working here', async () => {
  const sign = (body: object): Promise<Answer> => identity('signPlcOperation', { body, token: alice.token });
  expect(says(await sign({}))).toEqual([400, 'InvalidRequest', 'email confirmation token required to sign PLC operations']);
  expect((await identity('requestPlcOperationSignature', { method: 'POST', token: alice.token })).status).toBe(200);
  expect(says(await sign({ token: 'AAAAA-AAAAA' }))).toEqual([400, 'InvalidToken', 'Token is invalid']);
  const { rotationKeys } = await plcData(alice.did);
  const own = Keypair.generate('p256');
  const token = await codeOf(alice.did);
  expect((await sign({ token, services: { atproto_pds: 'nowhere' } })).json['message']).toContain('not an object: at=/services/atproto_pds');
  const signed = await sign({ token, rotationKeys: [own.did, ...rotationKeys] });
  expect(says(await sign({ token }))).toEqual([400, 'InvalidToken', 'Token is invalid']);
  const operation = signed.json['operation'] as UnsignedPlcUpdate & { sig: string };
  const submit = (given: unknown): Promise<Answer> => identity('submitPlcOperation', { body: { operation: given }, token: alice.token });
  const changed = (parts: Partial<UnsignedPlcUpdate>): Promise<Answer> => submit({ ...operation, ...parts });
  expect(says(await changed({ rotationKeys: [own.did] }))).toEqual([400, 'InvalidRequest', "Rotation keys do not include server's rotation key"]);
  expect(says(await changed({ services: { atproto_pds: { type: 'Other', endpoint: small.url } } }))).toEqual([400, 'InvalidRequest', 'Incorrect type on atproto_pds service']);
  expect(says(await changed({ services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://other.org' } } }))).toEqual([400, 'InvalidRequest', 'Incorrect endpoint on atproto_pds service']);
  expect(says(await changed({ verificationMethods: { atproto: own.did } }))).toEqual([400, 'InvalidRequest', 'Incorrect signing key']);
  expect(says(await changed({ alsoKnownAs: ['at://mallory.test'] }))).toEqual([400, 'InvalidRequest', 'Incorrect handle in alsoKnownAs']);
  expect((await changed({ alsoKnownAs: ['at://alice.test', 'https://alice.example.org'] })).json['message']).toContain('directory refused the operation');
  expect((await submit({ nonsense: true })).status).toBe(400);
  const subscriber = await new Subscriber(small.url).opened();
  expect((await submit(operation)).status).toBe(200);
  expect(await subscriber.take(1)).toMatchObject([{ kind: 'identity', did: alice.did, handle: 'alice.test' }]);
  subscriber.close();
  expect((await plcData(alice.did)).rotationKeys).toEqual([own.did, ...rotationKeys]);
  const { sig: _sig, ...unsigned } = operation;
  expect((await submit(signPlcOperation(unsigned, Keypair.generate()))).status).toBe(400);
});

test('an operator changes address, password and handle, takes credentials away, and finds people by address', async () => {
  const carol = await small.newPerson('carol');
  expect((await asAdmin('updateAccountEmail', { account: 'carol.test', email: 'bob@people.org' })).status).toBe(400);
  expect((await asAdmin('updateAccountEmail', { account: 'carol.test', email: 'Carol@elsewhere.org' })).status).toBe(200);
  expect((await asAdmin('updateAccountPassword', { did: carol.did, password: 'x'.repeat(257) })).status).toBe(400);
  expect((await asAdmin('updateAccountPassword', { did: carol.did, password: 'chosen' })).status).toBe(200);
  const signIn = (password: string): Promise<Answer> => server('createSession', { body: { identifier: 'carol@elsewhere.org', password } });
  const { json: session } = await signIn('chosen');
  const app = await server('createAppPassword', { body: { name: 'app' }, token: String(session['accessJwt']) });
  const search = async (params: Record<string, string | number>): Promise<{ cursor?: string; accounts: { handle: string }[] }> =>
    (await small.call('com.atproto.admin.searchAccounts', { params, headers: small.admin })).json as never;
  expect((await search({ email: '@ELSEWHERE' })).accounts.map(({ handle }) => handle)).toEqual(['carol.test']);
  const first = await search({ limit: 2 });
  expect(first.accounts).toHaveLength(2);
  expect((await search({ limit: 2, cursor: first.cursor! })).accounts.map(({ handle }) => handle)).toEqual(['carol.test']);
  expect((await small.call('com.atproto.temp.revokeAccountCredentials', { body: { account: carol.did }, headers: small.admin })).status).toBe(200);
  expect((await signIn('chosen')).status).toBe(401);
  expect((await signIn(String(app.json['password']))).status).toBe(401);
  expect((await server('refreshSession', { method: 'POST', token: String(session['refreshJwt']) })).json['error']).toBe('ExpiredToken');
});

test('whether a handle can be had is told, with others that can', async () => {
  const check = async (handle: string, more: Record<string, string> = {}): Promise<{ result: { $type: string; suggestions?: { handle: string }[] } }> =>
    (await small.call('com.atproto.temp.checkHandleAvailability', { params: { handle, ...more } })).json as never;
  expect((await check('free.test')).result.$type).toBe('com.atproto.temp.checkHandleAvailability#resultAvailable');
  const taken = await check('alice.test', { email: 'wonder@people.org', birthDate: '1990-05-05T00:00:00.000Z' });
  expect(taken.result).toMatchObject({ $type: 'com.atproto.temp.checkHandleAvailability#resultUnavailable', suggestions: [{ handle: 'wonder.test' }, { handle: 'alice90.test' }, { handle: 'alice-2.test' }, {}, {}] });
  for (const { handle } of taken.result.suggestions!) expect((await check(handle)).result.$type).toContain('#resultAvailable');
  expect((await check('admin.test')).result.$type).toContain('#resultUnavailable');
  expect((await small.call('com.atproto.temp.checkHandleAvailability', { params: { handle: 'free.test', email: 'x' } })).json['error']).toBe('InvalidEmail');
  expect((await small.call('com.atproto.temp.checkSignupQueue', { token: alice.token })).json).toEqual({ activated: true });
});
