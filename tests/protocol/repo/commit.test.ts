import { describe, expect, test } from '@jest/globals';
import { cborToLex, signCommit as referenceSignCommit, verifyCommitSig } from '@atproto/repo';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { encode } from '@dunlin/protocol/data/cbor';
import { decodeCommit, signCommit, verifyCommitSignature } from '@dunlin/protocol/repo/commit';
import { valueOf } from '../mst/nodes.ts';
import { referenceKeypair, toReference } from './reference.ts';

const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const rev = '3jzfcijpj2z2a';
const data = valueOf(1);
const keypair = Keypair.fromPrivateBytes('k256', new Uint8Array(32).fill(11));

describe('commits', () => {
  test('are the very bytes of the reference, given the same key', async () => {
    const { bytes, cid, commit } = signCommit({ did, data, rev, keypair });
    const theirs = await referenceSignCommit({ did: did as never, version: 3, data: toReference(data), rev, prev: null }, await referenceKeypair(keypair.privateBytes()));
    expect(bytes).toEqual(encode({ ...theirs, data, prev: null }));
    expect(commit).toEqual(decodeCommit(bytes));
    expect(cid.toString()).toMatch(/^bafyrei/);
    expect(await verifyCommitSig(cborToLex(bytes) as never, keypair.did)).toBe(true);
  });

  test.each(['k256', 'p256'] as const)('signed with %s are told from others', (curve) => {
    const own = Keypair.generate(curve);
    const { bytes } = signCommit({ did, data, rev, keypair: own });
    expect(verifyCommitSignature(bytes, own.publicKey)).toBe(true);
    expect(verifyCommitSignature(bytes, Keypair.generate(curve).publicKey)).toBe(false);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = changed[at]! ^ 1;
      expect(verifyCommitSignature(changed, own.publicKey)).toBe(false);
    }
  });

  test('with a prev are read', () => {
    const { commit } = signCommit({ did, data, rev, keypair });
    expect(decodeCommit(encode({ ...commit, prev: data })).prev!.equals(data)).toBe(true);
  });

  const { commit } = signCommit({ did, data, rev, keypair });
  const { sig: _sig, ...unsigned } = commit;
  const { prev: _prev, ...withoutPrev } = commit;
  test.each<[string, unknown]>([
    ['version 2', { ...commit, version: 2 }],
    ['no signature', unsigned],
    ['no prev', withoutPrev],
    ['a field more', { ...commit, more: 1 }],
    ['a number as did', { ...commit, did: 1 }],
    ['a null rev', { ...commit, rev: null }],
    ['a text as sig', { ...commit, sig: 'x' }],
    ['a null data', { ...commit, data: null }],
    ['a text as prev', { ...commit, prev: 'x' }],
    ['a list', [commit]],
    ['null', null],
  ])('with %s are refused', (_what, value) => {
    expect(() => decodeCommit(encode(value))).toThrow(expect.objectContaining({ code: 'InvalidCommit' }));
    expect(verifyCommitSignature(encode(value), keypair.publicKey)).toBe(false);
  });

  test('with a signature of another length are read, and not believed', () => {
    for (const length of [0, 63, 65]) expect(verifyCommitSignature(encode({ ...commit, sig: new Uint8Array(length) }), keypair.publicKey)).toBe(false);
  });

  test('with bytes behind them are refused', () => {
    expect(() => decodeCommit(Buffer.concat([encode(commit), Uint8Array.of(0)]))).toThrow(expect.objectContaining({ code: 'InvalidCommit' }));
  });
});
