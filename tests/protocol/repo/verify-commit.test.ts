import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidForRaw, cidFromDigest, type Cid } from '@dunlin/protocol/data/cid';
import { Mst } from '@dunlin/protocol/mst/tree';
import type { CommitData } from '@dunlin/protocol/repo/apply';
import { signCommit } from '@dunlin/protocol/repo/commit';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { verifyCommit, type CommitVerdict } from '@dunlin/protocol/repo/verify-commit';
import { encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { arbitraryKey } from '../mst/arbitrary.ts';
import { entry, keysOfHeight, rawNode, valueOf } from '../mst/nodes.ts';
import { deleteOf, eventOf, frameOf, putOf, recordOf, writtenAtMs, WrittenRepo } from './writer.ts';

const keypair = Keypair.fromPrivateBytes('k256', new Uint8Array(32).fill(3));
const paths = [...keysOfHeight(0, 30), ...keysOfHeight(1, 9), ...keysOfHeight(2, 3)];

function judge(bytes: Uint8Array, o: { key?: Keypair; nowMs?: number; lenient?: boolean } = {}): CommitVerdict {
  return verifyCommit({ scan: scanFrame(bytes), bytes, key: (o.key ?? keypair).publicKey, nowMs: o.nowMs ?? writtenAtMs + 1000, lenient: o.lenient ?? false });
}

function reasonOf(bytes: Uint8Array, o: Parameters<typeof judge>[1] = {}): string {
  const verdict = judge(bytes, o);
  return verdict.accepted ? 'accepted' : verdict.reason;
}

/** The wire's body of a commit, to be spoiled. */
function bodyOf(made: CommitData): Record<string, unknown> {
  const { kind: _kind, did, ...rest } = eventOf(made);
  const ops = made.ops.map(({ action, path, cid, prev }) => ({ action, path, cid, prev: prev ?? undefined }));
  return { ...rest, repo: did, prevData: made.prevData ?? undefined, ops };
}

function spoiled(made: CommitData, changes: Record<string, unknown>): Uint8Array {
  return encodeFrame('#commit', { ...bodyOf(made), ...changes });
}

function repoWith(...records: string[]): WrittenRepo {
  const repo = new WrittenRepo(keypair);
  repo.put(...records);
  return repo;
}

describe('accepts', () => {
  test('a first commit, with records and without', () => {
    expect(reasonOf(frameOf(new WrittenRepo(keypair).write()))).toBe('accepted');
    expect(reasonOf(frameOf(new WrittenRepo(keypair).put(...paths)))).toBe('accepted');
  });

  test('every commit of random histories, of both curves, and tells what it says', () => {
    const steps = fc.uniqueArray(fc.tuple(arbitraryKey, fc.boolean()), { maxLength: 6, size: 'max', selector: ([path]) => path });
    fc.assert(fc.property(fc.constantFrom('k256' as const, 'p256' as const), fc.array(steps, { maxLength: 10, size: 'max' }), (curve, history) => {
      const own = Keypair.generate(curve);
      const repo = new WrittenRepo(own);
      for (const step of history) {
        const made = repo.write(step.flatMap(([path, isDelete], n) => {
          if (!isDelete) return [putOf(repo.records.has(path) ? 'update' : 'create', path, n)];
          return repo.records.has(path) ? [deleteOf(path)] : [];
        }));
        const verdict = judge(frameOf(made), { key: own });
        expect(verdict).toMatchObject({ accepted: true });
        if (!verdict.accepted) return;
        expect([verdict.did, verdict.rev, verdict.since]).toEqual([made.did, made.rev, made.since]);
        expect([verdict.commit, verdict.data, verdict.prevData].map(String)).toEqual([made.cid, made.data, made.prevData].map(String));
        expect(verdict.ops.map((op) => ({ ...op, cid: String(op.cid), prev: String(op.prev) }))).toEqual(made.ops.map((op) => ({ ...op, cid: String(op.cid), prev: String(op.prev) })));
        expect(new Set([...verdict.blocks().cids()].map(String))).toEqual(new Set([...made.eventBlocks.cids()].map(String)));
      }
    }), { numRuns: 40 });
  });

  test('200 operations at once, and their undoing at once', () => {
    const repo = repoWith(...paths);
    const many = Array.from({ length: 200 }, (_, n) => `com.example.a/${n}`);
    expect(reasonOf(frameOf(repo.put(...many)))).toBe('accepted');
    expect(reasonOf(frameOf(repo.write(many.map(deleteOf))))).toBe('accepted');
  });

  test('a commit without operations, with or without the tree\'s root', () => {
    const repo = repoWith(...paths);
    const made = repo.write();
    expect(reasonOf(frameOf(made))).toBe('accepted');
    expect(reasonOf(frameOf(made, { blocks: writeCar(made.cid, [[made.cid, made.eventBlocks.get(made.cid)!]]) }))).toBe('accepted');
  });

  test('fields and blocks that it does not know, and a prev in the commit object', () => {
    const made = repoWith(...paths).put('com.example.a/x');
    const more = new BlockMap();
    more.addAll(made.eventBlocks);
    more.add(encode({ nobody: 'needs this' }));
    const ops = (bodyOf(made)['ops'] as object[]).map((op) => ({ ...op, z: [1] }));
    expect(reasonOf(spoiled(made, { blocks: writeCar(made.cid, more), ops, later: { x: null } }))).toBe('accepted');
  });

  test('a rev up to five minutes ahead', () => {
    const made = repoWith(...paths).put('com.example.a/x');
    const aheadMs = 300_000;
    const revMs = (writtenAtMs * 1000 + 2) / 1000;
    expect(reasonOf(frameOf(made), { nowMs: revMs - aheadMs + 1 })).toBe('accepted');
    expect(reasonOf(frameOf(made), { nowMs: revMs - aheadMs - 1 })).toBe('revInFuture');
  });

  test('old hosts\' commits only when lenient, and then looks their operations up', () => {
    const repo = repoWith(...paths);
    const made = repo.write([putOf('create', 'com.example.a/new', 1), putOf('update', paths[0]!, 2), deleteOf(paths[1]!)]);
    const bare = made.ops.map(({ action, path, cid }) => ({ action, path, cid }));
    const old = (ops: object[] = bare): Uint8Array => spoiled(made, { prevData: undefined, ops });
    expect(reasonOf(old())).toBe('badOps');
    expect(reasonOf(old(bare.slice(0, 1)))).toBe('noPrevData');
    expect(reasonOf(old(), { lenient: true })).toBe('accepted');
    expect(reasonOf(spoiled(made, { prevData: undefined }), { lenient: true })).toBe('noPrevData');
    expect(reasonOf(old(bare.with(0, { ...bare[0]!, path: 'com.example.a/other' })), { lenient: true })).toBe('opMismatch');
    expect(reasonOf(old(bare.with(2, { ...bare[2]!, path: paths[3]! })), { lenient: true })).toMatch(/opMismatch|missingBlock/);
    expect(reasonOf(old(bare.with(1, { ...bare[1]!, cid: null })), { lenient: true })).toBe('badOps');
    expect(reasonOf(spoiled(made, { ops: bare }), { lenient: true })).toBe('badOps');
  });
});

describe('names the failure', () => {
  const repo = repoWith(...paths);
  const path = 'com.example.a/x';
  const made = repo.put(path);
  const later = repo.write([putOf('update', path, 'again'), deleteOf(paths[5]!)]);
  const body = bodyOf(made);
  const [op] = body['ops'] as [Record<string, unknown>];
  const blocksBytes = body['blocks'] as Uint8Array;
  const carWith = (change: (blocks: BlockMap) => void): Uint8Array => {
    const blocks = new BlockMap();
    blocks.addAll(made.eventBlocks);
    change(blocks);
    return writeCar(made.cid, blocks);
  };

  test.each<[string, Record<string, unknown>]>([
    ['missingField', { repo: undefined }], ['missingField', { rev: undefined }], ['missingField', { since: undefined }], ['missingField', { time: undefined }],
    ['missingField', { commit: undefined }], ['missingField', { blocks: undefined }], ['missingField', { ops: undefined }], ['missingField', { blobs: undefined }],
    ['missingField', { tooBig: undefined }], ['missingField', { rebase: undefined }],
    ['badDid', { repo: 'did:plc:' }], ['badDid', { repo: 'wren.example.com' }], ['badDid', { repo: 'did:plc:ewvi7nxzyoun6zhxrhs64oi!' }],
    ['badRev', { rev: '3jzfcijpj2z21' }], ['badRev', { rev: '' }],
    ['badSince', { since: 'x' }], ['badSince', { since: made.rev }], ['badSince', { since: later.rev }],
    ['badTime', { time: 'yesterday' }], ['badTime', { time: '2026-11-24T25:00:00.000Z' }], ['badTime', { time: '2026-13-24T05:00:00.000Z' }],
    ['tooManyOps', { ops: Array.from({ length: 201 }, (_, n) => ({ ...op, path: `com.example.a/${n}` })) }],
    ['badPath', { ops: [{ ...op, path: 'com.example.a' }] }], ['badPath', { ops: [{ ...op, path: 'nodots/x' }] }], ['badPath', { ops: [op, { ...op, path: 'com.example.a/..' }] }],
    ['badPath', { ops: [{ ...op, path: 'com.example.a/b/c' }] }], ['badPath', { ops: [{ ...op, path: 'com.example.a/é' }] }], ['badPath', { ops: [{ ...op, path: `com.example.a/${'x'.repeat(513)}` }] }],
    ['duplicatePath', { ops: [op, op] }],
    ['noBlocks', { blocks: new Uint8Array() }],
    ['blocksTooBig', { blocks: new Uint8Array(2_000_001) }],
    ['badCar', { blocks: new Uint8Array(2_000_000) }],
    ['tooBigFlag', { tooBig: true }], ['rebaseFlag', { rebase: true }],
    ['badCar', { blocks: new Uint8Array(3) }], ['badCar', { blocks: blocksBytes.subarray(0, -1) }], ['badCar', { blocks: Buffer.concat([blocksBytes, Uint8Array.of(0)]) }],
    ['badCar', { blocks: writeCar(null, made.eventBlocks) }],
    ['badCar', { blocks: Buffer.concat([blocksBytes, Uint8Array.of(37), cidForRaw(Uint8Array.of(1)).bytes, Uint8Array.of(1)]) }],
    ['rootMismatch', { commit: valueOf(1) }],
    ['badBlockHash', { blocks: carWith((blocks) => blocks.set(valueOf(1), encode('other'))) }],
    ['blockTooBig', { blocks: carWith((blocks) => void blocks.add(encode(new Uint8Array(999_996)))) }],
    ['notCanonical', { blocks: carWith((blocks) => void blocks.add(Uint8Array.of(0x18, 0x01))) }], ['notCanonical', { blocks: carWith((blocks) => void blocks.add(Uint8Array.of(1, 1))) }],
    ['notCanonical', { blocks: carWith((blocks) => void blocks.add(new Uint8Array())) }],
    ['badCommit', { blocks: carWith((blocks) => void blocks.delete(made.cid)) }],
    ['didMismatch', { repo: 'did:plc:ewvi7nxzyoun6zhxrhs64oia' }],
    ['revMismatch', { rev: later.rev }],
    ['badOps', { ops: [{ ...op, action: 'move' }] }], ['badOps', { ops: [{ ...op, action: undefined }] }], ['badOps', { ops: [{ ...op, path: undefined }] }],
    ['badOps', { ops: [{ ...op, cid: undefined }] }], ['badOps', { ops: [{ ...op, cid: null }] }], ['badOps', { ops: [{ ...op, prev: valueOf(1) }] }], ['badOps', { ops: [{ ...op, prev: null }] }],
    ['badOps', { ops: [{ ...op, action: 'update' }] }], ['badOps', { ops: [{ ...op, action: 'delete', prev: valueOf(1) }] }], ['badOps', { ops: [{ action: 'delete', path, cid: null }] }],
    ['badOps', { ops: [7] }],
    ['missingBlock', { blocks: carWith((blocks) => void blocks.delete(made.ops[0]!.cid!)) }], ['missingBlock', { blocks: carWith((blocks) => void blocks.delete(made.data)) }],
    ['opMismatch', { ops: [{ ...op, path: 'com.example.a/y' }] }], ['opMismatch', { ops: [{ action: 'delete', path, cid: null, prev: valueOf(1) }] }],
    ['noPrevData', { prevData: undefined }],
    ['inversionFailed', { prevData: valueOf(1) }], ['inversionFailed', { ops: [] }], ['inversionFailed', { since: null, prevData: undefined }],
    ['inversionFailed', { prevData: cidFromDigest(0x55, made.prevData!.bytes.subarray(4)) }],
  ])('%s: %p', (reason, changes) => {
    expect(reasonOf(spoiled(made, changes))).toBe(reason);
  });

  test('a block of 1,000,000 bytes is not too big', () => {
    expect(reasonOf(spoiled(made, { blocks: carWith((blocks) => void blocks.add(encode(new Uint8Array(999_995)))) }))).toBe('accepted');
  });

  test('badSignature: another key, a changed signature, a high s', () => {
    expect(reasonOf(frameOf(made), { key: Keypair.generate() })).toBe('badSignature');
    expect(reasonOf(frameOf(made), { key: Keypair.generate('p256') })).toBe('badSignature');
  });

  test('opMismatch: the value before is told wrongly only as inversionFailed, the value now as opMismatch', () => {
    const ops = bodyOf(later)['ops'] as Record<string, unknown>[];
    expect(reasonOf(frameOf(later))).toBe('accepted');
    expect(reasonOf(spoiled(later, { ops: ops.with(0, { ...ops[0]!, prev: valueOf(1) }) }))).toBe('inversionFailed');
    expect(reasonOf(spoiled(later, { ops: ops.with(1, { ...ops[1]!, prev: valueOf(1) }) }))).toBe('inversionFailed');
    expect(reasonOf(spoiled(later, { ops: ops.slice(0, 1) }))).toBe('inversionFailed');
    const single = repo.write([putOf('update', path, 'thrice')]);
    const [update] = bodyOf(single)['ops'] as [Record<string, unknown>];
    expect(reasonOf(spoiled(single, { ops: [{ ...update, cid: single.cid }] }))).toBe('opMismatch');
    expect(reasonOf(spoiled(single, { ops: [{ ...update, prev: valueOf(1) }] }))).toBe('inversionFailed');
  });

  test('a host cannot claim a first commit for a tree that was there', () => {
    const first = new WrittenRepo(keypair).put(...paths.slice(0, 5));
    expect(reasonOf(spoiled(first, { ops: (bodyOf(first)['ops'] as object[]).slice(1) }))).toBe('inversionFailed');
  });

  test('badMst: a malformed node under a good signature', () => {
    const [low] = keysOfHeight(0, 1) as [string];
    const [high] = keysOfHeight(1, 1) as [string];
    const record = recordOf(1);
    const child = rawNode(null, [entry(low, { v: record.cid })]);
    const good = rawNode(low < high ? cidForCbor(child) : null, [entry(high, { t: low < high ? null : cidForCbor(child) })]);
    const bad: [string, Uint8Array[]][] = [
      ['two heights in a node', [rawNode(null, [entry(low, { v: record.cid }), entry(high)].toSorted((a, b) => Buffer.compare(a.k, b.k)))]],
      ['a root without keys', [child, rawNode(cidForCbor(child), [])]],
      ['a layer left out', [child, rawNode(cidForCbor(child), [entry(keysOfHeight(2, 1)[0]!)])]],
      ['an empty node', [rawNode(null, []), rawNode(cidForCbor(rawNode(null, [])), [entry(high)])]],
      ['no node at all', [encode({ hello: 1 })]],
    ];
    expect(reasonOf(frameForTree(low, record, [child, good]))).toBe('inversionFailed');
    for (const [, nodes] of bad) expect(reasonOf(frameForTree(low, record, nodes))).toBe('badMst');
  });
});

/** A well signed commit over nodes made by hand, that says it created the record. */
function frameForTree(path: string, record: { cid: Cid; bytes: Uint8Array }, nodes: Uint8Array[]): Uint8Array {
  const blocks = new BlockMap();
  blocks.set(record.cid, record.bytes);
  let data = record.cid;
  for (const node of nodes) data = blocks.add(node);
  const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
  const rev = tidFromMicros(writtenAtMs * 1000, 1);
  const { cid, bytes } = signCommit({ did, data, rev, keypair });
  blocks.set(cid, bytes);
  const ops: RepoOp[] = [{ action: 'create', path, cid: record.cid, prev: null }];
  const made = { did, cid, rev, since: tidFromMicros(1, 1), data, prevData: valueOf(5), newBlocks: blocks, removedCids: [], eventBlocks: blocks, ops };
  return frameOf(made);
}

test('every node of the covering proof that is needed cannot be left out: with any block dropped it is refused or still inverts', () => {
  const repo = repoWith(...paths);
  for (const change of [[putOf('create', 'com.example.a/x', 1)], [deleteOf(paths[32]!)], [putOf('update', paths[3]!, 2)], paths.slice(10, 20).map(deleteOf)]) {
    const made = repo.write(change);
    let needed = 0;
    for (const cid of made.eventBlocks.cids()) {
      const blocks = new BlockMap();
      for (const [other, bytes] of made.eventBlocks) if (!other.equals(cid)) blocks.set(other, bytes);
      const reason = reasonOf(frameOf(made, { blocks: writeCar(made.cid, blocks) }));
      expect(['accepted', 'missingBlock', 'badCommit']).toContain(reason);
      if (reason !== 'accepted') needed++;
    }
    expect(needed).toBeGreaterThanOrEqual(3);
  }
});

test('any changed byte but those of seq, time and blobs is refused', () => {
  const made = repoWith(...paths).put('com.example.a/x');
  const frame = frameOf(made);
  const scan = scanFrame(frame);
  const at = (text: string): number => Buffer.from(frame).indexOf(text);
  const free: [number, number][] = [[scan.seqOffset, scan.seqLength], [at(scan.time!), scan.time!.length], [at(scan.since!), scan.since!.length]];
  fc.assert(fc.property(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 }), (offset, mask) => {
    if (free.some(([start, length]) => offset >= start && offset < start + length)) return;
    const changed = Uint8Array.from(frame);
    changed[offset] = changed[offset]! ^ mask;
    let verdict: CommitVerdict | null = null;
    try {
      const changedScan = scanFrame(changed);
      if (changedScan.t !== '#commit') return;
      verdict = verifyCommit({ scan: changedScan, bytes: changed, key: keypair.publicKey, nowMs: writtenAtMs });
    } catch (error) {
      expect(error).toMatchObject({ code: 'InvalidFrame' });
    }
    expect(verdict?.accepted ?? false).toBe(false);
  }), { numRuns: 3000 });
});

