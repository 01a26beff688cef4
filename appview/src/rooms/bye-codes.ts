/**
 * Why the gateway ends a connection: the code of the #bye frame and of the WebSocket close, in one table.
 * 3000 to 3499: come back (from your position), after `afterMs` at the earliest. 3500 to 3999: do not; something must change first.
 * Source: ours, see docs/gateway.md; numbers where Centrifugo has the same meaning are Centrifugo's.
 */

/** One reason. */
export interface ByeReason {
  readonly code: number;
  /** One word for logs, metrics and clients. */
  readonly reason: string;
  /** Shortest time before coming back, in ms; clients add as much again at random. Null: do not come back. */
  readonly afterMs: number | null;
}

/** All reasons. */
export const byeReasons = {
  /** The service stops or restarts. */
  shutdown: { code: 3000, reason: 'shutdown', afterMs: 500 },
  /** The session's time is over; sign in again with a new token. */
  expired: { code: 3005, reason: 'expired', afterMs: 0 },
  /** The client reads too slowly; come back and recover. */
  tooSlow: { code: 3008, reason: 'tooSlow', afterMs: 1_000 },
  /** Too many commands. */
  tooManyRequests: { code: 3013, reason: 'tooManyRequests', afterMs: 5_000 },
  /** The service has all the connections it can hold. */
  overloaded: { code: 3014, reason: 'overloaded', afterMs: 10_000 },
  /** The token is not good: wrong audience, method, signature or time, or used before. */
  invalidToken: { code: 3500, reason: 'invalidToken', afterMs: null },
  /** Not a command in JSON. */
  badRequest: { code: 3501, reason: 'badRequest', afterMs: null },
  /** No #auth within the time for it. */
  noAuth: { code: 3502, reason: 'noAuth', afterMs: null },
  /** The account has too many connections. */
  connectionLimit: { code: 3504, reason: 'connectionLimit', afterMs: null },
  /** The account is deactivated, taken down or deleted. */
  accountInactive: { code: 3507, reason: 'accountInactive', afterMs: null },
} as const satisfies Record<string, ByeReason>;

/** Name of a reason. */
export type ByeName = keyof typeof byeReasons;
