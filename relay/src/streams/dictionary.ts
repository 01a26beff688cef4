/**
 * The zstd dictionary of the compressed JSON streams: our own, trained on made-up events, served to whoever wants to read them.
 * Not Jetstream's: clients of Jetstream carry that one inside and get frames that need none.
 * Place in the flow: read once at start. Source: RFC 8878 section 5; bench/relay-json/train-dictionary.ts makes the file.
 */
import { readFileSync } from 'node:fs';
import { assert } from '@dunlin/protocol/base/assert';

const magic = 0xec30a437;

/** A dictionary and its number. */
export interface Dictionary {
  readonly bytes: Buffer;
  /** As it stands in the dictionary and in every frame made with it. */
  readonly id: number;
}

/** Reads the dictionary that lies beside this file. */
export function readDictionary(): Dictionary {
  const bytes = readFileSync(new URL('zstd-dictionary', import.meta.url));
  assert(bytes.readUInt32LE(0) === magic, 'zstd-dictionary is a zstd dictionary');
  return { bytes, id: bytes.readUInt32LE(4) };
}
