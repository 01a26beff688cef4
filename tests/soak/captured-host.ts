/**
 * The captured stream of a real PDS sent to a relay with spoilt copies of its events in between, round after round.
 * Each round is a relay of its own, so memory that is flat over rounds means that a closed relay leaves nothing behind.
 * Not for: hosts that make events as they go (hostile-host.ts). Source: ours; the capture is found by tests/harness/vectors.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { FirehoseConsumer, type Drop } from '@dunlin/firehose-consumer';
import { readFrames } from '../harness/capture.ts';
import { readJson } from '../harness/vectors.ts';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay, type FakeHost } from '../relay/fixture/test-relay.ts';
import { FlatMemory } from './memory.ts';
import { mutate } from './mutate.ts';
import { mutateEvent } from './mutate-event.ts';
import type { Seeded } from './seeded.ts';
import type { SoakRun } from './soak.ts';

const originOfCapture = 'http://localhost:2603';
const batch = 500;

/** Goes on for its minutes and gives a sentence of what was done. @throws when the relay breaks a promise */
export async function fuzzCaptured(folder: string, { random, minutes, step }: SoakRun): Promise<string> {
  const frames = readFrames(join(folder, 'frames.bin'));
  const memory = new FlatMemory(40_000_000);
  const end = performance.now() + minutes * 60_000;
  const counts = { rounds: 0, sent: 0, passed: 0 };
  while (performance.now() < end) {
    step(`captured stream, round ${counts.rounds}`);
    await round(folder, frames, random, counts, () => performance.now() < end);
    counts.rounds++;
    memory.look();
  }
  return `captured: ${counts.rounds} relays, ${counts.sent} frames sent, ${counts.passed} passed on, 0 drops at the SDK, memory ${memory.judge()}`;
}

async function round(folder: string, frames: readonly Buffer[], random: Seeded, counts: { sent: number; passed: number }, goesOn: () => boolean): Promise<void> {
  const relay = await TestRelay.start();
  const drops: Drop[] = [];
  const { directory } = relay;
  const consumer = new FirehoseConsumer({
    service: relay.relay.url, cursor: 0, unit: 'commit', verify: 'full', onDrop: (drop) => void drops.push(drop),
    identity: createIdentityResolver({ plcUrl: directory.plcUrl, fetch: directory.fetch, resolveTxt: directory.resolveTxt, clock: systemClock, allowInsecure: true }),
  });
  const good = new FakeAccount();
  let [heardGood, passed] = [0, 0];
  const running = consumer.run((event) => {
    passed++;
    if (event.did === good.did) heardGood++;
  });
  try {
    const host = await relay.crawledHost();
    learnDocuments(folder, relay, host);
    relay.register(good, host);
    for (let at = 0; at < frames.length && goesOn(); at += batch) {
      for (const frame of frames.slice(at, at + batch)) {
        counts.sent += sendBeside(host, frame, random.pick(frames), random);
      }
      // The good account is at the same host: its event is decided after all that was sent before.
      host.send(good.commit());
      await eventually('the good account is heard behind the spoilt frames', () => heardGood === at / batch + 1, 60_000);
      assert.deepEqual(relay.faults, []);
      assert.deepEqual(drops, [], 'the relay gave out what the SDK drops');
    }
  } finally {
    await consumer.close();
    await running.catch(() => undefined);
    await relay.close();
  }
  counts.passed += passed - heardGood;
}

/** Sends a captured frame, before it now and then a spoilt copy, and gives how many were sent. */
function sendBeside(host: FakeHost, frame: Buffer, other: Buffer, random: Seeded): number {
  const isSpoilt = random.chance(0.6);
  if (isSpoilt) host.sendBytes(withSeq(random.chance(0.7) ? mutateEvent(frame, random, other) : mutate(frame, random, other), host.seq + 1));
  host.sendBytes(withSeq(frame, host.seq + 1));
  return isSpoilt ? 2 : 1;
}

/** Puts a seq of the host's own into what still is an event, else gives it as it is. */
function withSeq(bytes: Uint8Array, seq: number): Uint8Array {
  try {
    return replaceSeq(bytes, scanFrame(bytes), seq);
  } catch {
    return bytes;
  }
}

function learnDocuments(folder: string, relay: TestRelay, host: FakeHost): void {
  for (const name of readdirSync(join(folder, 'did'))) {
    const document = readJson<{ id: string; alsoKnownAs: string[] }>(folder, 'did', name);
    relay.directory.documents.set(document.id, JSON.parse(JSON.stringify(document).replaceAll(originOfCapture, host.origin)) as object);
    relay.directory.handles.set(document.alsoKnownAs[0]?.replace('at://', '') ?? '', document.id);
  }
}
