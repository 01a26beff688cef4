/**
 * Whole exports, against a walk of the same tree in memory: the same blocks in the same order, for trees of many layers, for
 * collections whose names begin alike, for equal records, for records longer than a piece or a run, and for nodes full of keys.
 */
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidAt, cidForCbor, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { writeCar, type CarBlock } from '@dunlin/protocol/car/write';
import { keyHeight } from '@dunlin/protocol/mst/key';
import { Mst } from '@dunlin/protocol/mst/tree';
import { walkTree } from '@dunlin/protocol/mst/walk';
import { signCommit } from '@dunlin/protocol/repo/commit';
import { openDatabase, type Database, type Statement } from '@dunlin/service/sqlite/database';
import { maxExportsAtOnce, RepoExporter } from '../../../pds/src/repo/export.ts';
import { RepoSnapshot } from '../../../pds/src/repo/export-blocks.ts';
import { pieceBytes } from '../../../pds/src/repo/export-car.ts';
import { HeadStore } from '../../../pds/src/repo/head-store.ts';
import { NodeStore } from '../../../pds/src/repo/node-store.ts';
import { maxPackedBytes } from '../../../pds/src/repo/packed-sections.ts';
import { RecordStore } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';

const account = 3;
const rev = '3kabcdefghijk';
const keypair = Keypair.generate();

interface Stored {
  database: Database;
  expected: Uint8Array;
}

/** Puts records where a commit would, and gives the CAR that a walk of the tree makes of them. */
function store(entries: Iterable<readonly [path: string, record: object]>): Stored {
  const database = openDatabase(':memory:', { migrations: [repoSchema] });
  const [nodes, records] = [new NodeStore(database, { cacheBytes: 10_000 }), new RecordStore(database)];
  const tree = Mst.empty();
  const blocks = new BlockMap();
  const expected = database.transaction(() => {
    for (const [path, record] of entries) {
      const bytes = encode(record);
      const cid = cidForCbor(bytes);
      const [collection, rkey] = path.split('/');
      tree.insert(path, cid);
      blocks.set(cid, bytes);
      records.put(account, { collection, rkey, cid: cid.bytes, rev, bytes });
    }
    const data = tree.root();
    const added = [...tree.newBlocks()];
    nodes.change(account, { rev, removed: [], added });
    const commit = signCommit({ did: 'did:web:a.example', data, rev, keypair });
    new HeadStore(database).set(account, { cid: commit.cid, data, rev }, commit.bytes);
    for (const [cid, bytes] of added) blocks.set(cid, bytes);
    blocks.set(commit.cid, commit.bytes);
    return writeCar(commit.cid, inOrder(blocks, { data, commit: commit.cid }));
  })();
  return { database, expected };
}

function* inOrder(blocks: BlockMap, { data, commit }: { data: Cid; commit: Cid }): Generator<CarBlock> {
  yield [commit, blocks.get(commit)!];
  for (const step of walkTree(blocks, cidToBytes(data))) {
    if (step.kind === 'node') yield [cidAt(step.link, 0), step.bytes];
    else yield [cidAt(step.value, 0), blocks.getBytes(step.value)!];
  }
}

function exportOf(database: Database): Buffer[] {
  const snapshot = new RepoSnapshot(database);
  const pieces = [...snapshot.pieces(account, snapshot.begin(account)!)(() => Buffer.allocUnsafeSlow(pieceBytes))];
  snapshot.end();
  return pieces;
}

function check({ database, expected }: Stored): void {
  expect(Buffer.concat(exportOf(database)).equals(Buffer.from(expected))).toBe(true);
  database.close();
}

const key = (index: number): string => `k${String(index * 7919).padStart(9, '0')}`;

test.each([0, 1, 2, 40, 700, 6_000])('a repository of %i records', (count) => {
  check(store(Array.from({ length: count }, (_none, index) => [`com.example.note/${key(index)}`, { text: `number ${index}`, index }])));
});

test('collections whose names begin alike, in the order of the tree', () => {
  const collections = ['com.example.note', 'com.example.note.more', 'com.example.note-two', 'com.example.noteb', 'com.example.nota', 'com.example.Note'];
  check(store(collections.flatMap((collection) => Array.from({ length: 300 }, (_none, index) => [`${collection}/${key(index)}`, { collection, index }] as const))));
});

test('equal records under many keys, each in its place', () => {
  check(store(Array.from({ length: 900 }, (_none, index) => [`com.example.like/${key(index)}`, { index: index % 3 }])));
});

test('records longer than a piece, and so many bytes that a run ends early', () => {
  const { database, expected } = store(Array.from({ length: 60 }, (_none, index) => [`com.example.long/${key(index)}`, { text: 'x'.repeat(index % 4 === 0 ? 900_000 : 60_000 + index) }]));
  const pieces = exportOf(database);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(pieceBytes + 900_100);
  check({ database, expected });
});

