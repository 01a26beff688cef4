/** The operator's commands, run in this process against a PDS with real data. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@dunlin/service/log/logger';
import { adminPdsCommand } from '../../cli/src/admin-pds.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { totpCode, totpStep } from '../../pds/src/factor/totp.ts';
import { startPds } from '../../pds/src/pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { readSecret } from '../pds/factor/read-secret.ts';
import { call, post, startSmallPds, Subscriber, type Answer, type Person, type SmallPds } from '../pds/small-pds.ts';

let small: SmallPds;
let alice: Person;
const lines: string[] = [];
beforeAll(async () => {
  // Small runs, so that events lie in files too.
  small = await startSmallPds({ environment: { PDS_EVENT_RUN_BYTES: '4096' } });
  alice = await small.newPerson('alice');
});
afterAll(() => small.close());
beforeEach(() => {
  lines.length = 0;
});

/** By default a misused command ends the process. */
function throwOnMisuse(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  for (const each of command.commands) throwOnMisuse(each);
}

/** Runs a command and gives its results. */
async function run(...args: string[]): Promise<Record<string, unknown>[]> {
  lines.length = 0;
  const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_DATA_DIRECTORY: small.dataDirectory, PDS_ADMIN_PASSWORD: 'operator' } });
  throwOnMisuse(command);
  await command.parseAsync(['--url', small.url, '--json', ...args], { from: 'user' });
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
const signIn = (password: unknown, identifier = 'alice.test'): Promise<Answer> => small.call('com.atproto.server.createSession', { body: { identifier, password } });

