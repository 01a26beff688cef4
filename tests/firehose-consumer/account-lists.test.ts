/** Lists of accounts are read to their end, page by page, whatever servers do in between; and a backfill by one joins the stream. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { FirehoseConsumer, listedAccounts, memoryLedger } from '../../firehose-consumer/src/index.ts';
import type { Notice } from '../../firehose-consumer/src/index.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually } from '../harness/wait.ts';
import { MadeAccount, MadeResolver } from './made-stream.ts';

/** Reads a list whose pages are given in turn; gives the accounts and what was asked. */
async function read(pages: (() => Response)[], options: Parameters<typeof listedAccounts>[0] = { service: 'wss://relay.test' }): Promise<{ dids: string[]; urls: string[]; failures: string[]; elapsedMs: number }> {
  const clock = new ManualClock();
  const urls: string[] = [];
  const fetch = ((url: string) => {
    urls.push(url);
    const page = pages[urls.length - 1];
    return page ? Promise.resolve(page()) : Promise.reject(new Error('no more pages'));
  }) as typeof globalThis.fetch;
  const dids: string[] = [];
  const failures: string[] = [];
  let isOver = false;
  const reading = (async () => {
    for await (const did of listedAccounts(options)({ fetch, clock, onFailed: (reason) => failures.push(reason), signal: new AbortController().signal })) dids.push(did);
  })().finally(() => (isOver = true));
  reading.catch(() => undefined);
  await eventually('the end of the list', () => {
    if (!isOver) clock.advance(1_000);
    return isOver;
  });
  await reading;
  return { dids, urls, failures, elapsedMs: clock.elapsedMs() };
}

const page = (dids: string[], cursor?: string) => (): Response => Response.json({ repos: dids.map((did) => ({ did, head: '', rev: '', active: true })), ...(cursor && { cursor }) });

test('every page is read, and who is not active is left out', async () => {
  const { dids, urls } = await read([
    page(['did:web:a.test', 'no did'], 'one'),
    () => Response.json({ repos: [{ did: 'did:web:b.test', active: false }, { did: 'did:web:c.test' }, null, 7], cursor: 'two' }),
    page([]),
  ]);
  expect(dids).toEqual(['did:web:a.test', 'did:web:c.test']);
  expect(urls).toEqual(['', '&cursor=one', '&cursor=two'].map((rest) => `https://relay.test/xrpc/com.atproto.sync.listRepos?limit=1000${rest}`));
});

test('a page that does not come, or is no list, is asked for again, as late as the server says', async () => {
  const { dids, urls, failures, elapsedMs } = await read([
    page(['did:web:a.test'], 'one'),
    () => new Response('busy', { status: 429, headers: { 'retry-after': '90' } }),
    () => {
      throw new Error('reset');
    },
    () => new Response('{"repos":'),
    page(['did:web:b.test']),
  ]);
  expect([dids, new Set(urls.slice(1)).size]).toEqual([['did:web:a.test', 'did:web:b.test'], 1]);
  expect(elapsedMs).toBeGreaterThanOrEqual(90_000);
  expect(failures).toEqual(['http 429', 'reset', 'no list of at most 4194304 bytes']);
});

test('a refusal and a list that goes in circles are said', async () => {
  await expect(read([() => new Response('', { status: 502 }), () => Response.json({ error: 'InvalidRequest' }, { status: 400 })], { service: 'http://relay.test:81', collection: 'app.test.record' })).rejects.toThrow('the list was refused: http 400 InvalidRequest http://relay.test:81');
  await expect(read([() => Response.json({ error: 'MethodNotImplemented' }, { status: 501 })])).rejects.toThrow('the list was refused: http 501 MethodNotImplemented');
  await expect(read(['a', 'one', 'two', 'three', 'one', 'two', 'three', 'one'].map((cursor) => page(['did:web:a.test'], cursor)))).rejects.toThrow('the list goes in circles');
  for (const cursor of ['x'.repeat(4_097), 7 as unknown as string]) await expect(read([page(['did:web:a.test'], cursor)])).rejects.toThrow('no usable cursor');
  expect((await read([page([], 'x'.repeat(4_096)), page(['did:web:a.test'])])).dids).toEqual(['did:web:a.test']);
  await expect(read([page(['did:web:a.test'], 'one'), page(['did:web:a.test'], 'one')])).rejects.toThrow('the list goes in circles');
  expect(() => listedAccounts({ service: 'ftp://relay.test' })).toThrow('service must be');
});

test('a backfill by a list tells all that is there, once, and goes on with the stream, also after a stop in the midst of it', async () => {
  const server = await FakeFirehose.start();
  const accounts = Array.from({ length: 30 }, (_, index) => new MadeAccount(`account${index}`));
  for (const account of accounts) for (const path of ['app.test.record/a', 'app.test.record/b']) account.create(1, path);
  const identity = new MadeResolver(...accounts);
  identity.pdsUrl = 'https://pds.test';
  const known = new Set<string>();
  const notices: Notice[] = [];
  let doubles = 0;
  const fetch = ((input: string) => {
    const url = new URL(input);
    if (url.pathname.endsWith('getRepo')) return Promise.resolve(new Response(new Uint8Array(accounts.find(({ did }) => did === url.searchParams.get('did'))?.car() as Uint8Array)));
    const from = Number(url.searchParams.get('cursor') ?? 0);
    return Promise.resolve(page(accounts.slice(from, from + 10).map(({ did }) => did), from < 20 ? String(from + 10) : undefined)());
  }) as typeof globalThis.fetch;
  const ledger = memoryLedger();
  const clock = new ManualClock();
  const run = async (until: () => boolean): Promise<void> => {
    const consumer = new FirehoseConsumer({
      service: server.url, verify: 'full', identity, clock, cursor: null, onNotice: (notice) => notices.push(notice),
      continuity: { ledger, newAccounts: 'fetch', accounts: listedAccounts({ service: server.url }), fetch, hostIntervalMs: 1 },
    });
    const ended = consumer.run((event) => {
      if (event.kind !== 'record') return;
      if (known.has(event.uri)) doubles += 1;
      known.add(event.uri);
    });
    await eventually('enough', () => {
      clock.advance(100);
      return until();
    });
    await consumer.close();
    await ended;
  };
  await run(() => known.size >= 10);
  for (const [index, account] of accounts.entries()) server.log.push({ seq: index + 1, bytes: account.create(index + 1, 'app.test.record/missed') });
  let live = 0;
  await run(() => {
    // One account after another speaks while the rest is fetched.
    const account = accounts[live];
    const seq = 100 + live;
    if (account && server.connections.at(-1)?.socket.readyState === 1) {
      live += 1;
      server.append({ seq, bytes: account.create(seq, 'app.test.record/live') });
    }
    return known.size === 120;
  });
  expect(doubles).toBe(0);
  expect(notices.filter(({ kind }) => kind === 'backfill').at(-1)).toEqual({ kind: 'backfill', listed: 30, isOver: true });
  await server.close();
});