test('a root with any byte changed is refused, though hashed and signed anew', () => {
  const repo = repoWith(...paths);
  const made = repo.put('com.example.a/x');
  const node = made.eventBlocks.get(made.data)!;
  fc.assert(fc.property(fc.nat(node.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
    const changed = Uint8Array.from(node);
    changed[at] = changed[at]! ^ mask;
    const blocks = new BlockMap();
    for (const [cid, bytes] of made.eventBlocks) if (!cid.equals(made.data) && !cid.equals(made.cid)) blocks.set(cid, bytes);
    const data = blocks.add(changed);
    const { cid, bytes } = signCommit({ did: repo.did, data, rev: made.rev, keypair });
    blocks.set(cid, bytes);
    expect(['badMst', 'notCanonical', 'missingBlock', 'opMismatch', 'inversionFailed']).toContain(reasonOf(frameOf({ ...made, cid, data, eventBlocks: blocks })));
  }), { numRuns: 500 });
});

test('what an accepted commit says outlives the frame it was read from', () => {
  const made = repoWith(...paths).put('com.example.a/x');
  const frame = Buffer.from(frameOf(made));
  const verdict = judge(frame);
  if (!verdict.accepted) throw new Error(verdict.reason);
  const { commit, data, prevData, ops } = verdict;
  frame.fill(0);
  expect([commit, data, prevData, ops[0]!.cid].map(String)).toEqual([made.cid, made.data, made.prevData, made.ops[0]!.cid].map(String));
});

test('works on frames in shared memory, as workers get them', () => {
  const made = repoWith(...paths).write([putOf('create', 'com.example.a/x', 1), deleteOf(paths[0]!)]);
  const p256 = Keypair.generate('p256');
  const other = new WrittenRepo(p256).put(...paths);
  for (const [frame, key] of [[frameOf(made), keypair], [frameOf(repoWith(...paths).put('com.example.a/x')), keypair], [frameOf(other), p256]] as const) {
    const shared = new Uint8Array(new SharedArrayBuffer(frame.length + 10), 5, frame.length);
    shared.set(frame);
    expect(reasonOf(shared, { key })).toBe('accepted');
  }
});

test('the tree before is what a second opinion says: removing by hand what was created', () => {
  const repo = repoWith(...paths);
  const before = repo.head!.data;
  const made = repo.put('com.example.a/x');
  const tree = Mst.load(repo.blocks, made.data);
  tree.remove('com.example.a/x');
  expect(tree.root().equals(before)).toBe(true);
});
