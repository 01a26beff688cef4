/**
 * DAG-CBOR in and out, the only door to cbor-x, which is fast but knows nothing of canonical form.
 * In: data/cbor-canon checks the bytes, then cbor-x decodes them. Out: values are put in canonical order, then cbor-x encodes.
 * Not for JSON (data/json) nor for reading single fields out of a frame (stream/frame-scan).
 * Source: ipld.io/specs/codecs/dag-cbor, atproto.com/specs/data-model.
 */
import { addExtension, Decoder, Encoder } from 'cbor-x/decode';
import { ProtocolError } from '../base/errors.ts';
import { maxCborBytes, maxCborDepth } from '../base/limits.ts';
import { checkCanonical, protoKeysMet } from './cbor-canon.ts';
import { orderKeys } from './cbor-order.ts';
import { adoptCid, CidClass, copyLink, isCid } from './cid.ts';
import type { Cid } from './cid.ts';

/** A map of the data model; a key may be any text, `__proto__` too, and is always an own property. */
export interface CborMap {
  [key: string]: CborValue;
}

/** A value of the data model. Integers only; a byte string that was decoded is a view into the input. */
export type CborValue = null | boolean | number | string | Uint8Array | Cid | CborValue[] | CborMap;

const linkTag = 42;
const maxPlainInteger = 0xffffffff;
const prefixedLink = new Uint8Array(37);

// int64AsNumber and useTag259ForMaps are options of cbor-x that its own types do not name.
const options = { useRecords: false, variableMapSize: true, tagUint8Array: false, int64AsNumber: true, useTag259ForMaps: false };
const encoder = new Encoder(options);
const objectDecoder = new Decoder({ ...options, mapsAsObjects: true });
const mapDecoder = new Decoder({ ...options, mapsAsObjects: false });

addExtension<Cid, Uint8Array>({
  Class: CidClass as unknown as new (...parts: unknown[]) => Cid,
  tag: linkTag,
  encode: (cid, encodeItem) => encodeItem(prefixLink(cid)) as Uint8Array,
  decode: (link) => copyLink(link, 1),
});

/** Gives the CID with its zero in front. One array serves all 36-byte CIDs: cbor-x copies it at once. */
function prefixLink(cid: Cid): Uint8Array {
  const target = cid.bytes.length === 36 ? prefixedLink : new Uint8Array(cid.bytes.length + 1);
  target.set(cid.bytes, 1);
  return target;
}

/**
 * Gives the value of exactly one canonical item. Byte strings in it are views into `bytes`: copy what is kept long.
 * @throws ProtocolError InvalidCbor for anything that is not canonical DAG-CBOR, for bytes behind the item, and beyond `maxCborBytes`
 */
export function decode(bytes: Uint8Array): CborValue {
  const protoKeys = checkSize(bytes);
  const end = checkCanonical(bytes);
  if (end !== bytes.length) throw new ProtocolError('InvalidCbor', `bytes behind the item: end=${end} length=${bytes.length}`);
  return decodeChecked(bytes, 0, end, protoKeysMet() > protoKeys);
}

/**
 * Gives the values of exactly `count` canonical items that stand one behind the other.
 * @throws ProtocolError InvalidCbor as `decode`, and when there are fewer or more
 */
export function decodeSequence(bytes: Uint8Array, count: number): CborValue[] {
  let protoKeys = checkSize(bytes);
  const values: CborValue[] = [];
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const end = checkCanonical(bytes, offset);
    values.push(decodeChecked(bytes, offset, end, protoKeysMet() > protoKeys));
    protoKeys = protoKeysMet();
    offset = end;
  }
  if (offset !== bytes.length) throw new ProtocolError('InvalidCbor', `bytes behind the items: end=${offset} length=${bytes.length}`);
  return values;
}

function checkSize(bytes: Uint8Array): number {
  if (bytes.length > maxCborBytes) throw new ProtocolError('InvalidCbor', `item is too large: bytes=${bytes.length} max=${maxCborBytes}`);
  return protoKeysMet();
}

function decodeChecked(bytes: Uint8Array, start: number, end: number, hasProtoKey: boolean): CborValue {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  if (hasProtoKey) return mapsToObjects(mapDecoder.decode(view));
  return objectDecoder.decode(view);
}

function mapsToObjects(value: unknown): CborValue {
  if (Array.isArray(value)) return value.map(mapsToObjects);
  if (!(value instanceof Map)) return value as CborValue;
  const object: CborMap = {};
  for (const [key, entry] of value) {
    Object.defineProperty(object, key, { value: mapsToObjects(entry), configurable: true, enumerable: true, writable: true });
  }
  return object;
}

/**
 * Gives the canonical DAG-CBOR of a value; map entries that are undefined are left out. The result is the caller's own.
 * @throws ProtocolError InvalidCbor for floats, NaN, integers beyond ±(2^53 − 1), lone surrogates, undefined elsewhere,
 * objects that are not plain, and beyond `maxCborDepth`
 */
export function encode(value: unknown): Uint8Array {
  const encoded = encoder.encode(toEncodable(value, maxCborDepth));
  return new Uint8Array(encoded.buffer as ArrayBuffer, encoded.byteOffset, encoded.byteLength);
}

/** Gives what cbor-x encodes canonically: maps as Map in key order, large integers as bigint, CIDs of our own class. */
function toEncodable(value: unknown, depthLeft: number): unknown {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : refuse('text holds a lone surrogate');
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isSafeInteger(value)) return refuse('number is not a safe integer');
      return value > maxPlainInteger || value < -1 - maxPlainInteger ? BigInt(value) : value;
    case 'bigint':
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) return refuse('integer is beyond 2^53 - 1');
      return toEncodable(Number(value), depthLeft);
    case 'object':
      return value === null || value instanceof Uint8Array ? value : objectToEncodable(value, depthLeft);
    default:
      return refuse(`value has no CBOR form: type=${typeof value}`);
  }
}

function objectToEncodable(value: object, depthLeft: number): unknown {
  if (value instanceof CidClass) return adoptCid(value);
  if (depthLeft === 0) return refuse('nested too deep');
  if (Array.isArray(value)) return arrayToEncodable(value, depthLeft);
  const prototype: unknown = Object.getPrototypeOf(value);
  // The root of all prototypes, of this realm or another; a class of its own has one more.
  if (prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null) {
    return mapToEncodable(value as Record<string, unknown>, depthLeft);
  }
  return isCid(value) ? adoptCid(value) : refuse('object is not plain');
}

function arrayToEncodable(array: readonly unknown[], depthLeft: number): unknown[] {
  const encodable: unknown[] = [];
  // By index, so that a hole counts as the undefined it is and is refused.
  for (let index = 0; index < array.length; index++) encodable.push(toEncodable(array[index], depthLeft - 1));
  return encodable;
}

function mapToEncodable(object: Record<string, unknown>, depthLeft: number): Map<string, unknown> {
  const map = new Map<string, unknown>();
  const keys = orderKeys(Object.keys(object));
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    const entry = object[key];
    if (entry !== undefined) map.set(key, toEncodable(entry, depthLeft - 1));
  }
  return map;
}

function refuse(fact: string): never {
  throw new ProtocolError('InvalidCbor', fact);
}
