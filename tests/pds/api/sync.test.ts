/** Repositories for the network: CARs and proofs that strangers can verify, where repositories stand, and the lists of them. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as reference from '@atproto/repo';
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { parseDidKey, type PublicKey } from '@dunlin/protocol/crypto/did-key';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { post, startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let alice: Person;
let key: PublicKey;
beforeAll(async () => {
  small = await startSmallPds();
  alice = await small.newPerson('alice');
  const { json } = await small.call('com.atproto.identity.getRecommendedDidCredentials', { token: alice.token });
  key = parseDidKey((json['verificationMethods'] as { atproto: string }).atproto);
  await createMany('com.example.a', 30);
  await createMany('com.example.a.b', 30);
  await createMany('app.bsky.feed.post', 60);
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const sync = (method: string, params: Record<string, string | number | string[]>, more: object = {}): Promise<Answer> =>
  small.call(`com.atproto.sync.${method}`, { params: { did: alice.did, ...params }, ...more });

async function createMany(collection: string, count: number): Promise<void> {
  const writes = Array.from({ length: count }, (_each, n) => ({ $type: 'com.atproto.repo.applyWrites#create', collection, value: collection === 'app.bsky.feed.post' ? post(`post ${n}`) : { n } }));
  const { status } = await small.call('com.atproto.repo.applyWrites', { body: { repo: alice.did, writes }, token: alice.token });
  expect(status).toBe(200);
}

describe('getRepo', () => {
  test('gives a repository that we and the reference verify, commit first', async () => {
    const { bytes, headers } = await sync('getRepo', {});
    expect(headers.get('content-type')).toBe('application/vnd.ipld.car');
    expect(verifyRepoCar(bytes, alice.did, key).recordCount).toBe(120);
    const { root, blocks } = await reference.readCarWithRoot(bytes);
    const contents = await reference.verifyRepo(blocks, root, alice.did, key.didKey);
    expect(contents.creates).toHaveLength(120);
    expect([...readCar(bytes).blocks][0][0].toString()).toBe(root.toString());
  });

  test('gives with `since` just what is new, which completes what one had', async () => {
    const before = await sync('getRepo', {});
    const since = String((await sync('getLatestCommit', {})).json['rev']);
    expect((await sync('getRepo', { since })).bytes.length).toBeLessThan(100);
    await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post('newer') }, token: alice.token });
    await small.call('com.atproto.repo.applyWrites', { body: { repo: alice.did, writes: [{ $type: 'com.atproto.repo.applyWrites#create', collection: 'com.example.a', rkey: '2', value: { n: 2 } }] }, token: alice.token });
    const update = await sync('getRepo', { since });
    const [old, fresh] = [readCar(before.bytes), readCar(update.bytes)];
    expect(fresh.blocks.size).toBeLessThan(old.blocks.size / 3);
    old.blocks.addAll(fresh.blocks);
    expect(verifyRepoCar(writeCar(fresh.roots[0], old.blocks), alice.did, key).recordCount).toBe(122);
  });

  test('says of strangers and of what is no DID that it has no such repository', async () => {
    expect(says(await sync('getRepo', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }))).toEqual([400, 'RepoNotFound', 'Could not find repo for DID: did:plc:aaaaaaaaaaaaaaaaaaaaaaaa']);
    expect(says(await sync('getRepo', { did: 'xx' }))).toEqual([400, 'InvalidRequest', 'Invalid com.atproto.sync.getRepo params: Invalid DID (got "xx")']);
  });

  test('serves many at once while records are written, each whole', async () => {
    const writing = Promise.all(Array.from({ length: 20 }, (_each, n) =>
      small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'com.example.busy', record: { n } }, token: alice.token })));
    const cars = await Promise.all(Array.from({ length: 12 }, () => sync('getRepo', {})));
    await writing;
    for (const { bytes } of cars) expect(verifyRepoCar(bytes, alice.did, key).recordCount).toBeGreaterThanOrEqual(122);
  });

  test('gives its place back when a reader leaves at once', async () => {
    for (let times = 0; times < 10; times++) {
      const abort = new AbortController();
      const response = await fetch(`${small.url}/xrpc/com.atproto.sync.getRepo?did=${alice.did}`, { signal: abort.signal });
      abort.abort();
      expect(response.status).toBe(200);
    }
    expect((await sync('getRepo', {})).status).toBe(200);
  });
});

describe('single blocks', () => {
  test('getRecord proves a record, and that there is none', async () => {
    const { json: listed } = await small.call('com.atproto.repo.listRecords', { params: { repo: alice.did, collection: 'app.bsky.feed.post', limit: 1 } });
    const [{ uri, cid }] = listed['records'] as { uri: string; cid: string }[];
    const rkey = uri.split('/').at(-1) ?? '';
    const proof = await sync('getRecord', { collection: 'app.bsky.feed.post', rkey });
    const verified = await reference.verifyRecords(proof.bytes, alice.did, key.didKey);
    expect(verified.map((record) => record.rkey)).toEqual([rkey]);
    expect([...readCar(proof.bytes).blocks].map(([each]) => each.toString())).toContain(cid);
    const absence = await sync('getRecord', { collection: 'app.bsky.feed.post', rkey: 'absent' });
    expect(absence.status).toBe(200);
    const { unverified, verified: proved } = await reference.verifyProofs(absence.bytes, [{ collection: 'app.bsky.feed.post', rkey: 'absent', cid: null }], alice.did, key.didKey);
    expect([proved.length, unverified.length]).toEqual([1, 0]);
  });

  test('getBlocks gives commit, nodes and records, or says which are missing', async () => {
    const blocks = [...readCar((await sync('getRepo', {})).bytes).blocks].map(([cid]) => cid.toString());
    const wanted = [blocks[0], blocks[1], blocks.at(-1) ?? ''];
    const { bytes } = await sync('getBlocks', { cids: wanted });
    expect([...readCar(bytes).blocks].map(([cid]) => cid.toString()).toSorted()).toEqual(wanted.toSorted());
    const missing = 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y';
    expect(says(await sync('getBlocks', { cids: [blocks[0], missing] }))).toEqual([400, 'BlockNotFound', `Could not find cids: ${missing}`]);
  });

  test('getHead and getCheckout still answer', async () => {
    const { cid } = (await sync('getLatestCommit', {})).json;
    expect((await sync('getHead', {})).json).toEqual({ root: cid });
    expect((await sync('getCheckout', {})).bytes.equals((await sync('getRepo', {})).bytes)).toBe(true);
  });
});

describe('standing', () => {
  test('a closed repository is named as such, but to its owner and the operator', async () => {
    const bob = await small.newPerson('bob');
    const ask = (method: string, more: object = {}): Promise<Answer> => small.call(`com.atproto.sync.${method}`, { params: { did: bob.did }, ...more });
    expect((await ask('getRepoStatus')).json).toEqual({ did: bob.did, active: true, rev: expect.any(String) });
    await small.call('com.atproto.server.deactivateAccount', { body: {}, token: bob.token });
    expect(says(await ask('getRepo'))).toEqual([400, 'RepoDeactivated', `Repo has been deactivated: ${bob.did}`]);
    expect((await ask('getRepoStatus')).json).toEqual({ did: bob.did, active: false, status: 'deactivated' });
    expect((await ask('getRepo', { token: bob.token })).status).toBe(200);
    expect((await ask('getRepo', { headers: small.admin })).status).toBe(200);
    expect((await ask('getRepo', { token: alice.token })).json['error']).toBe('RepoDeactivated');
    expect(says(await small.call('com.atproto.repo.createRecord', { body: { repo: bob.did, collection: 'com.example.a', record: {} }, token: bob.token }))).toEqual([401, 'AccountDeactivated', 'Account is deactivated']);
    expect(says(await small.call('com.atproto.repo.listRecords', { params: { repo: bob.did, collection: 'com.example.a' } }))).toEqual([400, 'InvalidRequest', `Could not find repo: ${bob.did}`]);
    expect(says(await small.call('com.atproto.repo.describeRepo', { params: { repo: bob.did } }))).toEqual([400, 'RepoDeactivated', `Repo has been deactivated: ${bob.did}`]);
    expect((await small.call('com.atproto.server.getSession', { token: bob.token })).json).toMatchObject({ active: false, status: 'deactivated' });
    expect((await small.call('com.atproto.server.checkAccountStatus', { token: bob.token })).json).toMatchObject({ activated: false, validDid: true, repoBlocks: 2, indexedRecords: 0, expectedBlobs: 0, importedBlobs: 0 });
    expect((await small.call('com.atproto.server.activateAccount', { method: 'POST', token: bob.token })).status).toBe(200);
    expect((await ask('getRepo')).status).toBe(200);
  });

  test('listRepos pages through every account, in service or not', async () => {
    const carol = await small.newPerson('carol');
    await small.call('com.atproto.server.deactivateAccount', { body: {}, token: carol.token });
    const seen: Record<string, unknown>[] = [];
    for (let cursor: string | undefined; ;) {
      const { json } = await small.call('com.atproto.sync.listRepos', { params: { limit: 1, ...(cursor !== undefined && { cursor }) } });
      seen.push(...(json['repos'] as Record<string, unknown>[]));
      if (json['cursor'] === undefined) break;
      cursor = String(json['cursor']);
      expect(cursor).toMatch(/^\d+::did:plc:/);
    }
    expect(seen[0]).toEqual({ did: alice.did, head: expect.any(String), rev: expect.any(String), active: true });
    expect(seen.find(({ did }) => did === carol.did)).toMatchObject({ active: false, status: 'deactivated' });
    expect(says(await small.call('com.atproto.sync.listRepos', { params: { cursor: 'nonsense' } }))).toEqual([400, 'InvalidRequest', 'Malformed cursor']);
  });
});
