/** Whole repositories coming in: what is there afterwards, in whatever order blocks come, and everything that is refused. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { cidForRaw, sameCid } from '@dunlin/protocol/data/cid';
import { writeCar } from '@dunlin/protocol/car/write';
import { plcOperationCid, signPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { maxImportsAtOnce } from '../../../pds/src/migration/arrivals.ts';
import { maxDescribedCollections } from '../../../pds/src/api/repo/read-record.ts';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, Subscriber, type Answer, type SmallPds } from '../small-pds.ts';
import { makeRepo, newTraveller, type MadeRepo, type Traveller } from './moving.ts';

let small: SmallPds;
beforeAll(async () => (small = await startSmallPds()));
afterAll(() => small.close());

const here = ({ plc, url }: SmallPds): { plcUrl: string; url: string } => ({ plcUrl: plc.url, url });
const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const car = { 'content-type': 'application/vnd.ipld.car' };
const send = ({ token }: { token: string }, body: Buffer): Promise<Answer> => small.call('com.atproto.repo.importRepo', { body, headers: car, token });
const ask = (nsid: string, { token }: Traveller, params: Record<string, string | number> = {}): Promise<Answer> => small.call(nsid, { token, params });
const status = async (who: Traveller): Promise<Record<string, unknown>> => (await ask('com.atproto.server.checkAccountStatus', who)).json;
const tid = (index: number): string => tidFromMicros(1_700_000_000_000_000 + index, 1);
const shuffled = <T>(items: readonly T[]): T[] => items.map((item, index) => ({ item, at: (index * 7_919) % 1_009 })).toSorted((a, b) => a.at - b.at).map(({ item }) => item);
const image = cidForRaw(Buffer.from('an image'));
const oldImage = cidForRaw(Buffer.from('an image of 2022'));

function records(count: number): [string, object][] {
  const posts = Array.from({ length: count }, (_, index): [string, object] => [`app.bsky.feed.post/${tid(index)}`, { $type: 'app.bsky.feed.post', text: `post ${index}`, createdAt: '2024-01-01T00:00:00.000Z' }]);
  return [
    ...posts,
    ['app.bsky.actor.profile/self', { $type: 'app.bsky.actor.profile', avatar: { $type: 'blob', ref: image, mimeType: 'image/png', size: 8 } }],
    ['app.bsky.feed.post/3a', { $type: 'app.bsky.feed.post', text: 'old', embed: { images: [{ image: { cid: oldImage.toString(), mimeType: 'image/png' } }, { image: { $type: 'blob', ref: image, mimeType: 'image/png', size: 8 } }] } }],
    ['app.bsky.feed.like/3like', { $type: 'app.bsky.feed.like', subject: { uri: 'at://did:web:b.org/app.bsky.feed.post/1', cid: image.toString() }, createdAt: '2024-01-01T00:00:00.000Z' }],
  ];
}

/** Names this server and its key for the account in the directory, by the account's own rotation key. */
async function settleIn(who: Traveller): Promise<void> {
  const { json } = await ask('com.atproto.identity.getRecommendedDidCredentials', who);
  const last = (await (await fetch(`${small.plc.url}/${who.did}/log/last`)).json()) as never;
  const operation = signPlcOperation({ type: 'plc_operation', ...json, prev: plcOperationCid(last).toString() } as never, who.rotationKey);
  expect((await small.call('com.atproto.identity.submitPlcOperation', { body: { operation }, token: who.token })).status).toBe(200);
}

