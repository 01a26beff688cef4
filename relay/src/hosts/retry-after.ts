/**
 * How long a host asks to be left alone, by the headers of its answer.
 * Not for how long one waits without such a word. Place in the flow: questions to hosts beside their streams.
 * Source: RFC 9110 "Retry-After" in seconds; ratelimit-reset as the reference PDS sends it, a time.
 */

/** Longest time that is believed. */
const maxRetryMs = 3_600_000;

/** Gives ms, or null when nothing is said. */
export function retryMsOf(headers: Headers, nowMs: number): number | null {
  const [after, reset] = [Number(headers.get('retry-after') ?? Number.NaN), Number(headers.get('ratelimit-reset') ?? Number.NaN)];
  const waitMs = Number.isFinite(after) ? after * 1_000 : Number.isFinite(reset) ? reset * 1_000 - nowMs : Number.NaN;
  return Number.isFinite(waitMs) ? Math.min(maxRetryMs, Math.max(1_000, waitMs)) : null;
}
