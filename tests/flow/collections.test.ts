/** A record made and deleted at a real PDS comes and goes in the relay's list of who has records in its collection. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AtpAgent } from '@atproto/api';
import { startTestNetwork } from '../harness/network.ts';
import type { TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
beforeAll(async () => {
  network = await startTestNetwork();
});
afterAll(() => network?.close());

test('accounts of two servers are listed by collection while they have records in it', async () => {
  const [ada, cleo] = [await network.newAccount(0, 'lister'), await network.newAccount(1, 'keeper')];
  const relay = new AtpAgent({ service: network.relay });
  const listed = async (collection: string): Promise<string[]> => (await relay.com.atproto.sync.listReposByCollection({ collection })).data.repos.map(({ did }) => did);
  const create = async (agent: AtpAgent, rkey: string): Promise<void> => {
    await agent.com.atproto.repo.createRecord({ repo: agent.assertDid, collection: 'com.example.flow.note', rkey, record: { $type: 'com.example.flow.note', text: 'hello' } });
  };
  for (const agent of [ada, cleo]) await create(agent, 'one');
  await create(ada, 'two');
  await eventually('both are listed', async () => (await listed('com.example.flow.note')).length === 2);
  expect((await listed('com.example.flow.note')).toSorted()).toEqual([ada.assertDid, cleo.assertDid].toSorted());
  for (const agent of [ada, cleo]) await agent.com.atproto.repo.deleteRecord({ repo: agent.assertDid, collection: 'com.example.flow.note', rkey: 'one' });
  await eventually('one is left', async () => (await listed('com.example.flow.note')).length === 1);
  expect(await listed('com.example.flow.note')).toEqual([ada.assertDid]);
  await ada.com.atproto.repo.deleteRecord({ repo: ada.assertDid, collection: 'com.example.flow.note', rkey: 'two' });
  await eventually('none is left', async () => (await listed('com.example.flow.note')).length === 0);
  const { coverage } = (await (await fetch(`${network.relay}/xrpc/app.dunlin.relay.listCollections`)).json()) as { coverage: Record<string, number> };
  expect(coverage).toMatchObject({ exact: 2, unknown: 0, doubtful: 0 });
});
