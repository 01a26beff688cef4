import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Repo as ReferenceRepo, verifyProofs } from '@atproto/repo';
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, type Cid } from '@dunlin/protocol/data/cid';
import { invertOperations } from '@dunlin/protocol/mst/invert';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { applyWrites, type CommitData } from '@dunlin/protocol/repo/apply';
import { decodeCommit, verifyCommitSignature } from '@dunlin/protocol/repo/commit';
import { exportRepo } from '@dunlin/protocol/repo/export';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { arbitraryKey } from '../mst/arbitrary.ts';
import { referenceKeypair, referenceStore, toReference } from './reference.ts';
import { deleteOf, putOf, recordOf, WrittenRepo } from './writer.ts';

const refusal = (code: string): unknown => expect.objectContaining({ name: 'ProtocolError', code });

interface Step {
  readonly path: string;
  readonly kind: 'put' | 'delete';
  readonly n: number;
}

const arbitrarySteps = fc.uniqueArray(
  fc.record({ path: arbitraryKey, kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const), n: fc.nat(9) }),
  { maxLength: 12, size: 'max', selector: ({ path }) => path },
);

/** What of these steps can be done to the repository, as writes. */
function writesOf(repo: WrittenRepo, steps: readonly Step[]): PreparedWrite[] {
  return steps.flatMap(({ path, kind, n }): PreparedWrite[] => {
    if (kind === 'put') return [putOf(repo.records.has(path) ? 'update' : 'create', path, n)];
    return repo.records.has(path) ? [deleteOf(path)] : [];
  });
}

/** The blocks a repository is made of: what an export of it gives. */
function liveBlocks(repo: WrittenRepo): Set<string> {
  return new Set([...exportRepo(repo.blocks, repo.head!)].map(([cid]) => cid.toString()));
}

async function checkByReference(made: CommitData, keypair: Keypair): Promise<void> {
  const claims = made.ops.map(({ path, cid }) => ({ collection: path.split('/')[0] as never, rkey: path.split('/')[1] as never, cid: cid && toReference(cid) }));
  const { verified, unverified } = await verifyProofs(writeCar(made.cid, made.eventBlocks), claims, made.did as never, keypair.did);
  expect(unverified).toEqual([]);
  expect(verified.length).toBe(made.ops.length);
}

/** Gives a create whose record has exactly this many bytes. */
function sized(path: string, length: number): PreparedWrite {
    const [collection, rkey] = path.split('/') as [string, string];
    const overhead = encode({ b: new Uint8Array(500_000) }).length - 500_000;
    const bytes = encode({ b: new Uint8Array(length - overhead).fill(Number(rkey)) });
    expect(bytes.length).toBe(length);
    return { action: 'create', collection, rkey, bytes, cid: cidForCbor(bytes) }
  }

