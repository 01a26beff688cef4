import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { decodeFrame } from '@dunlin/protocol/stream/frame';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestConsumer, TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;
const alice = new FakeAccount();
const bob = new FakeAccount();
const gone = new FakeAccount();

beforeAll(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
  for (const account of [alice, bob, gone]) {
    relay.register(account, host);
    host.send(account.commit());
  }
  host.send(gone.account(false, 'deactivated'));
  await eventually('four events are through', async () => (await relay.metric('relay_log_head_seq')) === 4_294_967_300);
});

afterAll(() => relay.close());

async function json(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await relay.get(path);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const xrpc = (method: string, params: Record<string, string> = {}): Promise<{ status: number; body: Record<string, unknown> }> =>
  json(`/xrpc/com.atproto.sync.${method}?${new URLSearchParams(params)}`);

describe('repositories', () => {
  test('are listed in pages, with head, rev and status', async () => {
    const first = await xrpc('listRepos', { limit: '2' });
    expect(first.body['repos']).toEqual([
      { did: alice.did, head: alice.head?.cid.toString(), rev: alice.head?.rev, active: true },
      { did: bob.did, head: bob.head?.cid.toString(), rev: bob.head?.rev, active: true },
    ]);
    const second = await xrpc('listRepos', { limit: '2', cursor: String(first.body['cursor']) });
    expect(second.body).toEqual({ repos: [{ did: gone.did, head: gone.head?.cid.toString(), rev: gone.head?.rev, active: false, status: 'deactivated' }] });
    expect((await xrpc('listRepos', { cursor: 'x' })).status).toBe(400);
    expect((await xrpc('listRepos', { limit: '1001' })).status).toBe(400);
  });

  test('have a status', async () => {
    expect((await xrpc('getRepoStatus', { did: alice.did })).body).toEqual({ did: alice.did, active: true, rev: alice.head?.rev });
    expect((await xrpc('getRepoStatus', { did: gone.did })).body).toEqual({ did: gone.did, active: false, status: 'deactivated' });
    const unknown = await xrpc('getRepoStatus', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' });
    expect([unknown.status, unknown.body['error']]).toEqual([404, 'RepoNotFound']);
  });

  test('have a latest commit, unless they are not active', async () => {
    expect((await xrpc('getLatestCommit', { did: alice.did })).body).toEqual({ cid: alice.head?.cid.toString(), rev: alice.head?.rev });
    const inactive = await xrpc('getLatestCommit', { did: gone.did });
    expect([inactive.status, inactive.body['error']]).toEqual([403, 'RepoDeactivated']);
  });

  test('are to be had from their PDS, unless they are not active', async () => {
    const answer = await relay.get(`/xrpc/com.atproto.sync.getRepo?did=${alice.did}&since=3kabcdefgh222`);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe(`${host.origin}/xrpc/com.atproto.sync.getRepo?${new URLSearchParams({ did: alice.did, since: '3kabcdefgh222' })}`);
    expect((await xrpc('getRepo', { did: gone.did })).body['error']).toBe('RepoDeactivated');
    expect((await xrpc('getRepo', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' })).body['error']).toBe('RepoNotFound');
    expect((await xrpc('getRepo', { did: 'nobody' })).body['error']).toBe('InvalidRequest');
  });
});

describe('hosts', () => {
  test('are listed with their state', async () => {
    const shown = { hostname: host.hostname, seq: 4, accountCount: 3, status: 'active' };
    expect((await xrpc('listHosts')).body).toEqual({ hosts: [shown] });
    expect((await xrpc('getHostStatus', { hostname: host.hostname })).body).toEqual(shown);
    const unknown = await xrpc('getHostStatus', { hostname: 'pds.nowhere.com' });
    expect([unknown.status, unknown.body['error']]).toEqual([404, 'HostNotFound']);
  });
});

describe('the rest', () => {
  test('health, page, server name, unknown methods, plain GET on the stream', async () => {
    expect((await json('/_health')).body).toHaveProperty('version');
    expect((await json('/xrpc/_health')).status).toBe(200);
    const page = await relay.get('/');
    expect(page.headers.get('server')).toContain('atproto-relay');
    expect(await page.text()).toContain('requestCrawl');
    expect((await json('/xrpc/com.atproto.server.createSession')).status).toBe(501);
    expect((await relay.get('/xrpc/com.atproto.sync.subscribeRepos')).status).toBe(426);
    const metrics = await (await fetch(`${relay.relay.metricsUrl}/metrics`)).text();
    expect(metrics).toContain('relay_events_accepted_total{kind="commit"} 3');
    expect(metrics).not.toContain(alice.did);
    expect(metrics).not.toContain(host.hostname);
  });

  test('cursors: none is live, zero is the oldest, too new is an error, too old is said', async () => {
    const [live, zero, future, outdated] = [await relay.consume(), await relay.consume(0), await relay.consume(4_294_967_301), await relay.consume(17)];
    expect((await zero.take(4)).map((frame) => scanFrame(frame).seq)).toEqual([4_294_967_297, 4_294_967_298, 4_294_967_299, 4_294_967_300]);
    expect(decodeFrame((await future.take(1))[0] ?? Buffer.alloc(0))).toMatchObject({ op: -1, error: 'FutureCursor' });
    expect(await future.closed).toBe(1008);
    const [info, first] = await outdated.take(2);
    expect(decodeFrame(info ?? Buffer.alloc(0))).toMatchObject({ t: '#info', body: { name: 'OutdatedCursor' } });
    expect(scanFrame(first ?? Buffer.alloc(0)).seq).toBe(4_294_967_297);
    expect(live.frames).toHaveLength(0);
    const exact = await relay.consume(4_294_967_299);
    expect((await exact.take(1)).map((frame) => scanFrame(frame).seq)).toEqual([4_294_967_300]);
  });

  test('a cursor that is no number is refused before the upgrade', async () => {
    await expect(TestConsumer.connect(`${relay.relay.url}/?x=`.replace('/?x=', ''), Number.NaN)).rejects.toThrow('400');
  });
});
