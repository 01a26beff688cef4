/**
 * Timestamp identifiers: 13 characters that sort by time, the `rev` of commits and the usual record key.
 * 53 bits of microseconds since 1970, 10 bits that tell clocks apart, in base32 with its own sortable alphabet.
 * Source: atproto.com/specs/tid.
 */
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { ProtocolError } from '../base/errors.ts';
import { randomBytes } from '../crypto/random.ts';

const alphabet = '234567abcdefghijklmnopqrstuvwxyz';
const timeCharacters = 11;
const clockIds = 1024;

/** Digit by character code; −1 for what is no digit. */
const digits = new Int8Array(256).fill(-1);
for (let digit = 0; digit < alphabet.length; digit++) digits[alphabet.charCodeAt(digit)] = digit;

/** Length of a TID in characters. */
export const tidLength = 13;

/** Tells whether a text is a TID. */
export function isTid(text: string): boolean {
  if (text.length !== tidLength) return false;
  for (let index = 0; index < tidLength; index++) {
    const code = text.charCodeAt(index);
    if (code > 255 || digits[code]! < 0) return false;
  }
  // The first character holds four bits: the number is one of 64.
  return digits[text.charCodeAt(0)]! < 16;
}

/**
 * Gives the time in a TID, in microseconds since 1970.
 * @throws ProtocolError InvalidTid when the text is none
 */
export function tidToMicros(tid: string): number {
  if (!isTid(tid)) throw new ProtocolError('InvalidTid', `not a tid: length=${tid.length}`);
  let micros = 0;
  for (let index = 0; index < timeCharacters; index++) micros = micros * 32 + digits[tid.charCodeAt(index)]!;
  return micros;
}

/** Gives the TID of a time in microseconds since 1970 and a clock identifier from 0 to 1,023. */
export function tidFromMicros(micros: number, clockId: number): string {
  assert(Number.isSafeInteger(micros) && micros >= 0, `time out of range: micros=${micros}`);
  assert(Number.isInteger(clockId) && clockId >= 0 && clockId < clockIds, `clock id out of range: clockId=${clockId}`);
  let text = '';
  let rest = micros;
  for (let index = 0; index < timeCharacters; index++) {
    text = alphabet[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text + alphabet[clockId >> 5]! + alphabet[clockId & 31]!;
}

/** Gives TIDs, each later than every one before, whatever the clock does. */
export class TidClock {
  readonly #clock: Clock;
  readonly #clockId: number;
  #lastMicros = 0;

  /** `clockId` from 0 to 1,023 tells writers apart; random unless given. */
  constructor(clock: Clock, clockId?: number) {
    this.#clock = clock;
    this.#clockId = clockId ?? (randomBytes(2)[0]! * 256 + randomBytes(1)[0]!) % clockIds;
  }

  /** Gives the next TID, later than `after` too when that is given and lies ahead of the clock. */
  next(after?: string | null): string {
    let micros = Math.max(Math.floor(this.#clock.nowMs() * 1000), this.#lastMicros + 1);
    if (after !== null && after !== undefined) micros = Math.max(micros, tidToMicros(after) + 1);
    this.#lastMicros = micros;
    return tidFromMicros(micros, this.#clockId);
  }
}
