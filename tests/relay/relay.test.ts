import { afterEach, describe, expect, test } from '@jest/globals';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { FakeAccount } from './fixture/fake-account.ts';
import { TestRelay } from './fixture/test-relay.ts';

const firstSeq = 4_294_967_297;
let relay: TestRelay;

afterEach(() => relay.close());

describe('a relay', () => {
  test('passes a new host\'s events on from its oldest, verbatim but for seq, in order', async () => {
    relay = await TestRelay.start();
    const host = await relay.addHost();
    const account = relay.register(new FakeAccount(), host);
    const sent = [host.send(account.identity()), host.send(account.account(true)), host.send(account.commit([])), host.send(account.sync())];
    for (let i = 0; i < 5; i++) sent.push(host.send(account.commit()));
    const consumer = await relay.consume();
    expect((await relay.requestCrawl(host.hostname)).status).toBe(200);
    const frames = await consumer.take(sent.length);
    for (const [i, frame] of frames.entries()) {
      const original = sent[i] ?? new Uint8Array();
      expect(frame.equals(replaceSeq(original, scanFrame(original), firstSeq + i))).toBe(true);
    }
    expect(relay.faults).toEqual([]);
  });
});
