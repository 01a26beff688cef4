/** What is taken in, what it is cut down to, and what events come out. */
import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { decode, encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import type { CommitEvent as StreamCommit, StreamEvent } from '@dunlin/protocol/stream/event';
import { decodeEvent, encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { Intake, eventsOf, heldBytes, kindOf, own } from '../../firehose-consumer/src/decode.ts';
import type { HeldFrame } from '../../firehose-consumer/src/decode.ts';
import type { ConsumerEvent, RecordEvent } from '../../firehose-consumer/src/events.ts';
import { Filter } from '../../firehose-consumer/src/filter.ts';
import type { FilterOptions } from '../../firehose-consumer/src/filter.ts';
import type { Drop } from '../../firehose-consumer/src/notice.ts';
import { readFrames } from '../harness/capture.ts';
import { captureFolder } from '../harness/vectors.ts';
import { MadeAccount, madeTime, unprovenCreate } from './made-stream.ts';

type Taken = ReturnType<Intake['take']>;

function take(frame: Uint8Array, filter: FilterOptions = {}, keepsEmpty = false): Taken {
  const scan = scanFrame(frame);
  const kind = kindOf(scan);
  return kind === null ? null : new Intake(new Filter(filter), keepsEmpty).take(frame, scan, kind);
}

function events(frame: Uint8Array, o: { filter?: FilterOptions; unit?: 'record' | 'commit'; drops?: Drop[] } = {}): ConsumerEvent[] {
  const unit = o.unit ?? 'record';
  const held = take(frame, o.filter, unit === 'commit') as HeldFrame;
  return eventsOf(held, () => () => undefined, { unit, hashes: true, onDrop: (drop) => o.drops?.push(drop) });
}

const alice = (): MadeAccount => new MadeAccount('alice');
const like = { $type: 'app.bsky.feed.like', createdAt: madeTime };

describe('a commit', () => {
  test('gives one event per record, with its value and where it is', () => {
    const account = alice();
    account.create(1, 'app.bsky.feed.like/a', { n: 1 });
    const before = cidForCbor(encode({ n: 1 }));
    const frame = encodeEvent(
      account.commit(2, { path: 'app.bsky.feed.post/b', record: { text: 'hi', link: before, bytes: new Uint8Array([1, 2]) } }, { action: 'update', path: 'app.bsky.feed.like/a', record: { n: 2 } }),
    );
    const made = events(frame) as RecordEvent[];
    const common = { kind: 'record', seq: 2, did: account.did, time: madeTime };
    expect(made[0]).toMatchObject({ ...common, action: 'create', collection: 'app.bsky.feed.post', rkey: 'b', uri: `at://${account.did}/app.bsky.feed.post/b`, prev: null });
    expect(made[0]?.record).toEqual({ text: 'hi', link: before, bytes: new Uint8Array([1, 2]) });
    expect(made[1]).toMatchObject({ ...common, action: 'update', collection: 'app.bsky.feed.like', rkey: 'a', record: { n: 2 } });
    expect(String(made[1]?.cid)).toBe(String(cidForCbor(encode({ n: 2 }))));
    expect(String(made[1]?.prev)).toBe(String(before));
    const [deleted] = events(encodeEvent(account.commit(3, { path: 'app.bsky.feed.like/a', record: null }))) as RecordEvent[];
    expect(deleted).toMatchObject({ action: 'delete', cid: null, record: null, rkey: 'a' });
  });

  test('gives one event with all wanted operations when that is the unit', () => {
    const account = alice();
    const first = account.commit(1, { path: 'app.bsky.feed.like/a', record: like }, { path: 'app.bsky.feed.post/b', record: { text: 'hi' } });
    const [whole] = events(encodeEvent(first), { unit: 'commit' });
    expect(whole).toMatchObject({ kind: 'commit', seq: 1, rev: first.rev, since: null, ops: [{ rkey: 'a', record: like }, { rkey: 'b' }] });
    const [part] = events(encodeEvent(first), { unit: 'commit', filter: { collections: ['app.bsky.feed.like'] } });
    expect(part).toMatchObject({ ops: [{ collection: 'app.bsky.feed.like' }] });
  });

  test('that touches nothing wanted is not taken, nor one from another account or of another kind', () => {
    const frame = alice().create(1, 'app.bsky.feed.like/a');
    expect(take(frame, { collections: ['app.bsky.graph.*'] })).toBeNull();
    expect(take(frame, { dids: ['did:plc:other'] })).toBeNull();
    expect(take(frame, { kinds: ['identity'] })).toBeNull();
    expect(take(frame, { collections: ['app.bsky.feed.*'], dids: ['did:web:alice.test'], kinds: ['commit'] })).not.toBeNull();
  });

  test('without operations is an event only where commits are the unit and no collection was named', () => {
    const frame = encodeEvent(alice().commit(1));
    expect(take(frame)).toBeNull();
    expect(take(frame, { collections: ['app.*'] }, true)).toBeNull();
    expect(events(frame, { unit: 'commit' })).toMatchObject([{ kind: 'commit', ops: [] }]);
  });

  test('is a view of what came until it is given bytes of its own, and charged at least for them', () => {
    const frame = Buffer.from(alice().create(1, 'app.bsky.feed.like/a'));
    const held = take(frame) as HeldFrame;
    expect(held.bytes.buffer).toBe(frame.buffer);
    expect(heldBytes(held)).toBeGreaterThan(frame.length);
    own(held);
    expect(held.bytes.buffer.byteLength).toBe(frame.length);
    frame.fill(0);
    expect(eventsOf(held, () => () => undefined, { unit: 'record', hashes: true, onDrop: () => undefined })).toHaveLength(1);
  });
});

const broken = (change: (commit: StreamCommit) => StreamCommit): Uint8Array => encodeEvent(change(alice().commit(1, { path: 'app.bsky.feed.like/a', record: like }, { path: 'app.bsky.feed.like/b', record: { n: 2 } })));

describe('an operation whose record', () => {

  test('is absent from the blocks is left out and told, the other stays', () => {
    const drops: Drop[] = [];
    const frame = broken((commit) => {
      const blocks = [...readCar(commit.blocks).blocks].filter(([cid]) => String(cid) !== String(commit.ops[0]?.cid));
      return { ...commit, blocks: writeCar(commit.commit, blocks) };
    });
    expect(events(frame, { drops })).toMatchObject([{ rkey: 'b' }]);
    expect(drops).toMatchObject([{ reason: 'missingRecord', seq: 1, did: 'did:web:alice.test', path: 'app.bsky.feed.like/a' }]);
  });

  test('has other bytes than its CID says is left out', () => {
    const drops: Drop[] = [];
    const frame = broken((commit) => ({ ...commit, blocks: writeCar(commit.commit, [...readCar(commit.blocks).blocks].map(([cid, bytes]) => [cid, String(cid) === String(commit.ops[0]?.cid) ? encode({ forged: true }) : bytes])) }));
    expect(events(frame, { drops })).toMatchObject([{ rkey: 'b' }]);
    expect(drops).toMatchObject([{ reason: 'missingRecord' }]);
  });

  test.each([
    ['not a map', encode([1])],
    ['not canonical', Buffer.from('a2616201616102', 'hex')],
    ['not CBOR', Buffer.from('ff', 'hex')],
  ])('is %s is left out', (_what, bytes) => {
    const drops: Drop[] = [];
    const cid = cidForCbor(bytes);
    const base = decodeEvent(unprovenCreate(1, 'did:web:alice.test', 'app.bsky.feed.like/a')) as StreamCommit;
    const frame = encodeEvent({ ...base, blocks: writeCar(cid, [[cid, bytes]]), ops: [{ action: 'create', path: 'app.bsky.feed.like/a', cid, prev: null }] });
    expect(events(frame, { drops })).toEqual([]);
    expect(events(frame, { drops, unit: 'commit' })).toEqual([]);
    expect(drops).toMatchObject([{ reason: 'invalidRecord', path: 'app.bsky.feed.like/a' }, { reason: 'invalidRecord' }]);
  });
});

describe('other kinds', () => {
  const account = { seq: 5, did: 'did:web:alice.test', time: madeTime };
  test.each<[StreamEvent, object]>([
    [{ kind: 'identity', ...account, handle: 'alice.test' }, { kind: 'identity', handle: 'alice.test' }],
    [{ kind: 'identity', ...account, handle: null }, { kind: 'identity', handle: null }],
    [{ kind: 'account', ...account, active: false, status: 'takendown' }, { kind: 'account', active: false, status: 'takendown' }],
    [{ kind: 'account', ...account, active: true, status: null }, { kind: 'account', active: true, status: null }],
    [{ kind: 'sync', ...account, rev: '3kaaaaaaaaa22', blocks: new Uint8Array([1, 2]) }, { kind: 'sync', rev: '3kaaaaaaaaa22', blocks: new Uint8Array([1, 2]) }],
  ])('%j', (event, expected) => {
    expect(events(encodeEvent(event))).toMatchObject([{ ...account, ...expected }]);
  });

  test('#info and kinds of the future are no events', () => {
    expect(kindOf(scanFrame(encodeEvent({ kind: 'info', name: 'OutdatedCursor', message: null })))).toBeNull();
    expect(kindOf(scanFrame(Buffer.concat([encode({ op: 1, t: '#later' }), encode({ seq: 1 })])))).toBeNull();
  });
});

describe('a frame with wrong fields is refused with its reason', () => {
  const commit = decodeEvent(unprovenCreate(1, 'did:web:alice.test', 'app.bsky.feed.like/a')) as StreamCommit;
  test.each<[string, StreamEvent]>([
    ['badDid', { ...commit, did: 'alice' }],
    ['badRev', { ...commit, rev: 'now' }],
    ['badTime', { ...commit, time: 'today' }],
    ['badPath', { ...commit, ops: [{ action: 'delete', path: 'nothing', cid: null, prev: commit.commit }] }],
    ['tooBigFlag', { ...commit, tooBig: true }],
    ['noBlocks', { ...commit, blocks: new Uint8Array(0) }],
    ['badDid', { kind: 'identity', seq: 1, did: 'alice', time: madeTime, handle: null }],
    ['badRev', { kind: 'sync', seq: 1, did: 'did:web:alice.test', time: madeTime, rev: '', blocks: new Uint8Array(1) }],
  ])('%s', (reason, event) => {
    expect(take(encodeEvent(event))).toMatchObject({ accepted: false, reason });
  });

  test.each([
    ['#identity', { seq: 1, did: 'did:web:alice.test' }],
    ['#account', { seq: 1, did: 'did:web:alice.test', time: madeTime }],
    ['#account', { seq: 1, time: madeTime, active: true }],
    ['#commit', { seq: 1 }],
    ['#sync', { seq: 1 }],
  ])('missingField: %s %j', (t, body) => {
    expect(take(Buffer.concat([encode({ op: 1, t }), encode(body)]))).toMatchObject({ reason: 'missingField' });
  });
});

type Fields = Pick<StreamCommit, 'seq' | 'did' | 'rev' | 'since' | 'time' | 'commit'>;
const fieldsOf = ({ seq, did, rev, since, time, commit }: Fields): string => `${seq} ${did} ${rev} ${since} ${time} ${commit}`;

const folder = captureFolder();
test('every captured frame decodes to what the codec of the protocol and a CAR reader say', () => {
  if (folder === null) return;
  const differences: string[] = [];
  let records = 0;
  for (const frame of [...readFrames(join(folder, 'frames.bin')), ...readFrames(join(folder, 'frames-pds-b.bin'))]) {
    const drops: Drop[] = [];
    const made = events(frame, { unit: 'commit', drops })[0] as ConsumerEvent;
    const plain = decodeEvent(frame);
    if (drops.length > 0 || made.kind !== plain.kind) differences.push(`seq ${made.seq}: ${made.kind} ${JSON.stringify(drops)}`);
    if (plain.kind !== 'commit' || made.kind !== 'commit') continue;
    const { blocks } = readCar(plain.blocks);
    const wanted = [fieldsOf(plain), ...plain.ops.map((op) => `${op.action} ${op.path} ${op.cid} ${op.prev}`)];
    const got = [fieldsOf(made), ...made.ops.map((op) => `${op.action} ${op.collection}/${op.rkey} ${op.cid} ${op.prev}`)];
    const areRecordsSame = made.ops.every((op) => op.cid === null || isDeepStrictEqual(op.record, decode(blocks.get(op.cid) as Uint8Array)));
    if (wanted.join() !== got.join() || !areRecordsSame) differences.push(`wanted ${wanted.join()} got ${got.join()}`);
    records += made.ops.length;
  }
  expect(differences).toEqual([]);
  expect(records).toBeGreaterThan(16_000);
});
