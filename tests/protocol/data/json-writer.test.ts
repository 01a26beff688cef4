/** The JSON of records, written from bytes, against decoding and JSON.stringify. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { decode, encode } from '@dunlin/protocol/data/cbor';
import { linkFromBytes } from '@dunlin/protocol/data/cid';
import { toJson, type JsonValue } from '@dunlin/protocol/data/json';
import { JsonWriter } from '@dunlin/protocol/data/json-writer';
import { anyCid, anyText, anyValue } from '../../harness/data-model-values.ts';

const writer = new JsonWriter();

function written(write: (writer: JsonWriter) => void): string {
  writer.begin();
  write(writer);
  return writer.take().toString('utf8');
}

/** Objects list integer-like keys first, whatever order they were set in; bytes cannot be compared then. */
function hasIntegerKey(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasIntegerKey);
  return Object.entries(value).some(([key, entry]) => /^\d+$/.test(key) || hasIntegerKey(entry));
}

test('an item becomes the text that JSON.stringify gives for its decoded value', () => {
  fc.assert(fc.property(anyValue(), (value) => {
    const bytes = encode(value);
    const json = toJson(decode(bytes));
    const text = written((target) => expect(target.item(bytes, 0)).toBe(bytes.length));
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(json)));
    if (!hasIntegerKey(json)) expect(text).toBe(JSON.stringify(json));
  }), { numRuns: 1_000 });
});

test('an item that is cut short anywhere is refused, or is written short of its end, but nothing behind it is read', () => {
  fc.assert(fc.property(anyValue(), fc.nat(), (value, cut) => {
    const bytes = encode({ value });
    const part = bytes.slice(0, cut % bytes.length);
    writer.begin();
    try {
      writer.item(part, 0);
    } catch (error) {
      expect(String(error)).toMatch(/cut short|not a cbor item/);
    }
    expect(writer.length).toBeLessThan(bytes.length * 30 + 64);
  }));
});

test('a link that is cut short is refused, wherever it is cut', () => {
  const bytes = encode({ link: linkFromBytes(Uint8Array.from([1, 0x71, 0x12, 0x20, ...new Uint8Array(32).fill(7)])) });
  // From within the head of its bytes on: before, there is nothing to see that something is missing.
  for (let length = bytes.length - 38; length < bytes.length; length++) {
    writer.begin();
    expect(() => writer.item(bytes.slice(0, length), 0)).toThrow('cut short');
  }
});

test('bytes are written as they are, between other things', () => {
  expect(written((target) => {
    target.ascii('"');
    target.raw(Buffer.from('xkeyx'), 1, 4);
    target.ascii('"');
  })).toBe('"key"');
});

test('every character below 0x80 is escaped as JSON.stringify does', () => {
  const text = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).join('');
  expect(written((target) => target.text(text))).toBe(JSON.stringify(text));
});

test('a text of any characters survives', () => {
  fc.assert(fc.property(anyText(), (text) => {
    expect(written((target) => target.text(text))).toBe(JSON.stringify(text));
  }));
});

test('a cid becomes its text', () => {
  fc.assert(fc.property(anyCid(), (cid) => {
    expect(written((target) => target.cid(cid.bytes, 0, cid.bytes.length))).toBe(JSON.stringify(cid.toString()));
  }));
});

test('a link to a codec that blocks do not have becomes its text', () => {
  const link = linkFromBytes(Uint8Array.from([1, 0x85, 0x02, 0x12, 0x20, ...new Uint8Array(32).fill(7)]));
  const bytes = encode({ link });
  expect(written((target) => target.item(bytes, 0))).toBe(JSON.stringify({ link: { $link: link.toString() } }));
});

test('a record larger than the buffer makes it grow, and small ones follow', () => {
  const bytes = encode({ text: '"'.repeat(900_000), more: ['a', { b: 'c' }] });
  expect(written((target) => target.item(bytes, 0))).toBe(JSON.stringify(toJson(decode(bytes))));
  expect(written((target) => target.integer(-5))).toBe('-5');
});
