import { describe, expect, test } from '@jest/globals';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { decodeFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { lengthWithSeq, replaceSeq, replaceSeqInto } from '@dunlin/protocol/stream/replace-seq';

const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const time = '2026-11-24T02:35:13.275Z';
const first = cidForCbor(encode({ n: 1 }));
const body = {
  seq: 77, repo: did, rev: '3jzfcijpj2z2a', since: '3jzfcijpj2z22', commit: first, prevData: first, blocks: new Uint8Array([5, 6, 7]),
  ops: [{ action: 'create', path: 'a.b.c/d', cid: first }], blobs: [], time, tooBig: false, rebase: false,
};

describe('replaceSeq', () => {
  const seqs = [1, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
  test.each(seqs)('gives the frame seq %d and keeps the rest, unknown fields too', (seq) => {
    for (const old of seqs) {
      const fields = { ...body, seq: old, zzz: { later: [first, 1] } };
      const frame = encodeFrame('#commit', fields);
      const replaced = replaceSeq(frame, scanFrame(frame), seq);
      expect(Buffer.from(replaced).equals(Buffer.from(encodeFrame('#commit', { ...fields, seq })))).toBe(true);
      expect(scanFrame(replaced).seq).toBe(seq);
      expect(lengthWithSeq(frame, scanFrame(frame), seq)).toBe(replaced.length);
    }
  });

  test('writes into a larger buffer where it is told to', () => {
    const frame = encodeFrame('#account', { seq: 5, did, active: true, time });
    const target = new Uint8Array(frame.length + 20);
    const end = replaceSeqInto(frame, scanFrame(frame), 2 ** 33, target, 3);
    expect(end).toBe(3 + frame.length + 8);
    expect(decodeFrame(target.subarray(3, end))).toMatchObject({ body: { seq: 2 ** 33 } });
    expect(target[end]).toBe(0);
  });

  test('a frame without seq, or a seq that cannot be, is our mistake', () => {
    const info = encodeFrame('#info', { name: 'x' });
    expect(() => replaceSeq(info, scanFrame(info), 5)).toThrow('no seq');
    const frame = encodeFrame('#account', { seq: 5, did, active: true, time });
    expect(() => replaceSeq(frame, scanFrame(frame), 0)).toThrow('seq out of range');
  });
});
