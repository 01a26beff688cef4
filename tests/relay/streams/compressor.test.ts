/** Compressed events: whole frames that decode alone, made once for all who ask, in any number at a time. */
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { CompressedEncoding } from '@dunlin/relay/streams/compressor';
import { readDictionary } from '@dunlin/relay/streams/dictionary';
import type { JsonEvent } from '@dunlin/relay/streams/entry';
import { eventText } from '@dunlin/relay/streams/event-text';
import { Page } from '@dunlin/relay/streams/page';
import { readFrames } from './fake-sink.ts';
import { MemoryLog } from './memory-log.ts';

const dictionary = readDictionary();

async function page(texts: readonly string[]): Promise<Page> {
  const log = new MemoryLog();
  log.append(texts.map((text, index) => ({ made: { kind: 'commit', did: 'did:plc:aaaa', ops: [{ action: 'create', collection: 'a.b.c', rkey: 'r', text }] }, timeMs: index })));
  const slice = await log.read(0, 1e9);
  if (slice === null) throw new Error('nothing there');
  return new Page(slice, null);
}

async function events(texts: readonly string[]): Promise<JsonEvent[]> {
  return (await page(texts)).entries.flatMap((entry) => entry.events);
}

test.each([['no dictionary', null], ['our dictionary', dictionary.bytes]])('every event is a binary frame that decodes alone, with %s', async (_, bytes) => {
  const encoding = new CompressedEncoding(0, bytes);
  const many = await events(['', 'x'.repeat(900_000), ...Array.from({ length: 300 }, (_, index) => `text ${index} ${'é'.repeat(index * 20)}`)]);
  await encoding.prepare(many);
  const frames = readFrames(encoding.join(many));
  const options = bytes === null ? {} : { dictionary: bytes };
  expect(frames.map(({ opcode }) => opcode)).toEqual(many.map(() => 2));
  expect(frames.map(({ payload }) => zstdDecompressSync(payload, options).toString())).toEqual(many.map((event) => eventText(event).toString()));
  encoding.close();
});

test('an event asked for twice is compressed once, and is at hand afterwards', async () => {
  const encoding = new CompressedEncoding(0, null);
  const one = await page(['hello']);
  const event = one.entries[0]?.events[0];
  if (event === undefined) throw new Error('one event');
  eventText(event);
  const heldBytes = one.heldBytes;
  const [first, second] = [encoding.prepare([event]), encoding.prepare([event])];
  expect([first, second].every((preparing) => preparing instanceof Promise)).toBe(true);
  await Promise.all([first, second]);
  const frame = event.compressed[0];
  expect(one.heldBytes - heldBytes).toBe(frame?.length);
  expect(encoding.prepare([event])).toBeNull();
  expect(encoding.join([event])).toBe(frame);
  encoding.close();
});

test('closing fails what is under way, and a later event gets a new context', async () => {
  const encoding = new CompressedEncoding(0, null);
  const [one, two] = await events(['a', 'b']);
  if (one === undefined || two === undefined) throw new Error('two events');
  const preparing = encoding.prepare([one]);
  encoding.close();
  await expect(preparing).rejects.toThrow();
  await encoding.prepare([one, two]);
  expect(readFrames(encoding.join([one, two])).length).toBe(2);
  encoding.close();
});

test('the dictionary makes small events about half as large as they are without', async () => {
  const like = JSON.stringify({ $type: 'app.bsky.feed.like', createdAt: '2026-11-24T10:00:00.000Z', subject: { cid: 'bafyreidc6sydkkbchcyg62v77wbhzvb2mvytlmsychqgwf2xojjtirmzj4', uri: 'at://did:plc:wa7b35aakoll7hugkrjtf3xf/app.bsky.feed.post/3l3pte3p2e325' } });
  const many = await events(Array.from({ length: 20 }, (_, index) => `${like}${index}`));
  const [plain, ours] = [new CompressedEncoding(0, null), new CompressedEncoding(1, dictionary.bytes)];
  await Promise.all([plain.prepare(many), ours.prepare(many)]);
  expect(ours.join(many).length).toBeLessThan(plain.join(many).length * 0.75);
  plain.close();
  ours.close();
});

test('the dictionary has the number that it is named by, outside of the reserved ranges', () => {
  expect(dictionary.id).toBeGreaterThanOrEqual(32_768);
  expect(dictionary.id).toBeLessThan(2 ** 31);
});
