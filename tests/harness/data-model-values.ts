/**
 * Random values of the data model for property tests, odd keys and edge integers among them.
 * Place: tests only. Source: ours.
 */
import * as fc from 'fast-check';
import type { CborMap, CborValue } from '@dunlin/protocol/data/cbor';
import { cidFromDigest, dagCborCode, rawCode } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';

const oddKeys = ['__proto__', '__proto_', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '$type', '', '1', '10', '2', 'é', '𓋓', '\uffff'];
const edgeIntegers = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
  .flatMap((value) => [value, -value, -1 - value]).filter(Number.isSafeInteger);

/** Texts of all of Unicode, without lone surrogates. */
export const anyText = (): fc.Arbitrary<string> => fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 40 }));

/** Keys of maps; the names of things on Object.prototype come up often. */
export const anyKey = (): fc.Arbitrary<string> => fc.oneof(fc.constantFrom(...oddKeys), fc.string({ unit: 'binary', maxLength: 30 }), fc.string({ maxLength: 12 }));

/** CIDs of blocks. */
export const anyCid = (): fc.Arbitrary<Cid> => fc.tuple(fc.constantFrom(dagCborCode, rawCode), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([codec, digest]) => cidFromDigest(codec, digest));

/** Makes an object of entries, each an own property whatever its name. */
export function objectOf<T>(entries: readonly (readonly [string, T])[]): { [key: string]: T } {
  const object: { [key: string]: T } = {};
  for (const [key, value] of entries) Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  return object;
}

const anyLeaf = (): fc.Arbitrary<CborValue> => fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(...edgeIntegers),
  anyText(),
  fc.uint8Array({ maxLength: 300 }),
  anyCid(),
);

const { value: anyValueTied } = fc.letrec<{ value: CborValue; array: CborValue[]; map: CborMap }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, anyLeaf(), tie('array'), tie('map')),
  array: fc.array(tie('value'), { maxLength: 8 }),
  map: fc.uniqueArray(fc.tuple(anyKey(), tie('value')), { selector: ([key]) => key, maxLength: 8 }).map(objectOf),
}));

/** Values of any kind and depth. */
export const anyValue = (): fc.Arbitrary<CborValue> => anyValueTied;
