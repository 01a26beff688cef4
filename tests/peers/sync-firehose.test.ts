/** The Firehose client of `@atproto/sync` on our PDS and on our relay: everything arrives, verified by its own code, with zero errors. */
import { IdResolver } from '@atproto/identity';
import { Firehose, type Event } from '@atproto/sync';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
beforeAll(async () => {
  network = await startTestNetwork();
});
afterAll(() => network.close());

/** Reads a service from its oldest event with the peer's own client. */
function listen(service: string): { events: Event[]; errors: Error[]; stop: () => Promise<void> } {
  const events: Event[] = [];
  const errors: Error[] = [];
  const firehose = new Firehose({
    service: service.replace(/^http/, 'ws'),
    idResolver: new IdResolver({ plcUrl: network.plc, fetch: globalThis.fetch }),
    getCursor: () => 0,
    unauthenticatedHandles: true,
    handleEvent: (event) => void events.push(event),
    onError: (error) => void errors.push(error),
  });
  void firehose.start();
  return { events, errors, stop: () => firehose.destroy() };
}

test('the reference client reads creates, updates, deletes, identity, account and sync events without an error', async () => {
  const alice = await network.newAccount(0, 'alice');
  const bob = await network.newAccount(1, 'bob');
  const listeners = [listen(network.pds[0]), listen(network.relay)];
  const post = await alice.post({ text: 'hello', createdAt: new Date().toISOString() });
  await alice.com.atproto.repo.putRecord({
    repo: alice.assertDid,
    collection: 'app.bsky.actor.profile',
    rkey: 'self',
    record: { displayName: 'Alice' },
  });
  await alice.com.atproto.repo.putRecord({
    repo: alice.assertDid,
    collection: 'app.bsky.actor.profile',
    rkey: 'self',
    record: { displayName: 'Alice again' },
  });
  await bob.like(post.uri, post.cid);
  await alice.deletePost(post.uri);
  await alice.com.atproto.identity.updateHandle({ handle: 'alice-two.a.test' });
  await alice.com.atproto.server.deactivateAccount({});
  await alice.com.atproto.server.activateAccount();

  const [atPds, atRelay] = listeners;
  const isLast = (event: Event): boolean => event.event === 'sync' && event.did === alice.assertDid;
  await eventually('both streams reach the last event', () =>
    [atPds, atRelay].every(({ events }) => events.filter(isLast).length >= 2 && events.at(-1)?.event === 'sync'),
  );
  await Promise.all(listeners.map(({ stop }) => stop()));

  expect(listeners.flatMap(({ errors }) => errors.map(String))).toEqual([]);
  const ofAlice = ({ events }: { events: Event[] }): string[] =>
    events.filter((event) => event.did === alice.assertDid).map((event) => event.event);
  expect(ofAlice(atRelay)).toEqual(ofAlice(atPds));
  expect(ofAlice(atPds).join(' ')).toBe(
    'identity account sync create create update delete identity account account identity sync',
  );
  expect(atRelay.events.some((event) => event.event === 'create' && event.did === bob.assertDid)).toBe(true);
});
