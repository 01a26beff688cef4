import { describe, expect, test } from '@jest/globals';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { encodeFrame } from '@dunlin/protocol/stream/frame';
import type { CommitEvent, StreamEvent } from '@dunlin/protocol/stream/event';
import { decodeEvent, encodeEvent } from '@dunlin/protocol/stream/event-codec';

const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const time = '2026-11-24T02:35:13.275Z';
const [first, second] = [cidForCbor(encode({ n: 1 })), cidForCbor(encode({ n: 2 }))];
const path = 'app.dunlin.live.reaction/3jzfcijpj2z2a';
const commit: CommitEvent = {
  kind: 'commit', seq: 7, did, rev: '3jzfcijpj2z2a', since: null, commit: first, prevData: second, blocks: new Uint8Array([1, 2]),
  ops: [
    { action: 'create', path, cid: first, prev: null },
    { action: 'update', path, cid: first, prev: second },
    { action: 'delete', path, cid: null, prev: second },
  ],
  blobs: [second], time, tooBig: false, rebase: false,
};
const events: StreamEvent[] = [
  commit,
  { ...commit, since: '3jzfcijpj2z22', prevData: null, ops: [], blobs: [] },
  { kind: 'sync', seq: 8, did, rev: '3jzfcijpj2z2a', blocks: new Uint8Array([9]), time },
  { kind: 'identity', seq: 2 ** 40, did, handle: 'wren.example.com', time },
  { kind: 'identity', seq: 9, did, handle: null, time },
  { kind: 'account', seq: 10, did, active: true, status: null, time },
  { kind: 'account', seq: 11, did, active: false, status: 'takendown', time },
  { kind: 'info', name: 'OutdatedCursor', message: 'gone' },
  { kind: 'info', name: 'OutdatedCursor', message: null },
];

describe('event codec', () => {
  test.each(events.map((event) => [event.kind, event] as const))('writes and reads a %s', (_kind, event) => {
    expect(decodeEvent(encodeEvent(event))).toEqual(event);
  });

  test('gives error frames and unknown kinds as themselves', () => {
    const error = Buffer.concat([encode({ op: -1 }), encode({ error: 'FutureCursor' })]);
    expect(decodeEvent(error)).toEqual({ kind: 'error', error: 'FutureCursor', message: null });
    expect(decodeEvent(encodeFrame('#tombstone', { seq: 1 }))).toEqual({ kind: 'unknown', t: '#tombstone' });
  });

  test('passes unknown fields by', () => {
    const frame = encodeFrame('#account', { seq: 1, did, active: true, time, extra: { deep: [1] }, constructor: 'x' });
    expect(decodeEvent(frame)).toEqual({ kind: 'account', seq: 1, did, active: true, status: null, time });
  });

  const wrong: [string, string, object][] = [
    ['a seq of zero', '#account', { seq: 0, did, active: true, time }],
    ['a seq that is text', '#account', { seq: '1', did, active: true, time }],
    ['no did', '#account', { seq: 1, active: true, time }],
    ['active as a number', '#account', { seq: 1, did, active: 1, time }],
    ['a null status', '#account', { seq: 1, did, active: true, status: null, time }],
    ['a null handle', '#identity', { seq: 1, did, handle: null, time }],
    ['blocks as text', '#sync', { seq: 1, did, rev: 'x', blocks: 'x', time }],
    ['no name', '#info', {}],
  ];
  test.each(wrong)('refuses %s', (_what, t, body) => {
    expect(() => decodeEvent(encodeFrame(t, body))).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });

  const body = { seq: 1, repo: did, rev: 'r', since: null, commit: first, blocks: new Uint8Array(), blobs: [], time, tooBig: false, rebase: false };
  test.each([
    ['a create without cid', { action: 'create', path, cid: null }],
    ['a create with a prev', { action: 'create', path, cid: first, prev: second }],
    ['a delete with a cid', { action: 'delete', path, cid: first }],
    ['a null prev', { action: 'update', path, cid: first, prev: null }],
    ['another action', { action: 'move', path, cid: first }],
    ['an op that is no map', 7],
  ])('refuses %s', (_what, op) => {
    expect(() => decodeEvent(encodeFrame('#commit', { ...body, ops: [op] }))).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });

  test('refuses a commit that leaves since out', () => {
    const { since: _since, ...rest } = body;
    expect(() => decodeEvent(encodeFrame('#commit', { ...rest, ops: [] }))).toThrow(expect.objectContaining({ code: 'InvalidEvent' }));
  });
});
