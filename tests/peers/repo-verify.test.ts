/** `@atproto/repo`, the reference's repo library, verifies the CARs and record proofs that our PDS serves. */
import { verifyProofs, verifyRecords, verifyRepoCar } from '@atproto/repo';
import { IdResolver } from '@atproto/identity';
import type { AtpAgent } from '@atproto/api';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';

let network: TestNetwork;
let alice: AtpAgent;
let signingKey: string;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
  const resolver = new IdResolver({ plcUrl: network.plc, fetch: globalThis.fetch });
  signingKey = (await resolver.did.resolveAtprotoData(alice.assertDid)).signingKey;
  const writes = Array.from({ length: 120 }, (_, index) => ({
    $type: 'com.atproto.repo.applyWrites#create' as const,
    collection: 'app.bsky.feed.post',
    rkey: `3kabcdefg${String(2000 + index).replace(/[0189]/g, (digit) => 'abcd'['0189'.indexOf(digit)])}`,
    value: { $type: 'app.bsky.feed.post', text: `post ${index}`, createdAt: new Date().toISOString() },
  }));
  await alice.com.atproto.repo.applyWrites({ repo: alice.assertDid, writes });
  await alice.com.atproto.repo.deleteRecord({ repo: alice.assertDid, collection: 'app.bsky.feed.post', rkey: writes[7].rkey });
});
afterAll(() => network.close());

test('the exported repo verifies whole', async () => {
  const car = await alice.com.atproto.sync.getRepo({ did: alice.assertDid });
  const repo = await verifyRepoCar(car.data, alice.assertDid, signingKey);
  expect(repo.creates.length).toBe(119);
});

test('a record proof verifies, for a record that is there and for one that is not', async () => {
  const listed = await alice.com.atproto.repo.listRecords({ repo: alice.assertDid, collection: 'app.bsky.feed.post', limit: 1 });
  const { uri } = listed.data.records[0];
  const rkey = uri.split('/').at(-1) ?? '';
  const collection = 'app.bsky.feed.post';
  const present = await alice.com.atproto.sync.getRecord({ did: alice.assertDid, collection, rkey });
  const records = await verifyRecords(present.data, alice.assertDid, signingKey);
  expect(records.map((record) => record.rkey)).toContain(rkey);

  const absent = await alice.com.atproto.sync.getRecord({ did: alice.assertDid, collection, rkey: '3zzzzzzzzzzzz' });
  const claims = [{ collection, rkey: '3zzzzzzzzzzzz', cid: null }];
  const proof = await verifyProofs(absent.data, claims, alice.assertDid, signingKey);
  expect([proof.verified.length, proof.unverified.length]).toEqual([1, 0]);
});
