import { describe, expect, test } from '@jest/globals';
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { exportRepo } from '@dunlin/protocol/repo/export';
import { keysOfHeight } from '../mst/nodes.ts';
import { putOf, recordOf, WrittenRepo } from './writer.ts';

const refusal = (code: string): unknown => expect.objectContaining({ name: 'ProtocolError', code });

describe('exportRepo', () => {
  test('gives the commit, then nodes before what is in them, records in key order', () => {
    const repo = new WrittenRepo();
    repo.put(...keysOfHeight(0, 12), ...keysOfHeight(1, 3), ...keysOfHeight(2, 1));
    const blocks = [...exportRepo(repo.blocks, repo.head!)];
    expect(blocks.slice(0, 2).map(([cid]) => cid.toString())).toEqual([repo.head!.cid, repo.head!.data].map(String));
    const records = [...repo.records].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, cid]) => cid.toString());
    expect(blocks.map(([cid]) => cid.toString()).filter((cid) => records.includes(cid))).toEqual(records);
    expect(new Set(blocks.map(([cid]) => cid.toString())).size).toBe(blocks.length);
    const { roots, blocks: read } = readCar(writeCar(repo.head!.cid, blocks));
    expect(roots.map(String)).toEqual([repo.head!.cid.toString()]);
    expect(read.size).toBe(repo.blocks.size);
  });

  test('gives a large record once and passes by what is to be skipped', () => {
    const repo = new WrittenRepo();
    const large = 'l'.repeat(2000);
    repo.write([putOf('create', 'com.example.a/1', large), putOf('create', 'com.example.a/2', large), putOf('create', 'com.example.a/3', 's')]);
    const cids = [...exportRepo(repo.blocks, repo.head!)].map(([cid]) => cid.toString());
    expect(cids.filter((cid) => cid === recordOf(large).cid.toString()).length).toBe(1);
    const skipped = new Set([repo.head!.cid, recordOf('s').cid].map(String));
    const rest = [...exportRepo(repo.blocks, repo.head!, { skip: (cid) => skipped.has(cid.toString()) })].map(([cid]) => cid.toString());
    expect(rest).toEqual(cids.filter((cid) => !skipped.has(cid)));
    expect([...exportRepo(repo.blocks, repo.head!, { skip: () => true })]).toEqual([]);
  });

  test('ends at a block that is missing', () => {
    const repo = new WrittenRepo();
    repo.put('com.example.a/1');
    const less = new BlockMap();
    for (const [cid, bytes] of repo.blocks) if (!cid.equals(repo.records.get('com.example.a/1')!)) less.set(cid, bytes);
    expect(() => [...exportRepo(less, repo.head!)]).toThrow(refusal('MissingBlock'));
    expect(() => [...exportRepo(new BlockMap(), repo.head!)]).toThrow(refusal('MissingBlock'));
  });
});
