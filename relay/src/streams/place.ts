/**
 * Where in the log a consumer begins: by our seq, by Jetstream's time cursor, or by a date.
 * Only says where; what a stream does about a cursor that is too new or too old is its own business, as the protocols differ.
 * Place in the flow: between a request and its attachment to a feed.
 * Source: invariant 3 for seqs; Jetstream's README "Consuming Jetstream" for times.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { isDatetime } from '@dunlin/protocol/repo/envelope';
import { parseCursor } from '@dunlin/protocol/stream/cursor';
import { invalidRequest, type XrpcError } from '@dunlin/service/xrpc/errors';
import type { TimedLog } from './page.ts';

/** A place in the log. */
export interface Place {
  /** Everything above it is to be sent. */
  readonly afterSeq: number;
  /** True when there may have been events between what was asked for and this. */
  readonly isOutdated: boolean;
}

/** Gives the place of a seq (exclusive; 0 is the oldest, null is now), or null when that seq is yet to come. */
export function placeOfSeq(seq: number | null, log: TimedLog): Place | null {
  const headSeq = log.headSeq();
  if (seq === null) return { afterSeq: headSeq, isOutdated: false };
  if (seq > headSeq) return null;
  const beforeOldest = log.oldestSeq() - 1;
  return seq >= beforeOldest ? { afterSeq: seq, isOutdated: false } : { afterSeq: beforeOldest, isOutdated: seq > 0 };
}

/**
 * Gives the place of everything since `ms`; now when that is to come.
 * @throws AssertionFailure when the log is damaged
 */
export async function placeOfTime(ms: number, log: TimedLog, clock: Clock): Promise<Place> {
  if (ms > clock.nowMs()) return { afterSeq: log.headSeq(), isOutdated: false };
  const seq = await log.seqAtTime(ms);
  const beforeOldest = log.oldestSeq() - 1;
  if (seq > beforeOldest) return { afterSeq: seq, isOutdated: false };
  const oldest = await log.read(beforeOldest, 1);
  return { afterSeq: beforeOldest, isOutdated: (oldest?.timesMs[0] ?? Infinity) > ms };
}

/** Reads a seq out of a request. @throws XrpcError 400 */
export function readSeq(name: string, text: string | null | undefined): number | null {
  try {
    return parseCursor(text === '' ? null : text);
  } catch (error) {
    if (error instanceof ProtocolError) throw invalidRequest(`${name} must be a whole number from 0 to 9007199254740991`);
    throw error;
  }
}

/** Reads Jetstream's cursor, µs since 1970; null for now. As in Jetstream, a negative one is an error and any old one is well. @throws XrpcError 400 */
export function readTimeCursor(text: string | null): number | null {
  if (text === null || text === '') return null;
  const timeUs = /^\d{1,18}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(timeUs)) throw invalidRequest('cursor must be a time in microseconds since 1970, not negative');
  return timeUs;
}

/** Gives the ms in which a time cursor lies: a consumer gets all of that ms again, so that nothing beside its last event is lost. */
export function cursorMs(timeUs: number): number {
  return Math.floor(timeUs / 1_000);
}

/** Reads a date out of a request, as ms since 1970; null when there is none. @throws XrpcError 400 */
export function readDate(name: string, text: string | null): number | null {
  if (text === null || text === '') return null;
  const ms = isDatetime(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw invalidRequest(`${name} must be a datetime such as 2026-11-24T10:00:00Z`);
  return ms;
}

/** The answer for a seq that is yet to come. */
export function futureCursor(name: string): XrpcError {
  return invalidRequest(`${name} is in the future of this relay`, 'FutureCursor');
}
