/**
 * The reference PDS as a third host of our network: our PLC is its directory, our relay verifies and passes on its accounts,
 * our app view counts a reaction made there.
 */
import type { AtpAgent } from '@atproto/api';
import { FirehoseConsumer, memoryCursor, type ConsumerEvent } from '@dunlin/firehose-consumer';
import { newAccount, startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { startReferencePds, type ReferencePds } from '../harness/reference-pds.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
let reference: ReferencePds;
let carol: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  reference = await startReferencePds({ plc: network.plc });
  carol = await newAccount(reference.url, 'carol.test');
  const crawl = await fetch(`${network.relay}/xrpc/com.atproto.sync.requestCrawl`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hostname: new URL(reference.url).host }),
  });
  expect(crawl.status).toBe(200);
});
afterAll(async () => {
  await reference?.close();
  await network?.close();
});

test('our directory registers and serves its accounts', async () => {
  const document = (await (await fetch(`${network.plc}/${carol.assertDid}`)).json()) as {
    alsoKnownAs: string[];
    service: { serviceEndpoint: string }[];
  };
  expect(document.alsoKnownAs).toEqual(['at://carol.test']);
  expect(document.service[0].serviceEndpoint).toBe(reference.url);
});

test('our relay passes on its commits, verified to the root by our SDK', async () => {
  const { uri } = await carol.post({ text: 'hello from the reference', createdAt: new Date().toISOString() });
  const events: ConsumerEvent[] = [];
  const drops: unknown[] = [];
  const consumer = new FirehoseConsumer({
    service: network.relay,
    cursor: 0,
    cursorStore: memoryCursor(),
    verify: 'full',
    identity: { plcUrl: network.plc },
    onDrop: (drop) => void drops.push(drop),
  });
  const done = consumer.run((event) => void events.push(event));
  await eventually('the post arrives', () => events.some((event) => event.kind === 'record' && event.uri === uri));
  await carol.deletePost(uri);
  await eventually('its deletion arrives', () =>
    events.some((event) => event.kind === 'record' && event.action === 'delete' && event.uri === uri),
  );
  await consumer.close();
  await done;
  expect(drops).toEqual([]);
});

test('our app view counts a like made there on a post made here', async () => {
  const alice = await network.newAccount(0, 'alice');
  const post = await alice.post({ text: 'like me', createdAt: new Date().toISOString() });
  await carol.like(post.uri, post.cid);
  await alice.like(post.uri, post.cid);
  await eventually('two people are counted', async () => {
    const url = `${network.appview}/xrpc/app.dunlin.live.getReactions?subject=${encodeURIComponent(post.uri)}`;
    const { counts } = (await (await fetch(url)).json()) as { counts: { people: number } };
    return counts.people === 2;
  });
});

test('deactivating the account there stops its events here', async () => {
  await carol.com.atproto.server.deactivateAccount({});
  await eventually('the relay says deactivated', async () => {
    const url = `${network.relay}/xrpc/com.atproto.sync.getRepoStatus?did=${carol.assertDid}`;
    const status = (await (await fetch(url)).json()) as { active?: boolean; status?: string };
    return status.active === false && status.status === 'deactivated';
  });
});