test('brings every record, whatever the order of blocks, under a commit of the new key with the same tree', async () => {
  const who = await newTraveller(here(small), 'mover');
  const made = makeRepo(who.did, who.signingKey, records(1_000));
  const subscriber = await new Subscriber(small.url).opened();
  expect((await send(who, Buffer.from(writeCar(made.root, shuffled(made.blocks))))).status).toBe(200);
  expect(await status(who)).toMatchObject({ activated: false, validDid: false, indexedRecords: 1_003, repoBlocks: made.blocks.length, expectedBlobs: 2, importedBlobs: 0 });
  const missing = (await ask('com.atproto.repo.listMissingBlobs', who)).json['blobs'] as { cid: string; recordUri: string }[];
  expect(missing.toSorted((a, b) => a.recordUri.localeCompare(b.recordUri))).toEqual([
    { cid: image.toString(), recordUri: `at://${who.did}/app.bsky.actor.profile/self` },
    { cid: oldImage.toString(), recordUri: `at://${who.did}/app.bsky.feed.post/3a` },
  ]);
  const exported = (await ask('com.atproto.sync.getRepo', who, { did: who.did })).bytes;
  const credentials = (await ask('com.atproto.identity.getRecommendedDidCredentials', who)).json as { verificationMethods: { atproto: string } };
  const { commit, recordCount } = verifyRepoCar(exported, who.did, parseDidKey(credentials.verificationMethods.atproto));
  expect([recordCount, sameCid(commit.data, made.data)]).toEqual([1_003, true]);
  expect((await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from('an image'), headers: { 'content-type': '*/*' }, token: who.token })).status).toBe(200);
  expect(await status(who)).toMatchObject({ expectedBlobs: 2, importedBlobs: 1 });
  const refused = await small.call('com.atproto.server.activateAccount', { method: 'POST', token: who.token });
  expect(refused.status).toBe(400);

  await settleIn(who);
  expect((await small.call('com.atproto.server.activateAccount', { method: 'POST', token: who.token })).status).toBe(200);
  const [identity, account, again, sync] = await subscriber.take(4);
  expect([identity, account, again, sync]).toMatchObject([{ kind: 'identity' }, { kind: 'account', active: true }, { kind: 'identity', handle: 'mover.test' }, { kind: 'sync', did: who.did }]);
  subscriber.close();
  expect((sync as { rev: string }).rev > commit.rev).toBe(true);
  const { json: latest } = await small.call('com.atproto.sync.getLatestCommit', { params: { did: who.did } });
  expect(latest['rev']).toBe((sync as { rev: string }).rev);
  const settled = (await small.call('com.atproto.sync.getRepo', { params: { did: who.did } })).bytes;
  expect(sameCid(verifyRepoCar(settled, who.did, parseDidKey(credentials.verificationMethods.atproto)).commit.data, made.data)).toBe(true);
  const like = { $type: 'app.bsky.feed.like', subject: { uri: 'at://did:web:b.org/app.bsky.feed.post/1', cid: image.toString() }, createdAt: '2025-01-01T00:00:00.000Z' };
  await small.call('com.atproto.repo.createRecord', { body: { repo: who.did, collection: 'app.bsky.feed.like', record: like }, token: who.token });
  expect((await small.call('com.atproto.repo.listRecords', { params: { repo: who.did, collection: 'app.bsky.feed.like' } })).json['records']).toHaveLength(1);
  expect(says(await send(who, made.car))).toEqual([400, 'InvalidRequest', 'account must be deactivated to import a repository']);
});

test('a second import takes the place of the first, however much that was', async () => {
  const who = await newTraveller(here(small), 'twice');
  const images = Array.from({ length: 300 }, (_, index) => ({ $type: 'blob', ref: cidForRaw(Buffer.from(`image ${index}`)), mimeType: 'image/png', size: 8 }));
  const like = (index: number): [string, object] => [`app.bsky.feed.like/${tid(index)}`, { $type: 'app.bsky.feed.like', subject: { uri: `at://did:web:b.org/app.bsky.feed.post/${index}`, cid: image.toString() } }];
  await send(who, makeRepo(who.did, who.signingKey, [...records(300), ...Array.from({ length: 300 }, (_, index) => like(index)), ['com.example.album/self', { images }]]).car);
  expect(await status(who)).toMatchObject({ indexedRecords: 604, expectedBlobs: 302 });
  await send(who, makeRepo(who.did, who.signingKey, [['com.example.thing/self', { $type: 'com.example.thing' }]]).car);
  expect(await status(who)).toMatchObject({ indexedRecords: 1, repoBlocks: 3, expectedBlobs: 0 });
  await send(who, makeRepo(who.did, who.signingKey, []).car);
  expect(await status(who)).toMatchObject({ indexedRecords: 0, repoBlocks: 2 });
});