test('records on both sides of where their length takes two bytes, and of where they no longer lie with others', () => {
  // A map of one text: three bytes of head up to 255 bytes of text, four beyond.
  const contentsOf = (length: number): object => ({ t: 'x'.repeat(length - (length < 30 ? 4 : length < 260 ? 5 : 6)) });
  const lengths = [20, 91, 92, 93, maxPackedBytes - 1, maxPackedBytes, maxPackedBytes + 1, 20_000];
  for (const length of lengths) expect(encode(contentsOf(length))).toHaveLength(length);
  check(store(Array.from({ length: 240 }, (_none, index) => [`com.example.note/${key(index)}`, contentsOf(lengths[index % lengths.length])])));
});

test('nodes whose tags are the same', () => {
  const { database, expected } = store(Array.from({ length: 700 }, (_none, index) => [`com.example.note/${key(index)}`, { index }]));
  // Rows beside them that share the tag of each and are not in the tree.
  database.exec("INSERT INTO node (account, tag, cid, rev, bytes) SELECT account, tag, cast(substr(cid, 1, 35) || x'00' AS BLOB), rev, bytes FROM node WHERE hex(substr(cid, 36)) <> '00'");
  check({ database, expected });
});

test.each([30, 300])('a node of %i keys', (count) => {
  const paths: string[] = [];
  for (let index = 0; paths.length < count; index++) {
    const path = `com.example.flat/${key(index)}`;
    if (keyHeight(path) === 0) paths.push(path);
  }
  check(store(paths.map((path) => [path, { path }])));
});

test('of nodes no more is held than what is ahead of the walk, however many there are', () => {
  const { database, expected } = store(Array.from({ length: 30_000 }, (_none, index) => [`com.example.note/${key(index)}`, { index }]));
  const runs = runsOfNodes(database);
  const snapshot = new RepoSnapshot(database);
  const pieces: Buffer[] = [];
  let mostBytes = 0;
  for (const piece of snapshot.pieces(account, snapshot.begin(account)!)(() => Buffer.allocUnsafeSlow(pieceBytes))) {
    pieces.push(piece);
    mostBytes = Math.max(mostBytes, runs.reduce((sum, run) => sum + run.length, 0));
  }
  snapshot.end();
  expect(Buffer.concat(pieces).equals(Buffer.from(expected))).toBe(true);
  expect(runs.length).toBeGreaterThan(100);
  expect(mostBytes).toBeLessThan(200_000);
  database.close();
});

/** Gives the runs of nodes that are read from then on; one that was given back is empty. */
function runsOfNodes(database: Database): Buffer[] {
  const runs: Buffer[] = [];
  const prepare = database.prepare.bind(database) as (sql: string) => Statement<unknown[], unknown>;
  database.prepare = ((sql: string) => {
    const statement = prepare(sql);
    const get = statement.get.bind(statement);
    if (/group_concat[^]*FROM node/.test(sql)) {
      statement.get = (...given) => {
        const run = get(...given);
        if (Buffer.isBuffer(run)) runs.push(run);
        return run;
      };
    }
    return statement;
  }) as typeof database.prepare;
  return runs;
}

test('keys as long as keys may be', () => {
  check(store(Array.from({ length: 50 }, (_none, index) => [`com.example.${'long'.repeat(70)}/${'k'.repeat(450)}${key(index)}`, { index }])));
});

test('a record that the tree names and the table lacks ends the export', () => {
  const { database } = store([['com.example.note/a', { a: 1 }], ['com.example.note/b', { b: 1 }]]);
  database.exec("DELETE FROM record WHERE rkey = 'b'");
  expect(() => exportOf(database)).toThrow('the tree names a record that is not stored');
  database.close();
});

test('a node that is missing ends the export', () => {
  const { database } = store(Array.from({ length: 700 }, (_none, index) => [`com.example.note/${key(index)}`, { index }]));
  database.exec('DELETE FROM node WHERE id = (SELECT max(id) FROM node)');
  expect(() => exportOf(database)).toThrow('tree node is missing');
  database.close();
});

test('exports that cannot begin give their places back', async () => {
  const { database, expected } = store([['com.example.note/a', { a: 1 }]]);
  database.exec('CREATE TEMP TABLE kept AS SELECT * FROM recent_node; DELETE FROM recent_node');
  const exporter = new RepoExporter(() => database, () => undefined);
  for (let times = 0; times <= maxExportsAtOnce; times++) await expect(exporter.export(account, null)).rejects.toThrow('tree node is missing');
  expect(database.inTransaction).toBe(false);
  database.exec('INSERT INTO recent_node SELECT * FROM kept');
  expect((await buffer((await exporter.export(account, null))!)).equals(Buffer.from(expected))).toBe(true);
  exporter.close();
});

test('a database that cannot be opened takes no place', async () => {
  const { database, expected } = store([['com.example.note/a', { a: 1 }]]);
  let failures = maxExportsAtOnce;
  const open = (): Database => {
    if (failures-- > 0) throw new Error('too many open files');
    return database;
  };
  const exporter = new RepoExporter(open, () => undefined);
  for (let times = 0; times < maxExportsAtOnce; times++) await expect(exporter.export(account, null)).rejects.toThrow('too many open files');
  expect((await buffer((await exporter.export(account, null))!)).equals(Buffer.from(expected))).toBe(true);
  exporter.close();
});