describe('accounts', () => {
  test('are listed, shown and found by handle, address or DID', async () => {
    expect(await run('account', 'list')).toEqual([{ did: alice.did, handle: 'alice.test', email: 'alice@people.org', made: expect.any(String), status: 'active' }]);
    for (const name of [alice.did, 'alice.test', '@alice.test', 'Alice@people.org']) expect((await run('account', 'info', name))[0]).toMatchObject({ did: alice.did, status: 'active' });
    await expect(run('account', 'info', 'nobody@people.org')).rejects.toThrow('no account has this address');
    await expect(run('account', 'info', 'nobody.test')).rejects.toThrow('Unable to resolve handle');
  });

  test('are printed as a table without --json', async () => {
    const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_ADMIN_PASSWORD: 'operator' } });
    await command.parseAsync(['--url', small.url, 'account', 'list'], { from: 'user' });
    expect(lines).toEqual([expect.stringMatching(/^did +handle +email +made +status$/), expect.stringMatching(/^did:plc:\w+ {2}alice\.test {2}alice@people\.org {2}\S+ {2}active$/)]);
  });

  test('are made with a password that works', async () => {
    const [made] = await run('account', 'create', 'made.test', '--email', 'made@people.org');
    expect((await signIn(made?.['password'], 'made.test')).status).toBe(200);
    const [chosen] = await run('account', 'create', 'chosen.test', '--password', 'as I like');
    expect(chosen).toEqual({ did: expect.any(String), handle: 'chosen.test' });
    expect((await signIn('as I like', 'chosen.test')).status).toBe(200);
  });

  test('are taken down and up again, renamed, given another address and password, robbed of their credentials, deleted', async () => {
    await run('account', 'takedown', 'alice.test', '--ref', 'case 1');
    expect((await run('account', 'info', alice.did))[0]).toMatchObject({ status: 'takendown' });
    await run('account', 'untakedown', alice.did);
    await run('account', 'rename', 'made.test', 'remade.test');
    await run('account', 'set-email', 'remade.test', 'other@people.org');
    const [reset] = await run('account', 'reset-password', 'other@people.org');
    expect((await signIn(reset?.['password'], 'remade.test')).status).toBe(200);
    await run('account', 'revoke', 'remade.test');
    expect((await signIn(reset?.['password'], 'remade.test')).status).toBe(401);
    await expect(run('account', 'delete', 'remade.test')).rejects.toThrow('--yes');
    await run('account', 'delete', 'remade.test', '--yes');
    expect((await run('account', 'list')).map(({ handle }) => handle)).toEqual(['chosen.test', 'alice.test']);
  });

  test('are put out of service and in again, kept from inviting, and freed of factors they lost', async () => {
    await run('account', 'deactivate', 'chosen.test');
    expect((await run('account', 'list', '--state', 'deactivated')).map(({ handle }) => handle)).toEqual(['chosen.test']);
    await run('account', 'activate', 'chosen.test');
    await run('account', 'disable-invites', 'chosen.test');
    expect((await run('account', 'info', 'chosen.test'))[0]).toMatchObject({ status: 'active', invitesDisabled: true, sessions: 2 });
    await run('account', 'enable-invites', 'chosen.test');
    const session = await signIn('as I like', 'chosen.test');
    const { json } = await small.call('app.dunlin.account.startTotp', { method: 'POST', token: String(session.json['accessJwt']) });
    const code = totpCode(readSecret(String(json['secret'])), totpStep(Date.now()));
    await small.call('app.dunlin.account.confirmTotp', { body: { code }, token: String(session.json['accessJwt']) });
    expect((await signIn('as I like', 'chosen.test')).status).toBe(401);
    await run('account', 'remove-factors', 'chosen.test');
    expect((await signIn('as I like', 'chosen.test')).status).toBe(200);
    await expect(run('account', 'mail', 'alice.test', 'Hello')).rejects.toThrow('no mail server');
  });

  test('and records are taken down and up again, all of it is in the trail', async () => {
    const token = String((await signIn('alice password')).json['accessJwt']);
    const { json: { uri } } = await small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post('bad') }, token });
    const read = async (): Promise<unknown> => (await small.call('com.atproto.repo.listRecords', { params: { repo: alice.did, collection: 'app.bsky.feed.post' } })).json['records'];
    await run('takedown', String(uri), '--ref', 'case 2');
    expect(await read()).toEqual([]);
    await run('takedown', String(uri), '--lift');
    expect(await read()).toHaveLength(1);
    await expect(run('takedown', alice.did)).rejects.toThrow('at:// URI');
    expect(await run('audit', 'alice.test', '--limit', '2')).toMatchObject([
      { did: 'com.atproto.admin.updateSubjectStatus', to: alice.did, status: 200, input: { takedown: { applied: false } } },
      { did: 'com.atproto.admin.updateSubjectStatus', to: alice.did, input: { takedown: { applied: true, ref: 'case 2' } } },
    ]);
    expect((await run('audit')).length).toBeGreaterThan(10);
    expect((await run('status'))[0]).toMatchObject({ accounts: { active: 2 }, relays: [], mail: { isOn: false } });
  });

  test('have their codes read out', async () => {
    const token = String((await signIn('alice password')).json['accessJwt']);
    await small.call('com.atproto.server.requestAccountDelete', { method: 'POST', token });
    expect(await run('codes', 'alice.test')).toMatchObject([{ purpose: 'delete_account', code: expect.stringMatching(/^[A-Z2-7]{5}-[A-Z2-7]{5}$/) }]);
  });
});

test('invite codes are made, listed and disabled', async () => {
  const made = await run('invite', 'create', '--count', '2', '--uses', '3');
  expect(made).toHaveLength(2);
  await run('invite', 'create', '--for', 'alice.test');
  await run('invite', 'disable', String(made[0]?.['code']));
  const listed = await run('invite', 'list');
  expect(listed).toHaveLength(3);
  expect(listed.filter(({ disabled }) => disabled)).toMatchObject([{ code: made[0]?.['code'], available: 3, uses: 0, for: 'admin' }]);
  await expect(run('invite', 'create', '--count', '0')).rejects.toThrow('whole number');
});

