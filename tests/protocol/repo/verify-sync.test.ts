import { expect, test } from '@jest/globals';
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { verifySync } from '@dunlin/protocol/repo/verify-sync';
import { encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { writtenAtMs, WrittenRepo } from './writer.ts';

const repo = new WrittenRepo();
const made = repo.put('com.example.a/1');
const commitBlock = [made.cid, made.newBlocks.get(made.cid)!] as const;
const body = { seq: 5, did: repo.did, rev: made.rev, blocks: writeCar(made.cid, [commitBlock]), time: '2026-11-24T02:35:13.275Z' };

function judge(changes: Record<string, unknown> = {}, o: { key?: Keypair; nowMs?: number } = {}): ReturnType<typeof verifySync> {
  const bytes = encodeFrame('#sync', { ...body, ...changes });
  return verifySync({ scan: scanFrame(bytes), bytes, key: (o.key ?? repo.keypair).publicKey, nowMs: o.nowMs ?? writtenAtMs });
}

test('says where the account stands', () => {
  const verdict = judge();
  expect(verdict).toMatchObject({ accepted: true, did: repo.did, rev: made.rev });
  if (verdict.accepted) expect([verdict.commit, verdict.data].map(String)).toEqual([made.cid, made.data].map(String));
});

const filler = (length: number): readonly [ReturnType<typeof cidForCbor>, Uint8Array] => {
  const bytes = encode(new Uint8Array(length));
  return [cidForCbor(bytes), bytes];
};
const room = 10_000 - writeCar(made.cid, [commitBlock, filler(5000)]).length;

test('takes blocks of 10,000 bytes and not one more', () => {
  const exact = writeCar(made.cid, [commitBlock, filler(5000 + room)]);
  expect(exact.length).toBe(10_000);
  expect(judge({ blocks: exact }).accepted).toBe(true);
  expect(judge({ blocks: writeCar(made.cid, [commitBlock, filler(5001 + room)]) })).toMatchObject({ reason: 'blocksTooBig' });
});

test.each<[string, Record<string, unknown>]>([
  ['missingField', { did: undefined }], ['missingField', { rev: undefined }], ['missingField', { time: undefined }], ['missingField', { blocks: undefined }],
  ['badDid', { did: 'x' }], ['badRev', { rev: 'x' }], ['badTime', { time: 'x' }], ['noBlocks', { blocks: new Uint8Array() }],
  ['badCar', { blocks: new Uint8Array(70) }], ['badCommit', { blocks: writeCar(made.cid, []) }], ['badCommit', { blocks: writeCar(made.data, [[made.data, made.newBlocks.get(made.data)!]]) }],
  ['didMismatch', { did: 'did:web:example.com' }], ['revMismatch', { rev: '3jzfcijpj2z2a' }],
])('%s: %p', (reason, changes) => {
  expect(judge(changes)).toMatchObject({ accepted: false, reason });
});

test('badSignature and revInFuture', () => {
  expect(judge({}, { key: Keypair.generate() })).toMatchObject({ reason: 'badSignature' });
  expect(judge({}, { nowMs: writtenAtMs - 300_001 })).toMatchObject({ reason: 'revInFuture' });
});
