/** The firehose client of `@skyware/firehose` on our PDS and on our relay: everything arrives decoded, cursors work, with zero errors. */
import { Firehose } from '@skyware/firehose';
import WebSocket from 'ws';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
beforeAll(async () => {
  network = await startTestNetwork();
});
afterAll(() => network.close());

/** Reads a service with the peer's client, behind a cursor. */
function listen(service: string, cursor: string): { lines: string[]; seqs: number[]; errors: unknown[]; stop: () => void } {
  const firehose = new Firehose({ relay: service.replace(/^http/, 'ws'), ws: WebSocket, cursor, autoReconnect: false });
  const [lines, seqs, errors]: [string[], number[], unknown[]] = [[], [], []];
  firehose.on('commit', ({ repo, ops, seq }) => {
    seqs.push(seq);
    for (const op of ops) lines.push(`${repo} ${op.action} ${op.path.split('/')[0]} ${op.action === 'delete' ? '' : String((op.record as { text?: string }).text)}`.trim());
  });
  const note = (kind: string) => ({ did, seq }: { did: string; seq: number }): void => {
    seqs.push(seq);
    lines.push(`${did} ${kind}`);
  };
  firehose.on('identity', note('identity'));
  firehose.on('account', note('account'));
  firehose.on('sync', note('sync'));
  firehose.on('error', ({ error }) => void errors.push(error));
  firehose.start();
  return { lines, seqs, errors, stop: () => firehose.close() };
}

test('it reads commits with their records, identity, account and sync events, and goes on from its cursor', async () => {
  const alice = await network.newAccount(0, 'alice');
  const did = alice.assertDid;
  const listeners = [network.pds[0], network.relay].map((service) => listen(service, '0'));
  const first = await alice.post({ text: 'first', createdAt: new Date().toISOString() });
  await alice.deletePost(first.uri);
  await alice.com.atproto.server.deactivateAccount({});
  await alice.com.atproto.server.activateAccount();
  await alice.post({ text: 'last', createdAt: new Date().toISOString() });
  const posts = 'app.bsky.feed.post';
  const wanted = [`${did} create ${posts} first`, `${did} delete ${posts}`, `${did} account`, `${did} account`, `${did} identity`, `${did} sync`, `${did} create ${posts} last`];
  for (const { lines, seqs, errors, stop } of listeners) {
    await eventually('the last post is here', () => lines.includes(wanted.at(-1)!));
    stop();
    expect(lines.slice(lines.indexOf(wanted[0]!))).toEqual(wanted);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    expect(errors).toEqual([]);
  }
  const [, atRelay] = listeners;
  const again = listen(network.relay, String(atRelay!.seqs.at(-2)));
  await eventually('what follows the cursor is here', () => again.lines.length > 0);
  again.stop();
  expect(again.lines).toEqual([wanted.at(-1)]);
});
