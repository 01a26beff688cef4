import { describe, expect, test } from '@jest/globals';
import * as dagCbor from '@ipld/dag-cbor';
import * as fc from 'fast-check';
import { join } from 'node:path';
import { fromBase64, fromHex, toHex } from '@dunlin/protocol/base/bytes';
import { maxCborBytes, maxCborDepth } from '@dunlin/protocol/base/limits';
import { decode, decodeSequence, encode } from '@dunlin/protocol/data/cbor';
import type { CborMap } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidForRaw, parseCid } from '@dunlin/protocol/data/cid';
import { fromJson, toJson } from '@dunlin/protocol/data/json';
import { anyValue, objectOf } from '../../harness/data-model-values.ts';
import { captureFolder, readJson, vectorsFolder } from '../../harness/vectors.ts';
import { readFrames } from '../../harness/capture.ts';

const refused = expect.objectContaining({ code: 'InvalidCbor' });

/** An item of exactly that many bytes, beyond 65,540. */
const itemOf = (length: number): Uint8Array => encode(new Uint8Array(length - 5));

describe('against @ipld/dag-cbor', () => {
  test('gives the same bytes for every value, and both read them back', () => {
    fc.assert(fc.property(anyValue(), (value) => {
      const bytes = encode(value);
      expect(toHex(bytes)).toBe(toHex(dagCbor.encode(value)));
      expect(encode(decode(bytes))).toEqual(bytes);
      expect(dagCbor.encode(decode(bytes))).toEqual(bytes);
    }), { numRuns: 400 });
  });

  test('what is accepted after any change of a byte is still canonical, and they accept it too', () => {
    fc.assert(fc.property(anyValue(), fc.nat(), fc.integer({ min: 1, max: 255 }), (value, seed, change) => {
      const bytes = encode(value).slice();
      bytes[seed % bytes.length]! ^= change;
      let decoded;
      try {
        decoded = decode(bytes);
      } catch (fault) {
        expect(fault).toEqual(refused);
        return;
      }
      expect(encode(decoded)).toEqual(bytes);
      expect(() => dagCbor.decode(bytes)).not.toThrow();
    }), { numRuns: 400 });
  });

  test('random bytes are refused or canonical', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      let decoded;
      try {
        decoded = decode(bytes);
      } catch (fault) {
        expect(fault).toEqual(refused);
        return;
      }
      expect(encode(decoded)).toEqual(bytes);
    }), { numRuns: 1000 });
  });
});

