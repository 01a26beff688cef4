/** A server whose disk went back in time asks its relays and jumps past what they have heard. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock, systemClock } from '@dunlin/protocol/base/clock';
import { silentLogger } from '@dunlin/service/log/logger';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { guardSeqJump, SequenceGuard } from '../../../pds/src/backup/sequence-guard.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';

let database: Database;
let sequencer: Sequencer;
let server: Server;
let answer: { status: number; body: unknown };
let asked: string[];
beforeEach(async () => {
  database = openDatabase(':memory:', { migrations: [sequencerSchema, eventRunSchema] });
  sequencer = new Sequencer(database, new ManualClock());
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  database.close();
});

const check = (more: string[] = []): Promise<void> =>
  new SequenceGuard({ sequencer, relays: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...more], fetch, clock: systemClock, log: silentLogger }).check('pds.example.org');
const stage = (): number => {
  const seq = sequencer.stage(1, { kind: 'identity', did: 'did:web:a.org', handle: 'a.org' });
  sequencer.publish();
  return seq;
};

test('a server that is behind jumps past the relay, for ever', async () => {
  stage();
  answer = { status: 200, body: { hostname: 'pds.example.org', seq: 5_000 } };
  await check();
  expect(asked).toEqual(['/xrpc/com.atproto.sync.getHostStatus?hostname=pds.example.org']);
  expect(sequencer.headSeq()).toBe(5_000 + guardSeqJump);
  expect(new Sequencer(database, new ManualClock()).headSeq()).toBe(5_000 + guardSeqJump);
  expect(stage()).toBe(5_001 + guardSeqJump);
  expect(sequencer.readTail(1, 1_000_000)?.firstSeq).toBe(5_001 + guardSeqJump);
});

test.each([
  ['is where the relay is', { status: 200, body: { seq: 2 } }],
  ['is ahead', { status: 200, body: { seq: 1 } }],
  ['is not known', { status: 404, body: { error: 'HostNotFound' } }],
  ['is told nothing', { status: 200, body: {} }],
  ['is told nonsense', { status: 200, body: { seq: '7' } }],
  ['finds the relay in trouble', { status: 500, body: {} }],
])('a server that %s goes on as it was', async (_what, given) => {
  stage();
  stage();
  answer = given;
  await check(['http://127.0.0.1:1']);
  expect(sequencer.headSeq()).toBe(2);
  expect(stage()).toBe(3);
});

test('a server that has told nothing yet jumps too', async () => {
  answer = { status: 200, body: { seq: 10 } };
  await check();
  expect([sequencer.headSeq(), sequencer.oldestSeq()]).toEqual([10 + guardSeqJump, 11 + guardSeqJump]);
  expect(stage()).toBe(11 + guardSeqJump);
});