test('of more collections than anybody has only the first are named', async () => {
  const { did, token } = await small.newPerson('collector');
  const letters = (index: number): string => [...String(index).padStart(4, '0')].map((digit) => 'abcdefghij'.charAt(Number(digit))).join('');
  const names = Array.from({ length: maxDescribedCollections + 1 }, (_, index) => `com.example.${letters(index)}`);
  const nameIn = async (count: number): Promise<unknown> => {
    await small.call('com.atproto.server.deactivateAccount', { body: {}, token });
    expect((await send({ token }, makeRepo(did, Keypair.generate(), names.slice(0, count).map((name) => [`${name}/self`, { $type: name }] as const)).car)).status).toBe(200);
    expect((await small.call('com.atproto.server.activateAccount', { method: 'POST', token })).status).toBe(200);
    return (await small.call('com.atproto.repo.describeRepo', { params: { repo: did } })).json['collections'];
  };
  expect(await nameIn(maxDescribedCollections)).toEqual(names.slice(0, -1));
  expect(await nameIn(maxDescribedCollections + 1)).toEqual(names.slice(0, -1));
});

test('what is no sound repository of the account is refused, and what was there stays', async () => {
  const who = await newTraveller(here(small), 'broken');
  const other = Keypair.generate();
  const whole = makeRepo(who.did, who.signingKey, records(50));
  expect((await send(who, whole.car)).status).toBe(200);
  const before = await status(who);
  const without = (count: number): Buffer => Buffer.from(writeCar(whole.root, whole.blocks.filter((_, index) => index !== count)));
  const isCommit = whole.blocks.findIndex(([cid]) => sameCid(cid, whole.root));
  const nodeIndex = whole.blocks.findIndex(([cid]) => sameCid(cid, whole.data));
  const refusals: [Buffer, string][] = [
    [Buffer.alloc(0), 'CAR is not valid: car is empty'],
    [whole.car.subarray(0, -10), 'CAR is not valid: car is cut short'],
    [Buffer.from(writeCar(null, whole.blocks)), 'expected one root'],
    [makeRepo('did:web:other.org', other, records(3)).car, 'repository is of another account'],
    [makeRepo(who.did, other, records(3), tidFromMicros((Date.now() + 400_000) * 1000, 1)).car, 'revision of the repository is in the future'],
    [without(isCommit), 'commit is missing'],
    [without(nodeIndex), 'tree of the repository is not valid'],
    [without(0), 'record is missing: key='],
    [Buffer.from(writeCar(whole.blocks[0]![0], whole.blocks)), 'commit of the repository is not valid'],
  ];
  for (const [body, why] of refusals) {
    const refused = await send(who, body);
    expect([refused.status, refused.json['message']]).toEqual([400, expect.stringContaining(why)]);
  }
  expect(await status(who)).toEqual(before);
  expect(readdirSync(join(small.dataDirectory, 'imports'))).toEqual([]);
});

test('a small file whose many keys name one large record does not unfold', async () => {
  const who = await newTraveller(here(small), 'bomb');
  const large = { $type: 'com.example.thing', text: 'x'.repeat(900_000) };
  const made = (count: number): Buffer => makeRepo(who.did, who.signingKey, Array.from({ length: count }, (_, index): [string, object] => [`com.example.thing/${index}`, large])).car;
  expect(says(await send(who, made(100)))).toEqual([400, 'InvalidRequest', 'repository unfolds to too much: too many keys name the same records']);
  expect(await status(who)).toMatchObject({ indexedRecords: 0 });
  expect((await send(who, made(20))).status).toBe(200);
  expect(await status(who)).toMatchObject({ indexedRecords: 20 });
});

test('an account that lives here cannot be overwritten, others cannot call, and the operator can close the door', async () => {
  const alice = await small.newPerson('alice');
  const made: MadeRepo = makeRepo(alice.did, Keypair.generate(), []);
  expect((await send({ token: alice.token }, made.car)).json['message']).toBe('account must be deactivated to import a repository');
  expect((await small.call('com.atproto.repo.importRepo', { body: made.car, headers: car })).json['error']).toBe('AuthMissing');
  expect((await small.call('com.atproto.repo.importRepo', { body: {}, token: alice.token })).status).toBe(400);
  const closed = await startSmallPds({ environment: { PDS_ACCEPTING_REPO_IMPORTS: 'false', PDS_MAX_REPO_IMPORT_SIZE: '100' } });
  try {
    const who = await newTraveller(here(closed), 'late');
    const big = await closed.call('com.atproto.repo.importRepo', { body: Buffer.alloc(101), headers: car, token: who.token });
    expect(big.status).toBe(413);
    const small100 = await closed.call('com.atproto.repo.importRepo', { body: Buffer.alloc(100), headers: car, token: who.token });
    expect(says(small100)).toEqual([400, 'InvalidRequest', 'Service is not accepting repo imports']);
  } finally {
    await closed.close();
  }
});