describe('applyWrites', () => {
  test('keeps store, commit, event and inversion true over random histories', async () => {
    await fc.assert(fc.asyncProperty(fc.array(arbitrarySteps, { maxLength: 8, size: 'max' }), async (history) => {
      const repo = new WrittenRepo();
      let before = repo.head;
      for (const steps of history) {
        const made = repo.write(writesOf(repo, steps));
        expect(decodeCommit(repo.blocks.get(made.cid)!)).toMatchObject({ did: repo.did, rev: made.rev, prev: null });
        expect(verifyCommitSignature(made.eventBlocks.get(made.cid)!, repo.keypair.publicKey)).toBe(true);
        expect([made.since, made.prevData?.toString()]).toEqual([before?.rev ?? null, before?.data.toString()]);
        expect([...walkEntries(repo.blocks, made.data)].map(({ key, value }) => [key, value.toString()])).toEqual([...repo.records].map(([key, cid]) => [key, cid.toString()]).toSorted(([a], [b]) => (a! < b! ? -1 : 1)));
        expect(new Set([...repo.blocks.cids()].map(String))).toEqual(liveBlocks(repo));
        if (before !== null) expect(invertOperations(made.eventBlocks, made.data, made.ops).equals(before.data)).toBe(true);
        await checkByReference(made, repo.keypair);
        before = repo.head;
      }
    }), { numRuns: 25 });
  });

  test('makes the commits and event blocks of the reference, given its rev and key', async () => {
    const keypair = Keypair.generate();
    await fc.assert(fc.asyncProperty(fc.array(arbitrarySteps, { maxLength: 5, size: 'max' }), async (history) => {
      const repo = new WrittenRepo(keypair);
      repo.write();
      for (const steps of history) {
        const writes = writesOf(repo, steps);
        const reference = await ReferenceRepo.load(referenceStore(repo.blocks), toReference(repo.head!.cid));
        const theirs = await reference.formatCommit(writes.map((write) => ({
          action: write.action, collection: write.collection, rkey: write.rkey,
          ...(write.action !== 'delete' && { record: { $type: 'com.example.record', n: steps.find(({ path }) => path === `${write.collection}/${write.rkey}`)!.n } }),
        })) as never, await referenceKeypair(keypair.privateBytes()));
        const ours = applyWrites({ source: repo.blocks, head: repo.head, did: repo.did, keypair, rev: theirs.rev, writes });
        expect(ours.cid.toString()).toBe(theirs.cid.toString());
        const event = new Set([...ours.eventBlocks.cids()].map(String));
        for (const { cid } of theirs.relevantBlocks.entries()) expect(event.delete(cid.toString())).toBe(true);
        // We always show the root and every record written; the reference leaves out records that it has seen before.
        for (const cid of event) expect([ours.data, ...ours.ops.map((op) => op.cid)].map(String)).toContain(cid);
        repo.write(writes);
      }
    }), { numRuns: 25 });
  });

  test('a first commit of no records is the empty tree and the commit, all of it in the event', () => {
    const repo = new WrittenRepo();
    const made = repo.write();
    expect(made).toMatchObject({ since: null, prevData: null, ops: [], removedCids: [] });
    expect(made.data.toString()).toBe('bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm');
    expect([...made.newBlocks.cids()].map(String)).toEqual([made.cid, made.data].map(String));
    expect(made.eventBlocks.size).toBe(2);
  });

  test('no writes make a commit that changes nothing but the rev', () => {
    const repo = new WrittenRepo();
    repo.put('com.example.a/1', 'com.example.a/2');
    const before = repo.head!;
    const made = repo.write();
    expect(made.data.equals(before.data)).toBe(true);
    expect([...made.newBlocks.cids()].map(String)).toEqual([made.cid.toString()]);
    expect(made.removedCids.map(String)).toEqual([before.cid.toString()]);
    expect(made.eventBlocks.has(made.data)).toBe(true);
  });

  test('a record that two paths hold stays until both are gone', () => {
    for (const heldElsewhere of [undefined, true]) {
      const repo = new WrittenRepo();
      const { cid } = recordOf('same');
      repo.write([putOf('create', 'com.example.a/1', 'same'), putOf('create', 'com.example.a/2', 'same'), putOf('create', 'com.example.a/3', 'other')]);
      const remove = (path: string): readonly Cid[] => {
        const held = (asked: Cid, touched: readonly string[]): boolean => [...repo.records].some(([other, value]) => value.equals(asked) && !touched.includes(other));
        const made = applyWrites({ source: repo.blocks, head: repo.head, did: repo.did, keypair: repo.keypair, rev: repo.nextRev(), writes: [deleteOf(path)], ...(heldElsewhere && { heldElsewhere: held }) });
        repo.write([deleteOf(path)]);
        return made.removedCids;
      };
      expect(remove('com.example.a/1').map(String)).not.toContain(cid.toString());
      expect(repo.blocks.has(cid)).toBe(true);
      expect(remove('com.example.a/2').map(String)).toContain(cid.toString());
      expect(repo.blocks.has(cid)).toBe(false);
    }
  });

  test('a record moved from one path to another in one batch is not dropped', () => {
    const repo = new WrittenRepo();
    repo.write([putOf('create', 'com.example.a/1', 'x')]);
    const made = repo.write([deleteOf('com.example.a/1'), putOf('create', 'com.example.a/2', 'x')]);
    expect(made.removedCids.map(String)).not.toContain(recordOf('x').cid.toString());
    expect(repo.blocks.has(recordOf('x').cid)).toBe(true);
  });

  test('an update to the same record is an operation and drops nothing', () => {
    const repo = new WrittenRepo();
    repo.write([putOf('create', 'com.example.a/1', 'x')]);
    const made = repo.write([putOf('update', 'com.example.a/1', 'x')]);
    expect(made.ops).toEqual([{ action: 'update', path: 'com.example.a/1', cid: recordOf('x').cid, prev: recordOf('x').cid }]);
    expect(made.removedCids.length).toBe(1);
  });

  test('refuses what the tree does not allow, and leaves nothing behind', () => {
    const repo = new WrittenRepo();
    repo.put('com.example.a/1');
    const size = repo.blocks.size;
    const attempt = (...writes: PreparedWrite[]) => (): unknown => repo.write(writes);
    expect(attempt(putOf('create', 'com.example.a/1', 1))).toThrow(refusal('RecordExists'));
    expect(attempt(putOf('update', 'com.example.a/2', 1))).toThrow(refusal('RecordNotFound'));
    expect(attempt(deleteOf('com.example.a/2'))).toThrow(refusal('RecordNotFound'));
    expect(attempt(putOf('create', 'com.example.a/2', 1), putOf('update', 'com.example.a/2', 2))).toThrow(refusal('InvalidOperation'));
    expect(attempt(putOf('create', 'com.example.a/b c', 1))).toThrow(refusal('InvalidMstKey'));
    expect(repo.blocks.size).toBe(size);
  });

  test('takes 200 writes and not one more', () => {
    const repo = new WrittenRepo();
    const writes = Array.from({ length: 201 }, (_, n) => putOf('create', `com.example.a/${n}`, n));
    expect(() => repo.write(writes)).toThrow(refusal('TooManyOps'));
    const made = repo.write(writes.slice(1));
    expect(made.ops.length).toBe(200);
    expect(invertOperations(made.eventBlocks, made.data, made.ops).toString()).toBe('bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm');
  });

  test('takes records of 1,000,000 bytes and events of 2,000,000, and not a byte more', () => {
    const repo = new WrittenRepo();
    expect(() => repo.write([sized('com.example.a/1', 1_000_001)])).toThrow(refusal('BlocksTooBig'));
    repo.write([sized('com.example.a/1', 1_000_000)]);
    const batch = (last: number): PreparedWrite[] => [sized('com.example.a/2', 900_000), sized('com.example.a/3', 900_000), sized('com.example.a/4', last)];
    const probe = applyWrites({ source: repo.blocks, head: repo.head, did: repo.did, keypair: repo.keypair, rev: repo.nextRev(), writes: batch(150_000) });
    const room = 2_000_000 - writeCar(probe.cid, probe.eventBlocks).length;
    expect(() => repo.write(batch(150_001 + room))).toThrow(refusal('BlocksTooBig'));
    const made = repo.write(batch(150_000 + room));
    expect(writeCar(made.cid, made.eventBlocks).length).toBe(2_000_000);
  });

  test('a rev that is not later is our mistake', () => {
    const repo = new WrittenRepo();
    repo.write();
    expect(() => applyWrites({ source: repo.blocks, head: repo.head, did: repo.did, keypair: repo.keypair, rev: repo.head!.rev, writes: [] })).toThrow('rev does not lie behind the head');
  });
});
