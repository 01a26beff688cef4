import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { readCar } from '@dunlin/protocol/car/read';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import { decodeFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { readFrames } from '../harness/capture.ts';
import { captureFolder, readJson } from '../harness/vectors.ts';
import { eventually } from '../harness/wait.ts';
import { TestRelay } from './fixture/test-relay.ts';
import type { FakeHost } from './fixture/test-relay.ts';

const folder = captureFolder();
const originOfA = 'http://localhost:2603';
let relay: TestRelay | null = null;

afterEach(async () => {
  await relay?.close();
  relay = null;
});

/** Starts a relay whose directory has the captured documents, PDS A being `host`; gives the handle of each DID. */
async function startWithDocuments(captured: string): Promise<{ relay: TestRelay; host: FakeHost; handles: Map<string, string> }> {
  relay = await TestRelay.start();
  const host = await relay.addHost();
  const handles = new Map<string, string>();
  for (const name of readdirSync(join(captured, 'did'))) {
    const document = readJson<{ id: string; alsoKnownAs: string[] }>(captured, 'did', name);
    const moved: unknown = JSON.parse(JSON.stringify(document).replaceAll(originOfA, host.origin));
    relay.directory.documents.set(document.id, moved as object);
    const handle = document.alsoKnownAs[0]?.replace('at://', '') ?? '';
    relay.directory.handles.set(handle, document.id);
    handles.set(document.id, handle);
  }
  return { relay, host, handles };
}

/** What must come of a captured frame: null for nothing, else the frame that goes out but for its seq. */
function expected(frame: Buffer, handles: ReadonlyMap<string, string>): Uint8Array | null {
  const scan = scanFrame(frame);
  // The reference PDS announces an account that moved in with the commit of its old host: old rev, old signature.
  if (scan.t === '#sync' && commitRev(frame) !== scan.rev) return null;
  // Handles are those of today; the capture renamed some accounts on its way.
  const handle = handles.get(scan.did ?? '');
  if (scan.t !== '#identity' || scan.handle === null || scan.handle === handle) return frame;
  const decoded = decodeFrame(frame);
  return decoded.op === 1 ? encodeFrame(decoded.t, { ...decoded.body, handle }) : null;
}

/** Gives the rev inside the commit block of a frame. */
function commitRev(frame: Buffer): string {
  const { blocksOffset, blocksLength } = scanFrame(frame);
  const { roots, blocks } = readCar(frame.subarray(blocksOffset, blocksOffset + blocksLength));
  const block = roots[0] && blocks.get(roots[0]);
  return block ? decodeCommit(block).rev : '';
}

async function decided(test: TestRelay, count: number): Promise<void> {
  await eventually(`${count} events are decided`, async () => {
    const text = await (await fetch(`${test.relay.metricsUrl}/metrics`)).text();
    const lines = text.split('\n').filter((line) => /^relay_events_(accepted|dropped)_total/.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0) >= count;
  });
}

describe(folder ? 'the captured stream of a reference PDS' : 'without a captured stream there is nothing to replay', () => {
  test('passes whole, each account in order, but for three #sync with their old host\'s signature', async () => {
    if (!folder) return;
    const { relay, host, handles } = await startWithDocuments(folder);
    const frames = readFrames(join(folder, 'frames.bin'));
    for (const bytes of frames) host.firehose.log.push({ seq: scanFrame(bytes).seq, bytes });
    const consumer = await relay.consume();
    await relay.requestCrawl(host.hostname);
    await decided(relay, frames.length);
    const wanted = new Map<string, Uint8Array[]>();
    let count = 0;
    for (const frame of frames) {
      const bytes = expected(frame, handles);
      const did = scanFrame(frame).did ?? '';
      if (bytes === null) continue;
      count += 1;
      wanted.set(did, [...(wanted.get(did) ?? []), bytes]);
    }
    expect(count).toBe(frames.length - 3);
    const got = await consumer.take(count);
    for (const [i, frame] of got.entries()) {
      const { seq, did } = scanFrame(frame);
      expect(seq).toBe(4_294_967_297 + i);
      const next = wanted.get(did ?? '')?.shift();
      if (!next || !frame.equals(replaceSeq(next, scanFrame(next), seq))) throw new Error(`frame is not the next one of its account: seq=${seq} did=${did}`);
    }
    expect(await relay.metric('relay_events_dropped_total{reason="revMismatch"}')).toBe(3);
    expect(relay.faults).toEqual([]);
  });

  test('of accounts that have moved away since, passes nothing', async () => {
    if (!folder) return;
    const { relay } = await startWithDocuments(folder);
    const other = await relay.addHost();
    const frames = readFrames(join(folder, 'frames-pds-b.bin'));
    for (const bytes of frames) other.firehose.log.push({ seq: scanFrame(bytes).seq, bytes });
    const consumer = await relay.consume();
    await relay.requestCrawl(other.hostname);
    await decided(relay, frames.length);
    expect(consumer.frames).toHaveLength(0);
    expect(await relay.metric('relay_events_dropped_total{reason="wrongHost"}')).toBe(frames.length);
  });
});
