/** The operator's commands for a relay, run in this process against a relay with a host and an account. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { adminRelayCommand } from '../../cli/src/admin-relay.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';
import type { FakeHost } from '../relay/fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;
let alice: FakeAccount;

beforeAll(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
  alice = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
});
afterAll(() => relay.close());

function throwOnMisuse(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  for (const each of command.commands) throwOnMisuse(each);
}

async function lines(args: string[], env: Record<string, string> = { RELAY_ADMIN_PASSWORD: 'operator-password' }): Promise<string[]> {
  const written: string[] = [];
  const command = adminRelayCommand({ write: (line) => void written.push(line), env });
  throwOnMisuse(command);
  await command.parseAsync(['--url', relay.relay.url, ...args], { from: 'user' });
  return written;
}
const run = async (...args: string[]): Promise<Record<string, unknown>[]> => (await lines(['--json', ...args])).map((line) => JSON.parse(line) as Record<string, unknown>);

test('hosts are listed, limited, disconnected, blocked, unblocked and added', async () => {
  expect(await run('host', 'list')).toMatchObject([{ hostname: host.hostname, state: 'active', accounts: 1, accepted: 1 }]);
  expect(await run('host', 'limit', host.hostname, '5')).toMatchObject([{ accounts: 5, accountsFreed: 0 }]);
  expect(await run('host', 'disconnect', host.hostname)).toMatchObject([{ success: 'true' }]);
  await run('host', 'block', host.hostname);
  expect(await run('host', 'list')).toMatchObject([{ state: 'banned', limit: 5 }]);
  await run('host', 'unblock', host.hostname);
  const other = await relay.addHost();
  await run('host', 'add', other.hostname);
  const upstream = await relay.addHost();
  await run('host', 'add-relay', upstream.hostname);
  await upstream.firehose.connection(1);
  expect((await run('host', 'list')).map(({ kind }) => kind)).toEqual(['pds', 'pds', 'relay']);
  expect((await lines(['host', 'list']))[0]).toMatch(/^hostname +kind +state +accounts/);
});

test('domains are banned and let in again', async () => {
  await run('domain', 'ban', 'noisy.example.com');
  expect(await run('domain', 'list')).toEqual([{ domain: 'noisy.example.com' }]);
  await run('domain', 'unban', 'noisy.example.com');
  expect(await lines(['domain', 'list'])).toEqual(['nothing found']);
});

test('accounts are shown, taken down and let back', async () => {
  expect(await run('account', 'info', alice.did)).toMatchObject([{ did: alice.did, active: true }]);
  expect(await run('account', 'takedown', alice.did)).toMatchObject([{ scrubbedEvents: 1 }]);
  expect(await run('account', 'takedowns')).toEqual([{ did: alice.did }]);
  await run('account', 'untakedown', alice.did);
  expect(await run('account', 'takedowns')).toEqual([]);
});

test('crawl requests are turned off and on; every act stands in the audit log', async () => {
  await run('crawl', 'off');
  expect((await relay.requestCrawl('pds.example.com')).status).toBe(403);
  await run('crawl', 'on');
  await run('crawl', 'limit', '7');
  expect((await run('audit', '--limit', '3')).map(({ path, params }) => [path, params])).toEqual([
    ['/admin/subs/setPerDayLimit', { limit: 7 }], ['/admin/subs/setEnabled', { enabled: true }], ['/admin/subs/setEnabled', { enabled: false }],
  ]);
  expect(await run('consumers')).toMatchObject([{ ip: '127.0.0.1', stream: 'subscribeRepos' }]);
});

test('a refusal is told in words, and so is a missing password', async () => {
  await expect(run('account', 'takedown', 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')).rejects.toThrow('knows no repository');
  await expect(lines(['consumers'], {})).rejects.toThrow('no admin password');
  await expect(run('host', 'limit', host.hostname, 'many')).rejects.toThrow('whole number');
});
