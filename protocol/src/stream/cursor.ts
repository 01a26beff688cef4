/**
 * The `cursor` parameter of a subscription: an integer from 0, exclusive (`cursor=N` asks for seq > N).
 * Which events a cursor gives is the log's business (see service/firehose/subscribe).
 * Source: atproto.com/specs/event-stream "Sequence Numbers".
 */
import { ProtocolError } from '../base/errors.ts';

/**
 * Reads the parameter's text; null when there is none: live from now on.
 * @throws ProtocolError InvalidCursor for anything but a decimal integer in 0 … 2^53 − 1
 */
export function parseCursor(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const cursor = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(cursor)) throw new ProtocolError('InvalidCursor', `cursor is not an integer from 0 to 2^53-1: length=${text.length}`);
  return cursor;
}
