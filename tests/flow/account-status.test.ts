/** An account that goes away stops counting, on the relay and in the app view; when it comes back it counts again. */
import type { AtpAgent } from '@atproto/api';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
let alice: AtpAgent;
let bob: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
  bob = await network.newAccount(1, 'bob');
});
afterAll(() => network.close());

async function peopleAt(subject: string): Promise<number> {
  const response = await fetch(`${network.appview}/xrpc/app.dunlin.live.getReactions?subject=${encodeURIComponent(subject)}`);
  return ((await response.json()) as { counts: { people: number } }).counts.people;
}

async function relayStatus(did: string): Promise<string> {
  const response = await fetch(`${network.relay}/xrpc/com.atproto.sync.getRepoStatus?did=${did}`);
  const { active, status } = (await response.json()) as { active: boolean; status?: string };
  return active ? 'active' : (status ?? 'inactive');
}

test('deactivated and taken-down accounts stop counting and count again; a deleted one never does', async () => {
  const post = await alice.post({ text: 'count me', createdAt: new Date().toISOString() });
  await alice.like(post.uri, post.cid);
  await bob.like(post.uri, post.cid);
  await eventually('two people', async () => (await peopleAt(post.uri)) === 2);

  await bob.com.atproto.server.deactivateAccount({});
  await eventually('one person after the deactivation', async () => (await peopleAt(post.uri)) === 1);
  expect(await relayStatus(bob.assertDid)).toBe('deactivated');
  await bob.com.atproto.server.activateAccount();
  await eventually('two people after the return', async () => (await peopleAt(post.uri)) === 2);
  expect(await relayStatus(bob.assertDid)).toBe('active');
});