/** A repository whose first bytes have come; the rest comes when it is told to end. */
async function openImport(name: string): Promise<{ end(): void; answer: Promise<Response> }> {
  const who = await newTraveller(here(small), name);
  const { car: bytes } = makeRepo(who.did, who.signingKey, records(3));
  let end = (): void => undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes.subarray(0, 100));
      end = () => {
        controller.enqueue(bytes.subarray(100));
        controller.close();
      };
    },
  });
  const answer = fetch(`${small.url}/xrpc/com.atproto.repo.importRepo`, { method: 'POST', body, duplex: 'half', headers: { ...car, authorization: `Bearer ${who.token}` } } as RequestInit);
  return { end: () => end(), answer };
}

test('bodies that come slowly hold nobody up: others are put in place meanwhile, up to a bound of open ones', async () => {
  const staged = (count: number): Promise<unknown> =>
    eventually(`${count} are staged`, () => readdirSync(join(small.dataDirectory, 'imports')).filter((name) => name.endsWith('.sqlite')).length === count);
  const [quick, late] = [await newTraveller(here(small), 'quick'), await newTraveller(here(small), 'late')];
  const open = [];
  for (let index = 1; index < maxImportsAtOnce; index++) open.push(await openImport(`slow${index}`));
  await staged(maxImportsAtOnce - 1);
  expect((await send(quick, makeRepo(quick.did, quick.signingKey, records(3)).car)).status).toBe(200);
  open.push(await openImport('slowest'));
  await staged(maxImportsAtOnce);
  expect(says(await send(late, makeRepo(late.did, late.signingKey, records(3)).car))).toEqual([503, 'NotEnoughResources', 'too many imports at once, try again later']);
  for (const { end } of open) end();
  for (const { answer } of open) expect((await answer).status).toBe(200);
  await staged(0);
});

test('what a record that came in says of a blob may go on being said, and nothing else', async () => {
  const who = await newTraveller(here(small), 'painter');
  const said = { $type: 'blob', ref: { $link: image.toString() }, mimeType: 'image/png', size: 8 };
  expect((await send(who, makeRepo(who.did, who.signingKey, records(0)).car)).status).toBe(200);
  // Tools for moving say nothing of the type, and these bytes speak of none.
  const upload = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from('an image'), headers: { 'content-type': '*/*' }, token: who.token });
  expect(upload.json['blob']).toMatchObject({ ...said, mimeType: 'application/octet-stream' });
  await settleIn(who);
  expect((await small.call('com.atproto.server.activateAccount', { method: 'POST', token: who.token })).status).toBe(200);
  const put = (collection: string, rkey: string, record: object): Promise<Answer> => small.call('com.atproto.repo.putRecord', { body: { repo: who.did, collection, rkey, record }, token: who.token });
  expect((await put('app.bsky.actor.profile', 'self', { displayName: 'new', avatar: said })).status).toBe(200);
  expect((await put('com.example.gallery', 'a', { images: [{ image: said }] })).status).toBe(200);
  expect(says(await put('com.example.gallery', 'a', { image: { ...said, mimeType: 'image/jpeg' } }))).toEqual([400, 'InvalidMimeType', 'Referenced Mimetype does not match stored blob. Expected: application/octet-stream, Got: image/jpeg']);
  expect((await put('com.example.gallery', 'a', { image: { ...said, size: 9 } })).json['error']).toBe('InvalidMimeType');
  // When no record says it any more, the bytes' own type counts.
  for (const [collection, rkey] of [['app.bsky.actor.profile', 'self'], ['app.bsky.feed.post', '3a'], ['com.example.gallery', 'a']]) {
    await small.call('com.atproto.repo.deleteRecord', { body: { repo: who.did, collection, rkey }, token: who.token });
  }
  expect((await put('com.example.gallery', 'a', { image: said })).json['error']).toBe('InvalidMimeType');
  expect((await put('com.example.gallery', 'a', { image: { ...said, mimeType: 'application/octet-stream' } })).status).toBe(200);
});
