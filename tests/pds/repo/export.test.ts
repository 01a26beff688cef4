/** Places of exports: held only by who reads at a pace, and only while there is something to read for them. */
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { request, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { Mst } from '@dunlin/protocol/mst/tree';
import { signCommit } from '@dunlin/protocol/repo/commit';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { exportPace, longAfterMs, maxExportsAtOnce, maxLongExports, RepoExporter } from '../../../pds/src/repo/export.ts';
import { HeadStore } from '../../../pds/src/repo/head-store.ts';
import { NodeStore } from '../../../pds/src/repo/node-store.ts';
import { RecordStore } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';
import { temporaryFolder } from '../../harness/temporary.ts';
import { closeServices, openApp, whenDone } from '../../service/http/open-app.ts';

const [small, large] = [1, 2];
let clock: ManualClock;
let exporter: RepoExporter;
let faults: unknown[];
beforeEach(async () => {
  const folder = await temporaryFolder();
  whenDone(() => folder.remove());
  const path = `${folder.path}/pds.sqlite`;
  const database = openDatabase(path, { migrations: [repoSchema] });
  whenDone(() => void database.close());
  const [nodes, records] = [new NodeStore(database, { cacheBytes: 10_000 }), new RecordStore(database)];
  const rev = '3kabcdefghijk';
  for (const [account, count] of [[small, 1], [large, 120]] as const) {
    const tree = Mst.empty();
    for (let index = 0; index < count; index++) {
      const bytes = encode({ text: 'x'.repeat(100_000), index });
      const cid = cidForCbor(bytes);
      tree.insert(`com.example.note/k${index}`, cid);
      records.put(account, { collection: 'com.example.note', rkey: `k${index}`, cid: cid.bytes, rev, bytes });
    }
    nodes.change(account, { rev, removed: [], added: [...tree.newBlocks()] });
    const commit = signCommit({ did: 'did:web:a.example', data: tree.root(), rev, keypair: Keypair.generate() });
    new HeadStore(database).set(account, { cid: commit.cid, data: tree.root(), rev }, commit.bytes);
  }
  clock = new ManualClock();
  faults = [];
  exporter = new RepoExporter(() => openDatabase(path, { migrations: [repoSchema], readonly: true }), (fault) => void faults.push(fault), clock);
  whenDone(() => exporter.close());
});
afterEach(closeServices);

/** Asks for an export over HTTP and gives the answer, of which nothing is read yet. */
async function ask(account: number, since: string | null): Promise<{ answer: IncomingMessage; body: Readable }> {
  const body = (await exporter.export(account, since))!;
  const { url } = await openApp({ prepare: (app) => app.use((context) => void (context.body = body)) });
  const asked = request(url);
  whenDone(() => void asked.destroy());
  asked.on('error', () => undefined);
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return { answer, body };
}

test.each([['whole', null], ['since a revision', '2222222222222']])('a reader of one %s that takes too little loses the place to who waits', async (_what, since) => {
  const held = await Promise.all(Array.from({ length: maxExportsAtOnce }, () => ask(large, since)));
  const next = exporter.export(small, null);
  for (let drips = 0; drips < 6; drips++) {
    for (const { answer } of held) answer.read(1_000);
    clock.advance(exportPace.windowMs / 4);
  }
  expect(held.map(({ body }) => body.destroyed)).toEqual(held.map(() => true));
  expect((await buffer((await next)!)).length).toBeGreaterThan(100_000);
  expect(faults).toEqual([]);
});

test('a reader that is slow and keeps the pace gets all of it', async () => {
  let [bytes, ofWindow] = [0, 0];
  for await (const chunk of (await exporter.export(large, null)) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    ofWindow += chunk.length;
    if (ofWindow < exportPace.leastBytes) continue;
    clock.advance(exportPace.windowMs / 2);
    ofWindow = 0;
  }
  expect(bytes).toBeGreaterThan(12_000_000);
});

test('an export of which nothing is left to read holds no place, however slowly it is taken', async () => {
  const held = await Promise.all(Array.from({ length: maxExportsAtOnce + 1 }, () => ask(small, null)));
  clock.advance(2 * exportPace.windowMs);
  for (const { answer } of held) expect((await buffer(answer)).length).toBeGreaterThan(100_000);
});

/** Begins exports that hold places, and reads a piece or so many of each. */
async function holdLarge(count: number, pieces: (index: number) => number = () => 1): Promise<Readable[]> {
  const held = await Promise.all(Array.from({ length: count }, () => exporter.export(large, null)));
  for (const [index, each] of held.entries()) {
    whenDone(() => void each!.destroy());
    for (let piece = 0; piece < pieces(index); piece++) if (each!.read() === null) await once(each!, 'readable');
  }
  return held.map((each) => each!);
}

test('who reads for long keeps nobody waiting any more, and who reads for less does', async () => {
  await holdLarge(maxExportsAtOnce);
  let isHad = false;
  const waiting = exporter.export(small, null).then((body) => {
    isHad = true;
    return buffer(body!);
  });
  clock.advance(longAfterMs - 1_000);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(isHad).toBe(false);
  clock.advance(1_000);
  expect((await waiting).length).toBeGreaterThan(100_000);
});

test('of so many long ones that no place is left the slowest is cut off, and only while somebody waits', async () => {
  const held = await holdLarge(maxExportsAtOnce);
  for (let long = maxExportsAtOnce; long < maxExportsAtOnce + maxLongExports; long += maxExportsAtOnce) {
    clock.advance(longAfterMs);
    held.push(...(await holdLarge(maxExportsAtOnce, (index) => index + 2)));
  }
  clock.advance(longAfterMs);
  const isOpen = (): boolean[] => held.map(({ destroyed }) => !destroyed);
  expect(isOpen().every(Boolean)).toBe(true);
  const waiting = exporter.export(small, null).then((body) => buffer(body!));
  clock.advance(1_000);
  expect(isOpen().filter((each) => !each)).toHaveLength(1);
  expect((await waiting).length).toBeGreaterThan(100_000);
  clock.advance(10_000);
  expect(isOpen().filter((each) => !each)).toHaveLength(1);
  expect(faults).toEqual([]);
});
