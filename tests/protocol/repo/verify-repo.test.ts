import { describe, expect, test } from '@jest/globals';
import { getFullRepo, MemoryBlockstore, readCar as referenceReadCar, Repo as ReferenceRepo, verifyProofs, verifyRepoCar as referenceVerifyRepoCar } from '@atproto/repo';
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { recordProof } from '@dunlin/protocol/mst/proof';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { signCommit } from '@dunlin/protocol/repo/commit';
import { exportRepo } from '@dunlin/protocol/repo/export';
import { verifyRecordCar, verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { keysOfHeight, rawNode, valueOf } from '../mst/nodes.ts';
import { referenceKeypair, toReference } from './reference.ts';
import { WrittenRepo } from './writer.ts';

const refusal = (code: string): unknown => expect.objectContaining({ code });

function bigRepo(records: number): WrittenRepo {
  const repo = new WrittenRepo();
  repo.write();
  for (let from = 0; from < records; from += 200) repo.put(...Array.from({ length: Math.min(200, records - from) }, (_, n) => `com.example.c${n % 3}/${((from + n) * 7919) % 100_003}`));
  return repo;
}

const carOf = (repo: WrittenRepo): Uint8Array => writeCar(repo.head!.cid, exportRepo(repo.blocks, repo.head!));

describe('whole repositories', () => {
  test('of ten thousand records are read by the reference as we write them', async () => {
    const repo = bigRepo(10_000);
    const car = carOf(repo);
    expect(verifyRepoCar(car, repo.did, repo.keypair.publicKey)).toMatchObject({ recordCount: 10_000, commit: { rev: repo.head!.rev } });
    const theirs = await referenceVerifyRepoCar(car, repo.did as never, repo.keypair.did);
    expect(theirs.creates.length).toBe(10_000);
    expect(theirs.commit.cid.toString()).toBe(repo.head!.cid.toString());
  });

  test('that the reference writes are read by us', async () => {
    const keypair = Keypair.generate();
    const storage = new MemoryBlockstore();
    let theirs = await ReferenceRepo.create(storage, 'did:plc:ewvi7nxzyoun6zhxrhs64oiz' as never, await referenceKeypair(keypair.privateBytes()));
    const writes = Array.from({ length: 150 }, (_, n) => ({ action: 'create' as never, collection: 'com.example.a' as never, rkey: `k${n * 31}` as never, record: { $type: 'com.example.a', n } }));
    theirs = await theirs.applyWrites(writes, await referenceKeypair(keypair.privateBytes()));
    const chunks: Uint8Array[] = [];
    for await (const chunk of getFullRepo(storage, theirs.cid)) chunks.push(chunk);
    const verified = verifyRepoCar(Buffer.concat(chunks), 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', keypair.publicKey);
    expect(verified).toMatchObject({ recordCount: 150 });
    expect(verified.cid.toString()).toBe(theirs.cid.toString());
    const again = writeCar(verified.cid, exportRepo(verified.blocks, { cid: verified.cid, data: verified.commit.data }));
    expect((await referenceReadCar(again)).blocks.size).toBe(verified.blocks.size);
  });

  test('are refused when a block is missing, whichever it is', () => {
    const repo = bigRepo(40);
    const all = [...exportRepo(repo.blocks, repo.head!)];
    for (let index = 0; index < all.length; index++) {
      expect(() => verifyRepoCar(writeCar(repo.head!.cid, all.toSpliced(index, 1)), repo.did, repo.keypair.publicKey)).toThrow(refusal('MissingBlock'));
    }
  });

  test('are refused for another account, key, root, or a record that is not canonical', () => {
    const repo = bigRepo(5);
    const car = carOf(repo);
    expect(() => verifyRepoCar(car, 'did:web:example.com', repo.keypair.publicKey)).toThrow(refusal('InvalidRepo'));
    expect(() => verifyRepoCar(car, repo.did, Keypair.generate().publicKey)).toThrow(refusal('InvalidRepo'));
    expect(() => verifyRepoCar(writeCar(null, exportRepo(repo.blocks, repo.head!)), repo.did, repo.keypair.publicKey)).toThrow(refusal('InvalidRepo'));
    expect(() => verifyRepoCar(writeCar(repo.head!.data, exportRepo(repo.blocks, repo.head!)), repo.did, repo.keypair.publicKey)).toThrow(refusal('InvalidCommit'));
    expect(() => verifyRepoCar(car.subarray(0, -3), repo.did, repo.keypair.publicKey)).toThrow(refusal('InvalidCar'));
    for (const record of [Uint8Array.of(0x18, 1), Uint8Array.of(1, 1)]) {
      const blocks = new BlockMap();
      const data = blocks.add(rawNode(null, [{ p: 0, k: new TextEncoder().encode(keysOfHeight(0, 1)[0]!), v: blocks.add(record), t: null }]));
      const { cid, bytes } = signCommit({ did: repo.did, data, rev: repo.nextRev(), keypair: repo.keypair });
      blocks.set(cid, bytes);
      expect(() => verifyRepoCar(writeCar(cid, blocks), repo.did, repo.keypair.publicKey)).toThrow(refusal('InvalidRepo'));
    }
  });
});

describe('proofs of a record', () => {
  const repo = bigRepo(300);
  const proofOf = (path: string, withRecord = true): Uint8Array => {
    const blocks = new BlockMap();
    blocks.set(repo.head!.cid, repo.blocks.get(repo.head!.cid)!);
    blocks.addAll(recordProof(repo.blocks, repo.head!.data, path));
    const cid = repo.records.get(path);
    if (cid !== undefined && withRecord) blocks.set(cid, repo.blocks.get(cid)!);
    return writeCar(repo.head!.cid, blocks);
  };

  test('give the record, or say that there is none; the reference agrees', async () => {
    for (const path of [...[...repo.records.keys()].slice(0, 20), 'com.example.c1/none', 'com.example.c9/none', 'a.b.c/x']) {
      const expected = repo.records.get(path) ?? null;
      const found = verifyRecordCar(proofOf(path), repo.did, repo.keypair.publicKey, path);
      expect(found?.cid.toString()).toBe(expected?.toString());
      if (found !== null) expect(cidForCbor(found.bytes).equals(found.cid)).toBe(true);
      const [collection, rkey] = path.split('/') as [string, string];
      const theirs = await verifyProofs(proofOf(path), [{ collection: collection as never, rkey: rkey as never, cid: expected && toReference(expected) }], repo.did as never, repo.keypair.did);
      expect(theirs.unverified).toEqual([]);
    }
  });

  test('without the record, or about another path, prove nothing', () => {
    const [path, other] = [...repo.records.keys()] as [string, string];
    expect(() => verifyRecordCar(proofOf(path, false), repo.did, repo.keypair.publicKey, path)).toThrow(refusal('MissingBlock'));
    const proved = new Set([...walkEntries(repo.blocks, repo.head!.data)].map(({ key }) => key));
    expect(proved.has(other)).toBe(true);
    expect(() => verifyRecordCar(proofOf(path), repo.did, Keypair.generate().publicKey, path)).toThrow(refusal('InvalidRepo'));
  });
});

test('the reference\'s reader gets every block of an event as we write it', async () => {
  const repo = bigRepo(100);
  const made = repo.put('com.example.a/x');
  const read = await referenceReadCar(writeCar(made.cid, made.eventBlocks));
  expect(read.roots.map(String)).toEqual([made.cid.toString()]);
  expect(read.blocks.size).toBe(made.eventBlocks.size);
  for (const [cid, bytes] of made.eventBlocks) expect(Buffer.compare(read.blocks.get(toReference(cid))!, bytes)).toBe(0);
  expect(encode(1).length).toBe(1);
  expect(valueOf(1).version).toBe(1);
});
