/**
 * A PDS moves to another host name (here: another port) and is killed with -9 in the middle of it: the rename goes on where it was, every
 * account's DID gets one operation, the relay hears of each, and takes commits from the new host. Real directory, real relay, real command.
 */
import { expect, test } from '@jest/globals';
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { fetchPlcAuditLog } from '@dunlin/protocol/identity/did-plc';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc } from '../../plc/src/plc.ts';
import { readRelayConfig } from '../../relay/src/config.ts';
import { startRelay } from '../../relay/src/relay.ts';
import { runDunlin, startDunlin, type StartedProcess } from '../harness/process.ts';
import { freePort, temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { call, Subscriber } from '../pds/small-pds.ts';

const people = 12;

test('a rename that is killed in the middle goes on, and the relay follows the accounts to the new host', async () => {
  const folder = await temporaryFolder();
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  const relay = await startRelay(readRelayConfig({
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: join(folder.path, 'relay'), RELAY_PLC_HOST: plc.url, RELAY_ALLOW_INSECURE_HOSTS: 'true',
  }), { log: silentLogger, hostBackoff: { minMs: 5, maxMs: 50 } });
  const [oldPort, newPort] = [await freePort(), await freePort()];
  const environment = {
    PDS_HOSTNAME: 'localhost', PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DEV_MODE: 'true', PDS_DID_PLC_URL: plc.url, PDS_CRAWLERS: relay.url, PDS_ADMIN_PASSWORD: 'operator',
    PDS_SERVICE_HANDLE_DOMAINS: '.new.test,.old.test', PDS_FORMER_HOSTNAMES: `localhost:${oldPort}`,
  };
  const start = (port: number): Promise<StartedProcess> => startDunlin(['pds'], { ...environment, PDS_PORT: String(port) });
  let pds = await start(oldPort);
  const seen = new Subscriber(relay.url, 0);
  try {
    const crowd: { did: string; token: string }[] = [];
    for (let n = 0; n < people; n++) {
      const { json } = await call(`http://localhost:${oldPort}`, 'com.atproto.server.createAccount', { body: { handle: `person${n}.old.test` } });
      crowd.push({ did: String(json['did']), token: String(json['accessJwt']) });
    }
    const told = (kind: string): Set<string> => new Set(seen.seen.flatMap((event) => (event.kind === kind && 'did' in event ? [event.did] : [])));
    await eventually('the relay knows everybody', () => told('commit').size === people);
    const identitiesBefore = seen.seen.filter(({ kind }) => kind === 'identity').length;
    await pds.stop();
    pds = await start(newPort);

    const opsOf = async (did: string): Promise<number> => ((await fetchPlcAuditLog({ plcUrl: plc.url, fetch, clock: systemClock }, did)) ?? []).length;
    const command = ['admin', 'pds', '--url', `http://localhost:${newPort}`, '--json', 'rename-host', `localhost:${newPort}`, '--from', `localhost:${oldPort}`, '--handle-domains', '.old.test=.new.test', '--per-second', '20', '--yes'];
    const running = runDunlin(command, environment);
    await eventually('some are renamed', async () => (await opsOf(crowd[4]!.did)) === 2);
    await pds.stop('SIGKILL');
    expect((await running).code).toBe(1);
    expect(await opsOf(crowd.at(-1)!.did)).toBe(1);

    pds = await start(newPort);
    const { code, stdout, stderr } = await runDunlin(command, environment);
    expect([code, stderr]).toEqual([0, '']);
    const total = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>).find(({ dryRun }) => dryRun === false)!;
    expect(Number(total['done'])).toBeGreaterThanOrEqual(4);
    expect(Number(total['done']) + Number(total['changed'])).toBe(people);
    for (const { did } of crowd) expect(await opsOf(did)).toBe(2);

    await eventually('the relay told of everybody again', () => seen.seen.filter(({ kind }) => kind === 'identity').length >= identitiesBefore + people);
    for (const [n, { did, token }] of crowd.entries()) {
      const identity = seen.seen.findLast((event) => event.kind === 'identity' && event.did === did) as { handle: string | null };
      // The server was gone at the moment when the relay asked it for the last one's handle.
      expect(n < people - 4 ? [null, `person${n}.new.test`] : [`person${n}.new.test`]).toContain(identity.handle);
      const written = await call(`http://localhost:${newPort}`, 'com.atproto.repo.createRecord', { body: { repo: did, collection: 'com.example.note', rkey: 'moved', record: { n } }, token });
      expect(written.status).toBe(200);
    }
    const isTaken = (did: string): boolean => seen.seen.some((event) => event.kind === 'commit' && event.did === did && event.ops.some(({ path }) => path === 'com.example.note/moved'));
    await eventually('the relay took a commit of everybody', () => crowd.every(({ did }) => isTaken(did)));
    const { json } = await call(relay.url, 'com.atproto.sync.getHostStatus', { params: { hostname: `localhost:${newPort}` } });
    expect(json).toMatchObject({ status: 'active', accountCount: people });
  } finally {
    seen.close();
    await pds.stop('SIGKILL');
    await relay.close();
    await plc.close();
    await folder.remove();
  }
}, 120_000);
