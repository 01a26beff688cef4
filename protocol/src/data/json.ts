/**
 * The JSON form of the data model: links as {"$link": cid}, bytes as {"$bytes": base64}, blobs with a link inside.
 * Checks what the data model asks for (safe integers, whole `$link`, `$bytes`, `$type` and blob objects), not what a lexicon asks for.
 * A blob stays a plain map whose `ref` is a Cid. Place: between XRPC bodies and data/cbor.
 * Source: atproto.com/specs/data-model "JSON Representation".
 */
import { fromBase64, toBase64 } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxCborDepth } from '../base/limits.ts';
import type { CborMap, CborValue } from './cbor.ts';
import { isCid, parseCid } from './cid.ts';

/** A JSON object. */
export interface JsonMap {
  [key: string]: JsonValue;
}

/** What JSON.stringify takes and JSON.parse gives. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonMap;

/** Sets an own property, whatever its name. */
function setOwn(target: object, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, configurable: true, enumerable: true, writable: true });
  else (target as Record<string, unknown>)[key] = value;
}

/** Gives the JSON form of a value; the depth of what `decode` gave is bounded already. */
export function toJson(value: CborValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (isCid(value)) return { $link: value.toString() };
  if (Array.isArray(value)) return value.map(toJson);
  const json: JsonMap = {};
  for (const key of Object.keys(value)) if (value[key] !== undefined) setOwn(json, key, toJson(value[key]));
  return json;
}

/**
 * Gives the value of a parsed JSON text, in fresh objects; entries that are undefined are left out.
 * @throws ProtocolError InvalidJson for floats, broken `$link`, `$bytes`, `$type` or blob objects, and beyond `maxCborDepth`
 */
export function fromJson(json: unknown): CborValue {
  return valueFromJson(json, maxCborDepth);
}

/**
 * Gives the value of a record's JSON, which must be an object.
 * @throws ProtocolError InvalidJson as `fromJson`
 */
export function recordFromJson(json: unknown): CborMap {
  const value = fromJson(json);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array || isCid(value)) {
    throw new ProtocolError('InvalidJson', 'record is not an object');
  }
  return value;
}

function valueFromJson(json: unknown, depthLeft: number): CborValue {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      return Number.isSafeInteger(json) ? json : refuse('number is not a safe integer');
    case 'object':
      if (json === null) return null;
      if (depthLeft === 0) return refuse('nested too deep');
      if (Array.isArray(json)) return json.map((item) => valueFromJson(item, depthLeft - 1));
      return mapFromJson(json as Record<string, unknown>, depthLeft);
    default:
      return refuse(`value has no JSON form: type=${typeof json}`);
  }
}

function mapFromJson(json: Record<string, unknown>, depthLeft: number): CborValue {
  const keys = Object.keys(json);
  if (Object.hasOwn(json, '$link')) return linkFromJson(json['$link'], keys.length);
  if (Object.hasOwn(json, '$bytes')) return bytesFromJson(json['$bytes'], keys.length);
  const map: CborMap = {};
  for (const key of keys) if (json[key] !== undefined) setOwn(map, key, valueFromJson(json[key], depthLeft - 1));
  if (Object.hasOwn(map, '$type')) checkTyped(map);
  return map;
}

function linkFromJson(link: unknown, keyCount: number): CborValue {
  if (keyCount !== 1 || typeof link !== 'string') return refuse('$link object is not {"$link": text}');
  try {
    return parseCid(link);
  } catch (cause) {
    throw new ProtocolError('InvalidJson', '$link is not a cid', { cause });
  }
}

function bytesFromJson(bytes: unknown, keyCount: number): CborValue {
  if (keyCount !== 1 || typeof bytes !== 'string') return refuse('$bytes object is not {"$bytes": text}');
  try {
    return fromBase64(bytes);
  } catch (cause) {
    throw new ProtocolError('InvalidJson', '$bytes is not base64', { cause });
  }
}

function checkTyped(map: CborMap): void {
  const type = map['$type'];
  if (typeof type !== 'string' || type === '') refuse('$type is not a text, or empty');
  if (type !== 'blob') return;
  const { ref, mimeType, size } = map;
  if (!isCid(ref)) refuse('blob has no ref');
  if (typeof mimeType !== 'string' || mimeType === '') refuse('blob has no mimeType');
  if (typeof size !== 'number' || size < 0) refuse('blob has no size');
}

function refuse(fact: string): never {
  throw new ProtocolError('InvalidJson', fact);
}
