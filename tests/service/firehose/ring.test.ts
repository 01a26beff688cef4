/** Tests of the ring: what it holds, what it forgets, and which runs it gives. */
import { describe, expect, test } from '@jest/globals';
import type { EventSlice } from '@dunlin/service/firehose/event-log';
import { Ring, segmentBytes } from '@dunlin/service/firehose/ring';

function slice(firstSeq: number, lastSeq: number, bytes: number): EventSlice {
  return { bytes: Buffer.alloc(bytes, firstSeq), firstSeq, lastSeq, count: lastSeq - firstSeq + 1 };
}

describe('a ring', () => {
  test('gives everything behind a seq in one run, across slices', () => {
    const ring = new Ring(segmentBytes, 10);
    ring.append(slice(11, 12, 4));
    ring.append(slice(15, 15, 2));
    expect(ring.runAfter(10)).toEqual({ bytes: Buffer.from([11, 11, 11, 11, 15, 15]), lastSeq: 15, count: 3 });
    expect(ring.runAfter(12)).toEqual({ bytes: Buffer.from([15, 15]), lastSeq: 15, count: 1 });
    expect(ring.runAfter(13)).toEqual({ bytes: Buffer.from([15, 15]), lastSeq: 15, count: 1 });
  });

  test('gives nothing at its head, before its floor, or in the midst of a slice', () => {
    const ring = new Ring(segmentBytes, 10);
    ring.append(slice(11, 13, 4));
    for (const seq of [13, 14, 9, 11, 12]) expect(ring.runAfter(seq)).toBeNull();
    expect(new Ring(1, 5).runAfter(5)).toBeNull();
  });

  test('ends a run where its segment ends, and goes on in the next', () => {
    const ring = new Ring(segmentBytes * 4, 0);
    ring.append(slice(1, 1, segmentBytes - 1));
    ring.append(slice(2, 2, 1));
    ring.append(slice(3, 3, 1));
    expect(ring.runAfter(0)).toMatchObject({ lastSeq: 2, count: 2 });
    expect(ring.runAfter(2)).toMatchObject({ lastSeq: 3, count: 1 });
    expect(ring.heldBytes).toBe(segmentBytes * 2);
  });

  test('holds a slice larger than a segment whole', () => {
    const ring = new Ring(segmentBytes, 0);
    ring.append(slice(1, 1, segmentBytes * 3));
    expect(ring.runAfter(0)?.bytes).toHaveLength(segmentBytes * 3);
  });

  test('forgets its oldest segments beyond its bytes, on both sides of the bound', () => {
    const ring = new Ring(segmentBytes * 2, 0);
    ring.append(slice(1, 1, segmentBytes));
    ring.append(slice(2, 2, segmentBytes));
    expect(ring.runAfter(0)?.lastSeq).toBe(1);
    ring.append(slice(3, 3, 1));
    expect(ring.runAfter(0)).toBeNull();
    expect(ring.runAfter(1)?.lastSeq).toBe(2);
    expect(ring.heldBytes).toBe(segmentBytes * 2);
  });

  test('never changes bytes that it gave away', () => {
    const ring = new Ring(segmentBytes, 0);
    ring.append(slice(1, 1, 3));
    const given = ring.runAfter(0)?.bytes;
    for (let seq = 2; seq < 50; seq++) ring.append(slice(seq, seq, 50_000));
    expect(given).toEqual(Buffer.from([1, 1, 1]));
  });

  test('forgets all when told, and goes on behind its newest event', () => {
    const ring = new Ring(segmentBytes, 0);
    ring.append(slice(1, 3, 3));
    ring.forget();
    expect(ring.runAfter(0)).toBeNull();
    expect(ring.heldBytes).toBe(0);
    ring.append(slice(4, 4, 1));
    expect(ring.runAfter(3)?.lastSeq).toBe(4);
    expect(ring.runAfter(2)).toBeNull();
  });

  test('passes by what it knows and leaves to the log what it knows in part', () => {
    const ring = new Ring(segmentBytes, 10);
    ring.append(slice(8, 10, 3));
    expect(ring.lastSeq).toBe(10);
    ring.append(slice(9, 12, 4));
    expect(ring.lastSeq).toBe(12);
    expect(ring.runAfter(10)).toBeNull();
    ring.append(slice(13, 13, 1));
    expect(ring.runAfter(12)?.lastSeq).toBe(13);
  });
});
