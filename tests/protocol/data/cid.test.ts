import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { CID } from 'multiformats/cid';
import { base58btc } from 'multiformats/bases/base58';
import { fromHex, utf8Encode } from '@dunlin/protocol/base/bytes';
import {
  adoptCid, cidDigest, cidForCbor, cidForRaw, cidFromBytes, cidFromDigest, cidTextOf, cidToBytes, dagCborCode, isCid, linkFromBytes, ownedCid, parseCid, rawCode, sameCid,
} from '@dunlin/protocol/data/cid';
import { anyCid } from '../../harness/data-model-values.ts';

const emptyMap = 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua';
const emptyRaw = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku';
const dagPb = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi';
const cidHex = `01711220${'ab'.repeat(32)}`;

test('known blocks have their known CIDs', () => {
  expect(cidForCbor(new Uint8Array([0xa0])).toString()).toBe(emptyMap);
  expect(cidForRaw(new Uint8Array(0)).toString()).toBe(emptyRaw);
});

test('text, bytes and digest lead to the same CID, and multiformats agrees', () => {
  fc.assert(fc.property(anyCid(), (cid) => {
    const theirs = CID.decode(cidToBytes(cid));
    expect(cid.equals(theirs) && theirs.equals(cid)).toBe(true);
    expect(cid.toString()).toBe(theirs.toString());
    expect(cidTextOf(cid.bytes)).toBe(theirs.toString());
    expect(cid.multihash.bytes).toEqual(theirs.multihash.bytes);
    expect(cid.multihash.digest).toEqual(cidDigest(cid));
    for (const same of [parseCid(cid.toString()), cidFromBytes(cid.bytes), cidFromDigest(cid.code, cidDigest(cid)), ownedCid(cid), adoptCid(theirs)]) {
      expect(sameCid(same, cid)).toBe(true);
      expect(same.code).toBe(cid.code);
    }
  }));
});

describe('binary form of a block', () => {
  test.each([
    ['35 bytes', cidHex.slice(0, -2)],
    ['37 bytes', `${cidHex}00`],
    ['version 0', cidHex.slice(4)],
    ['version 2', `02${cidHex.slice(2)}`],
    ['codec dag-pb', `0170${cidHex.slice(4)}`],
    ['hash sha-512', `01711320${cidHex.slice(8)}`],
    ['a digest length of 31', `0171121f${cidHex.slice(8)}`],
    ['nothing', ''],
  ])('refuses %s', (_name, hex) => {
    expect(() => cidFromBytes(fromHex(hex))).toThrow(expect.objectContaining({ code: 'InvalidCid' }));
    expect(() => cidTextOf(fromHex(hex))).toThrow(expect.objectContaining({ code: 'InvalidCid' }));
  });
});

describe('links in records', () => {
  test('may name another codec and survive', () => {
    const cid = parseCid(dagPb);
    expect(cid.code).toBe(0x70);
    expect(linkFromBytes(cid.bytes).toString()).toBe(dagPb);
    expect(cidFromDigest(0x0129, cidDigest(cid)).code).toBe(0x0129);
    expect(linkFromBytes(cidFromDigest(0x0129, cidDigest(cid)).bytes).code).toBe(0x0129);
  });

  test.each([
    ['a codec not in shortest form', `01f100${cidHex.slice(4)}`],
    ['a codec of five bytes', `0180808080011220${cidHex.slice(8)}`],
    ['another hash', `01711320${cidHex.slice(8)}`],
    ['a byte too many', `${cidHex}00`],
    ['a byte too few', cidHex.slice(0, -2)],
    ['only a version', '01'],
  ])('refuse %s', (_name, hex) => {
    expect(() => linkFromBytes(fromHex(hex))).toThrow(expect.objectContaining({ code: 'InvalidCid' }));
  });
});

describe('text form', () => {
  test.each([
    ['empty', ''],
    ['upper case', emptyMap.toUpperCase()],
    ['base58', base58btc.encode(CID.parse(emptyMap).bytes)],
    ['CIDv0', 'QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR'],
    ['a space behind', `${emptyMap} `],
    ['cut short', emptyMap.slice(0, -1)],
    ['set bits behind the last byte', `${emptyMap.slice(0, -1)}b`],
    ['a dot', '.'],
    ['very long', `b${'a'.repeat(100_000)}`],
  ])('refuses %s', (_name, text) => {
    expect(() => parseCid(text)).toThrow(expect.objectContaining({ code: 'InvalidCid' }));
  });
});

test('knows CIDs, of another copy of the library too, from what is none', () => {
  const cid = cidForRaw(utf8Encode('x'));
  const foreign = { version: 1, code: cid.code, multihash: { code: 0x12, size: 32, digest: cidDigest(cid), bytes: cid.bytes.slice(2) }, bytes: cid.bytes } as Record<string, unknown>;
  foreign['/'] = foreign['bytes'];
  expect([cid, CID.parse(emptyRaw), foreign].map(isCid)).toEqual([true, true, true]);
  expect(adoptCid(foreign as unknown as typeof cid).toString()).toBe(cid.toString());
  expect([null, undefined, 1, emptyMap, {}, cid.bytes, { '/': emptyMap }].map(isCid)).toEqual(Array.from({ length: 7 }, () => false));
});

test('null is the same as null alone', () => {
  const cid = parseCid(emptyMap);
  expect([sameCid(null, null), sameCid(cid, null), sameCid(null, cid), sameCid(cid, parseCid(emptyRaw))]).toEqual([true, false, false, false]);
});

test('a raw and a dag-cbor CID of the same bytes differ', () => {
  const digest = cidDigest(parseCid(emptyMap));
  expect(sameCid(cidFromDigest(dagCborCode, digest), cidFromDigest(rawCode, digest))).toBe(false);
});