test('identities are published again, keys rotated, relays asked', async () => {
  const subscriber = await new Subscriber(small.url).opened();
  await run('publish-identity', '--all');
  await run('rotate-keys', 'alice.test');
  expect(await subscriber.take(4)).toMatchObject([{ kind: 'identity' }, { kind: 'identity' }, { kind: 'identity', did: alice.did }, { kind: 'sync', did: alice.did }]);
  subscriber.close();
  await expect(run('rotate-keys')).rejects.toThrow('no account is named');
  await expect(run('request-crawl')).rejects.toThrow('no relay is named');
  await expect(run('request-crawl', 'http://localhost:1')).rejects.toThrow('1 of 1 failed');
  expect(JSON.parse(lines[0]!)).toMatchObject({ failed: 'http://localhost:1' });
});

test('blobs are compared with their files', async () => {
  const token = String((await signIn('alice password')).json['accessJwt']);
  const upload = async (text: string): Promise<string> => {
    const { json } = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from(text), headers: { 'content-type': 'text/plain' }, token });
    return (json['blob'] as { ref: { $link: string } }).ref.$link;
  };
  const [lost, cut, changed, fine] = [await upload('lost'), await upload('cut'), await upload('changed'), await upload('fine')];
  expect(await run('blob', 'fsck', '--deep')).toEqual([{ found: 0 }]);
  const folder = join(small.dataDirectory, 'blobs', alice.did);
  await rm(join(folder, lost));
  await writeFile(join(folder, cut), 'cu');
  await writeFile(join(folder, changed), 'CHANGED');
  await writeFile(join(folder, 'stray'), '');
  await expect(run('blob', 'fsck')).rejects.toThrow('blobs are not as they should be');
  const kinds = (): unknown => Object.fromEntries(lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ cid }) => cid !== undefined).map(({ cid, kind }) => [cid, kind]));
  expect(kinds()).toEqual({ [lost]: 'missing', [cut]: 'wrongSize', stray: 'unknownFile' });
  await expect(run('blob', 'fsck', '--deep')).rejects.toThrow();
  expect(kinds()).toEqual({ [lost]: 'missing', [cut]: 'wrongSize', [changed]: 'wrongContents', stray: 'unknownFile' });
  for (const [cid, text] of [[lost, 'lost'], [cut, 'cut'], [changed, 'changed']] as const) await writeFile(join(folder, cid), text);
  await rm(join(folder, 'stray'));
  expect(fine).toMatch(/^bafkrei/);
});

/** Replays from the oldest event to one, and gives the frames. */
async function eventsUpTo(url: string, seq: number): Promise<Buffer[]> {
  const subscriber = new Subscriber(url, 0);
  try {
    const index = await eventually('the event is seen', () => subscriber.seen.findIndex((event) => 'seq' in event && event.seq === seq) + 1);
    return subscriber.frames.slice(0, index);
  } finally {
    subscriber.close();
  }
}

