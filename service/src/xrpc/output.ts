/**
 * Gives the JSON text of an answer: CIDs as {"$link"}, bytes as {"$bytes"}, blob references in their JSON form.
 * Most answers hold none of these and go through JSON.stringify as they are.
 * Not for records that are hashed: those are encoded by protocol/data. Source: AT Protocol spec "Data Model".
 */
import { BlobRef } from '@atproto/lexicon';
import { isCid } from '@dunlin/protocol/data/cid';

/** Gives the JSON text of a value in lexicon form. */
export function toJsonText(value: unknown): string {
  return JSON.stringify(hasSpecial(value) ? convert(value) : value);
}

function isSpecial(value: object): boolean {
  return value instanceof Uint8Array || value instanceof BlobRef || isCid(value);
}

function hasSpecial(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasSpecial);
  if (isSpecial(value)) return true;
  for (const key in value) if (hasSpecial(Reflect.get(value, key))) return true;
  return false;
}

function convert(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(convert);
  if (value instanceof BlobRef) return value.toJSON();
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64').replaceAll('=', '') };
  if (isCid(value)) return { $link: value.toString() };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]));
}
