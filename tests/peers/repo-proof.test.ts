/**
 * What our relay asks hosts for about accounts that never spoke, asked of the reference PDS and of ours: the list of
 * repositories, and proofs of which collections one has.
 */
import type { AtpAgent } from '@atproto/api';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { proveRepo } from '@dunlin/relay/collections/prove-repo';
import { listRepos } from '@dunlin/relay/hosts/list-repos';
import { newAccount, startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { startReferencePds, type ReferencePds } from '../harness/reference-pds.ts';

let network: TestNetwork;
let reference: ReferencePds;
beforeAll(async () => {
  network = await startTestNetwork();
  reference = await startReferencePds({ plc: network.plc });
});
afterAll(async () => {
  await reference?.close();
  await network?.close();
});

const collections = ['app.bsky.feed.like', 'app.bsky.feed.post', 'com.example.made', 'com.example.madeup', 'zz.example.last'];

test.each(['reference', 'ours'])('lists and proves what its accounts have: %s', async (which) => {
  const url = which === 'reference' ? reference.url : (network.pds[0] as string);
  const agent: AtpAgent = await (which === 'reference' ? newAccount(url, 'dora.test') : network.newAccount(0, 'dora'));
  const did = agent.assertDid;
  for (const collection of collections) {
    const writes = Array.from({ length: collection === 'app.bsky.feed.like' ? 1 : 20 }, (_, i) => ({
      $type: 'com.atproto.repo.applyWrites#create' as const, collection, rkey: `r${i}`, value: { $type: collection, text: `${i}`, createdAt: new Date().toISOString(), subject: { uri: `at://${did}/a.b.c/d`, cid: 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a' } },
    }));
    await agent.com.atproto.repo.applyWrites({ repo: did, validate: false, writes });
  }
  const { data: latest } = await agent.com.atproto.sync.getLatestCommit({ did });
  const page = await listRepos(fetch, url, null, { nowMs: Date.now(), signal: new AbortController().signal });
  expect(page.kind === 'page' && page.repos.find((repo) => repo.did === did)).toMatchObject({ rev: latest.rev, active: true });
  const resolver = createIdentityResolver({ plcUrl: network.plc, fetch, resolveTxt: async () => [], clock: systemClock, allowInsecure: true });
  const { signingKey } = (await resolver.resolveDid(did))!;
  for (const claimed of [collections, [], ['never.was.there']]) {
    const proof = await proveRepo({ fetch, origin: url, did, key: signingKey!, claimed, turn: async () => undefined, nowMs: () => Date.now() });
    expect(proof).toMatchObject({ kind: 'proven', repo: { rev: latest.rev } });
    expect(proof.kind === 'proven' && [...proof.collections]).toEqual(collections);
  }
});
