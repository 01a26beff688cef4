/** The SDK against a real network: what it missed of an account is fetched from the account's own server and told, deletes too. */
import type { AtpAgent } from '@atproto/api';
import { join } from 'node:path';
import { FirehoseConsumer } from '@dunlin/firehose-consumer';
import type { ConsumerEvent, Notice } from '@dunlin/firehose-consumer';
import { sqliteLedger } from '@dunlin/firehose-consumer/sqlite-ledger';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
let alice: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
});
afterAll(() => network.close());

/** Listens from a cursor until `until` is heard; gives what was heard and the cursor. */
async function listen(cursor: number | null, until: string, accounts: string[] = []): Promise<{ heard: string[]; cursor: number; notices: Notice[] }> {
  const ledger = sqliteLedger(join(network.dataDirectory, 'ledger.db'));
  const [heard, notices]: [string[], Notice[]] = [[], []];
  const consumer = new FirehoseConsumer({
    service: network.relay, cursor, collections: ['app.bsky.feed.post'], verify: 'full', identity: { plcUrl: network.plc },
    continuity: { ledger, accounts }, onNotice: (notice) => notices.push(notice),
  });
  const text = (event: ConsumerEvent): string | null => (event.kind === 'record' ? `${event.isResync ? 'resync ' : ''}${event.action} ${event.record?.text ?? event.rkey}` : null);
  const ended = consumer.run((event) => {
    const line = text(event);
    if (line) heard.push(line);
  });
  try {
    await eventually(`heard: ${until}`, () => heard.includes(until));
    return { heard, notices, cursor: consumer.stats()?.lastSeq as number };
  } finally {
    await consumer.close();
    await ended;
    ledger.close();
  }
}

test('what happened while nobody listened is told when the account is heard of again', async () => {
  const post = (text: string): Promise<{ uri: string }> => alice.post({ text, createdAt: new Date().toISOString() });
  const rkeyOf = ({ uri }: { uri: string }): string => uri.split('/').at(-1) as string;
  const [first, second] = [await post('first'), await post('second')];
  const before = await listen(null, 'resync create second', [alice.assertDid]);
  expect(before.heard).toEqual(['resync create first', 'resync create second']);

  await alice.deletePost(first.uri);
  await post('missed');
  const revAt = async (service: string): Promise<unknown> => ((await (await fetch(`${service}/xrpc/com.atproto.sync.getLatestCommit?did=${alice.assertDid}`)).json()) as { rev?: unknown }).rev;
  await eventually('the relay has passed it on', async () => (await revAt(network.relay)) === (await revAt(network.pds[0])));
  // Nothing of what was missed is replayed: the new run begins at what comes from now on.
  const isHeard = new AbortController();
  const after = listen(null, 'create last').finally(() => isHeard.abort());
  const gone = `resync delete ${rkeyOf(first)}`;
  // The first one that is heard shows the gap, one behind the fetch comes as it is.
  while (!isHeard.signal.aborted) await post('last');
  const { heard, notices } = await after;
  expect(heard).toContain(gone);
  expect(heard).toContain('resync create missed');
  expect(heard).not.toContain('resync create second');
  expect(heard.some((line) => line.includes(rkeyOf(second)))).toBe(false);
  expect(notices.filter(({ kind }) => kind === 'resynced')).toHaveLength(1);
});