describe('keys that are names on Object.prototype', () => {
  const names = ['__proto__', '__proto_', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'];
  const value = objectOf(names.map((name) => [name, objectOf([['__proto__', 1], ['constructor', null]])]));

  test('are ordinary keys both ways', () => {
    const bytes = encode(value);
    const decoded = decode(bytes) as { [key: string]: CborMap };
    expect(encode(decoded)).toEqual(bytes);
    expect(Object.keys(decoded).toSorted()).toEqual(names.toSorted());
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(decoded['__proto_'], '__proto__')?.value).toBe(1);
    expect(toJson(decoded)).toEqual(decoded);
    expect(fromJson(JSON.parse(JSON.stringify(decoded)))).toEqual(decoded);
  });

  test('change no other object', () => {
    decode(encode(JSON.parse('{"__proto__":{"polluted":true}}')));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('are found in the second of two items and do not touch the first', () => {
    const bytes = encode(objectOf([['__proto_', 1]]));
    const [first, second] = decodeSequence(new Uint8Array([...bytes, ...encode(objectOf([['__proto__', 2]]))]), 2);
    expect([Object.keys(first as object), Object.keys(second as object)]).toEqual([['__proto_'], ['__proto__']]);
  });
});

/** Arrays inside one another. */
const nested = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => [inner], 0);

describe('encoding', () => {
  test('orders keys by length, then by bytes, numbers and emoji among them', () => {
    const encoded = encode({ '10': 1, b: 2, aa: 3, '2': 4, '\u{1f600}': 5, '\uffff': 6, é: 7 });
    expect(Object.keys(decode(encoded) as object).filter((key) => !/^\d/.test(key))).toEqual(['b', 'aa', 'é', '\uffff', '\u{1f600}']);
    expect(toHex(encoded)).toBe('a7613204616202623130016261610362c3a90763efbfbf0664f09f988005');
  });

  test('leaves out entries that are undefined', () => {
    expect(toHex(encode({ a: undefined, b: 1 }))).toBe('a1616201');
  });

  test('takes objects without a prototype, negative zero and small bigints', () => {
    expect(toHex(encode(Object.assign(Object.create(null) as object, { a: -0, b: 5n, c: -(2n ** 40n) })))).toBe('a361610061620561633b000000ffffffffff');
  });

  test('gives memory of its own that later calls leave alone', () => {
    const first = encode({ text: 'x'.repeat(100) });
    const copy = first.slice();
    for (let index = 0; index < 200; index++) encode({ text: 'y'.repeat(100) });
    expect(first).toEqual(copy);
  });

  test.each([
    ['a float', 1.5], ['NaN', NaN], ['infinity', Infinity], ['2^53', 2 ** 53], ['a large bigint', 2n ** 53n], ['undefined', undefined],
    ['undefined in an array', [undefined]], ['a hole in an array', Object.assign([], { length: 1 })], ['a function', () => 1], ['a symbol', Symbol('x')], ['a date', new Date(0)], ['a map', new Map()],
    ['a set', new Set()], ['an object of a class', new (class Thing { a = 1; })()], ['a data view', new DataView(new ArrayBuffer(1))], ['words', new Uint16Array(1)],
    ['an array buffer', new ArrayBuffer(1)], ['a lone surrogate', '\ud800'], ['a lone surrogate in a key', { '\udc00': 1 }], ['a boxed number', Object(1)],
    ['an expression', /x/], ['an error', new Error('x')],
  ])('refuses %s', (_name, value) => {
    expect(() => encode(value)).toThrow(refused);
    expect(() => encode({ nested: [value] as unknown[], other: typeof value === 'undefined' ? [value] : value })).toThrow(refused);
  });

  test('works as before after a refusal', () => {
    expect(() => encode({ a: 'x'.repeat(5000), b: 1.5 })).toThrow(refused);
    expect(toHex(encode({ a: 1 }))).toBe('a1616101');
  });

  test('depth is bounded, and the bound itself is allowed', () => {
    expect(decode(encode(nested(maxCborDepth)))).toEqual(nested(maxCborDepth));
    expect(() => encode(nested(maxCborDepth + 1))).toThrow(refused);
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => encode(circle)).toThrow(refused);
  });

  test('writes CIDs of other copies of the library, and of other codecs', () => {
    for (const text of ['bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua', 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi']) {
      const cid = parseCid(text);
      const foreign = Object.assign(Object.create({ library: 'another' }) as object, { version: 1, code: cid.code, multihash: cid.multihash, bytes: cid.bytes, '/': cid.bytes });
      expect(encode({ foreign })).toEqual(encode({ foreign: cid }));
      expect(String((decode(encode({ cid })) as { cid: unknown }).cid)).toBe(text);
    }
  });
});

describe('decoding', () => {
  test('refuses bytes behind the item, and too few or too many items of a sequence', () => {
    expect(() => decode(fromHex('0000'))).toThrow(refused);
    expect(decodeSequence(fromHex('0001'), 2)).toEqual([0, 1]);
    expect(() => decodeSequence(fromHex('0001'), 1)).toThrow(refused);
    expect(() => decodeSequence(fromHex('0001'), 3)).toThrow(refused);
  });

  test('size is bounded, and the bound itself is allowed', () => {
    expect(itemOf(maxCborBytes)).toHaveLength(maxCborBytes);
    expect(decode(itemOf(maxCborBytes))).toBeInstanceOf(Uint8Array);
    expect(() => decode(itemOf(maxCborBytes + 1))).toThrow(refused);
  });

  test('reads from a Buffer as from any bytes, gives plain byte arrays and leaves the input as it was', () => {
    const bytes = Buffer.from(encode({ bytes: new Uint8Array([1, 2, 3]), cid: cidForRaw(new Uint8Array(1)) }));
    const decoded = decode(bytes) as { bytes: Uint8Array };
    expect(decoded.bytes).toEqual(new Uint8Array([1, 2, 3]));
    expect(decoded.bytes.constructor).toBe(Uint8Array);
    expect(Object.keys(bytes).filter((key) => !/^\d+$/.test(key))).toEqual([]);
  });

  test('a CID keeps its bytes when the input changes', () => {
    const cid = cidForCbor(new Uint8Array(1));
    const bytes = encode({ cid }).slice();
    const decoded = decode(bytes) as { cid: typeof cid };
    bytes.fill(0);
    expect(decoded.cid.toString()).toBe(cid.toString());
  });
});

const vectors = vectorsFolder();
const capture = captureFolder();

describe('interoperability', () => {
  if (vectors === null) test('finds no interoperability vectors, skips them', () => expect(vectors).toBeNull());
  else {
    test('every fixture of the data model has its bytes and its CID', () => {
      const fixtures = readJson<{ json: unknown; cbor_base64: string; cid: string }[]>(join(vectors, 'data-model', 'data-model-fixtures.json'));
      expect(fixtures.length).toBeGreaterThan(2);
      for (const fixture of fixtures) {
        const bytes = encode(fromJson(fixture.json));
        expect(bytes).toEqual(fromBase64(fixture.cbor_base64));
        expect(cidForCbor(bytes).toString()).toBe(fixture.cid);
        expect(toJson(decode(bytes))).toEqual(fixture.json);
      }
    });
  }

  if (capture === null) test('finds no captured stream, skips it', () => expect(capture).toBeNull());
  else {
    test('real frames re-encode to the same bytes', () => {
      const frames = ['frames.bin', 'frames-pds-b.bin', 'frames-future-cursor.bin', 'frames-outdated-cursor.bin'].flatMap((name) => readFrames(join(capture, name)));
      expect(frames.length).toBeGreaterThan(6000);
      const changed = frames.filter((frame) => {
        const [header, body] = decodeSequence(frame, 2);
        return !Buffer.concat([encode(header), encode(body)]).equals(frame);
      });
      expect(changed).toHaveLength(0);
    });
  }
});