test('a backup made while people write is restored elsewhere: everything of that moment is there, seqs go on far above, repositories are told anew', async () => {
  const folder = await temporaryFolder();
  const backup = join(folder.path, 'backup');
  const token = String((await signIn('alice password')).json['accessJwt']);
  const write = (text: string): Promise<Answer> => small.call('com.atproto.repo.createRecord', { body: { repo: alice.did, collection: 'app.bsky.feed.post', record: post(text) }, token });
  const { json: upload } = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from('picture'), headers: { 'content-type': 'image/png' }, token });
  await small.call('com.atproto.repo.putRecord', { body: { repo: alice.did, collection: 'app.bsky.actor.profile', rkey: 'self', record: { avatar: upload['blob'] } }, token });
  for (let n = 0; n < 20; n++) await write('before');
  const isDone = { yes: false };
  const writing = (async () => {
    while (!isDone.yes) await write('meanwhile');
  })();
  const [made] = await run('backup', backup);
  isDone.yes = true;
  await writing;
  expect(made).toMatchObject({ accounts: 2, missingBlobs: 0, format: 1 });
  expect((await write('after')).status).toBe(200);
  const [again] = await run('backup', backup);
  expect(again).toMatchObject({ accounts: 2 });
  const before = await eventsUpTo(small.url, Number(again?.['headSeq']));
  await write('lost');
  await small.pds.close();

  const restored = join(folder.path, 'restored');
  const other = adminPdsCommand({ write: () => undefined, env: { PDS_DATA_DIRECTORY: restored } });
  await other.parseAsync(['restore', backup], { from: 'user' });
  await expect(adminPdsCommand({ write: () => undefined, env: { PDS_DATA_DIRECTORY: restored } }).parseAsync(['restore', backup], { from: 'user' })).rejects.toThrow('holds a server already');
  await mkdir(join(folder.path, 'empty'));
  await expect(adminPdsCommand({ write: () => undefined, env: { PDS_DATA_DIRECTORY: join(folder.path, 'x') } }).parseAsync(['restore', join(folder.path, 'empty')], { from: 'user' })).rejects.toThrow('no whole backup');
  const start = (): ReturnType<typeof startPds> => startPds(readPdsConfig({ PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: restored, PDS_DID_PLC_URL: small.plc.url, PDS_DEV_MODE: 'true', PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_ADMIN_PASSWORD: 'operator' }), { log: silentLogger });
  const pds = await start();
  try {
    const { json: trail } = await call(pds.url, 'app.dunlin.admin.listActs', { headers: small.admin, params: { limit: 1 } });
    expect(trail['acts']).toMatchObject([{ method: 'dunlin admin pds restore', actor: 'operator', address: 'shell', agent: expect.stringMatching(/.@./), status: 200, input: { from: backup, backup: again?.['createdAt'] } }]);
    const subscriber = new Subscriber(pds.url, Number(again?.['headSeq']));
    const events = await subscriber.take(2);
    expect(events).toMatchObject([{ kind: 'sync' }, { kind: 'sync' }]);
    expect((events[0] as { seq: number }).seq).toBe(Number(again?.['headSeq']) + 10_000_001);
    subscriber.close();
    expect((await readdir(join(restored, 'events'))).length).toBeGreaterThan(0);
    expect(await eventsUpTo(pds.url, Number(again?.['headSeq']))).toEqual(before);
    const { json: listed } = await call(pds.url, 'com.atproto.repo.listRecords', { params: { repo: alice.did, collection: 'app.bsky.feed.post', limit: 1 } });
    expect(listed['records']).toMatchObject([{ value: { text: 'after' } }]);
    const blob = await call(pds.url, 'com.atproto.sync.getBlob', { params: { did: alice.did, cid: String((upload['blob'] as { ref: { $link: string } }).ref.$link) } });
    expect(blob.bytes.toString()).toBe('picture');
    expect((await call(pds.url, 'com.atproto.server.createSession', { body: { identifier: 'alice.test', password: 'alice password' } })).status).toBe(200);
  } finally {
    await pds.close();
  }
  const twice = await start();
  const { headers } = await call(twice.url, 'com.atproto.sync.getHead', { params: { did: alice.did } });
  expect(headers.get('content-type')).toContain('json');
  await twice.close();

  const [lost] = await readdir(join(restored, 'events'));
  await rm(join(restored, 'events', lost!));
  await expect(start()).rejects.toThrow('events are missing');
  const mend = (...words: readonly string[]): Promise<unknown> => adminPdsCommand({ write: () => undefined, env: { PDS_DATA_DIRECTORY: restored } }).parseAsync(['events', 'fsck', ...words], { from: 'user' });
  await expect(mend()).rejects.toThrow('events are damaged');
  await mend('--mend');
  await mend();
  const thrice = await start();
  const told = new Subscriber(thrice.url, Number(again?.['headSeq']) + 10_000_002);
  expect(await told.take(2)).toMatchObject([{ kind: 'sync' }, { kind: 'sync' }]);
  told.close();
  await thrice.close();
  await small.restart();
  await folder.remove();
});
