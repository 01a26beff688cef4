/** Tests of server frames: every header length, read back by `ws` itself. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Writable } from 'node:stream';
import * as ws from 'ws';
import { frameHeader, frameHeaderBytes, wrapFrame, wrapText } from '@dunlin/service/websocket/frames';

// The reader of `ws` is exported, though its types do not say so.
const { Receiver } = ws as unknown as { Receiver: new (o: { isServer: boolean }) => Writable };

/** Reads frames as a client would. */
function receive(bytes: Buffer): { data: Buffer; isBinary: boolean }[] {
  const receiver = new Receiver({ isServer: false });
  const messages: { data: Buffer; isBinary: boolean }[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) => messages.push({ data, isBinary }));
  receiver.write(bytes);
  return messages;
}

describe('a server frame', () => {
  test.each([[0, 2], [125, 2], [126, 4], [65_535, 4], [65_536, 10]])('of %i payload bytes has a header of %i and is read back', (payloadBytes, headerBytes) => {
    const payload = Buffer.alloc(payloadBytes, 7);
    expect(frameHeaderBytes(payloadBytes)).toBe(headerBytes);
    const frame = wrapFrame(payload);
    expect(frame).toHaveLength(headerBytes + payloadBytes);
    expect(Buffer.concat([frameHeader(payloadBytes), payload]).equals(frame)).toBe(true);
    expect(receive(frame)).toEqual([{ data: payload, isBinary: true }]);
  });

  test('of more than 2^31 bytes is written unsigned', () => {
    expect([...frameHeader(0xfffffffe)]).toEqual([0x82, 127, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]);
    expect(() => frameHeader(0x1_0000_0000)).toThrow('frame payload out of range');
  });

  test('stands beside others: any run of texts and bytes is read back in order', () => {
    const message = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 200 }));
    fc.assert(fc.property(fc.array(message, { maxLength: 8 }), (messages) => {
      const run = Buffer.concat(messages.map((each) => (typeof each === 'string' ? wrapText(each) : wrapFrame(each))));
      expect(receive(run)).toEqual(messages.map((each) => ({ data: Buffer.from(each as string), isBinary: typeof each !== 'string' })));
    }));
  });
});
