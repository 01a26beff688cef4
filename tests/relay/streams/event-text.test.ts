/**
 * The streams over the relay's own log on disk: JSON of captured events against decoding them the long way, times that are the
 * same live and in replay, and a takedown that reaches every stream. Without the capture, made events stand in for it.
 */
import { expect, test } from '@jest/globals';
import { decode } from '@dunlin/protocol/data/cbor';
import { toJson } from '@dunlin/protocol/data/json';
import { readCar } from '@dunlin/protocol/car/read';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { hashDid } from '@dunlin/relay/log/did-hash';
import { framePayload } from '@dunlin/relay/log/frame-bytes';
import type { LoggedKind } from '@dunlin/relay/log/record';
import type { RelayLog } from '@dunlin/relay/log/relay-log';
import { scrubLog } from '@dunlin/relay/log/scrub';
import { readFrames } from '../../harness/capture.ts';
import { captureFolder } from '../../harness/vectors.ts';
import { eventually } from '../../harness/wait.ts';
import { makeFolder, openLog } from '../log/log-fixture.ts';
import { makeFrame, type Made } from './memory-log.ts';
import { connect, startStreams, withoutTime, type Client } from './small-server.ts';

const folder = captureFolder();
const made: Made[] = ['did:plc:aaaa', 'did:plc:bbbb'].flatMap((did): Made[] => [
  { kind: 'commit', did, ops: [{ action: 'create', collection: 'a.b.c', rkey: 'r', text: 'x' }, { action: 'delete', collection: 'a.b.c', rkey: 's', text: '' }] },
  { kind: 'identity', did, handle: 'a.test' },
]);
const frames = folder === null ? made.map((event) => framePayload(makeFrame(event, 5))) : readFrames(`${folder}/frames.bin`, 1_500);

function append(log: RelayLog, payload: Buffer): number {
  const scan = scanFrame(payload);
  return log.append({ kind: scan.t.slice(1) as LoggedKind, payload, seqOffset: scan.seqOffset, seqLength: scan.seqLength, didHash: hashDid(scan.did ?? ''), hostId: 1, hostCursor: scan.seq });
}

/** What Jetstream sends for a frame, made the long way, times aside. */
function longWay(payload: Buffer, seq: number): object[] {
  const event = decodeEvent(payload);
  switch (event.kind) {
    case 'commit': {
      const { blocks } = readCar(event.blocks);
      return event.ops.map(({ action: operation, path, cid }) => {
        const [collection, rkey] = path.split('/');
        const block = cid === null ? undefined : blocks.get(cid);
        return { did: event.did, kind: 'commit', commit: { rev: event.rev, operation, collection, rkey, ...(cid !== null && block !== undefined && { record: toJson(decode(block)), cid: cid.toString() }) } };
      });
    }
    case 'identity':
      return [{ did: event.did, kind: 'identity', identity: { did: event.did, ...(event.handle !== null && { handle: event.handle }), seq, time: event.time } }];
    case 'account':
      return [{ did: event.did, kind: 'account', account: { active: event.active, did: event.did, seq, ...(event.status !== null && { status: event.status }), time: event.time } }];
    default:
      return [];
  }
}

const timeless = (client: Client): object[] => client.json.map(withoutTime);

test(`the JSON of ${folder === null ? 'made' : 'captured'} events is what decoding them the long way gives, live and in replay`, async () => {
  const log = await openLog(await makeFolder(), { durability: 'os' });
  const server = await startStreams(log, { readBytes: 50_000, runBytes: 20_000 });
  const live = await connect(server, '/subscribe');
  await eventually('it is attached', () => server.streams.consumers().length === 1);
  const expected = frames.flatMap((payload) => longWay(payload, append(log, payload)));
  await log.settled();
  const replayed = await connect(server, '/subscribe?cursor=0');
  await eventually('both have all', () => live.messages.length === expected.length && replayed.messages.length === expected.length);
  expect(timeless(live)).toEqual(expected);
  expect(replayed.messages).toEqual(live.messages);
  const times = live.json.map(({ time_us: timeUs }) => Number(timeUs));
  expect(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0))).toBe(true);

  // A cursor in the midst gives all from its ms on.
  const middle = times[Math.floor(times.length / 2)] ?? 0;
  const resumed = await connect(server, `/subscribe?cursor=${middle}`);
  const from = times.findIndex((time) => Math.floor(time / 1_000) >= Math.floor(middle / 1_000));
  await eventually('it has the rest', () => resumed.messages.length === expected.length - from);
  expect(resumed.messages).toEqual(live.messages.slice(from));
});

test('what was taken down is in no stream any more', async () => {
  const log = await openLog(await makeFolder(), { durability: 'os' });
  const server = await startStreams(log);
  const early = await connect(server, '/subscribe?cursor=0');
  await eventually('it is attached', () => server.streams.consumers().length === 1);
  for (const event of made) append(log, framePayload(makeFrame(event, 5)));
  await eventually('it has all', () => early.messages.length === 6);
  await scrubLog(log, hashDid('did:plc:aaaa'), (payload) => scanFrame(payload).did === 'did:plc:aaaa');
  server.streams.forget();
  const late = await connect(server, '/subscribe?cursor=0');
  append(log, framePayload(makeFrame({ kind: 'account', did: 'did:plc:aaaa', active: false, status: 'takendown' }, 5)));
  await eventually('both have the last', () => [early, late].every((client) => client.json.at(-1)?.['kind'] === 'account'));
  expect(late.json.map(({ did, kind }) => `${String(did)} ${String(kind)}`)).toEqual(['did:plc:bbbb commit', 'did:plc:bbbb commit', 'did:plc:bbbb identity', 'did:plc:aaaa account']);
  expect(early.messages.length).toBe(7);
});
