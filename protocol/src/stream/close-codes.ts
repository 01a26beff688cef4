/**
 * WebSocket close codes of the event streams and gateways, by what they tell the other side to do.
 * Not for HTTP statuses before the upgrade (see service/websocket/server).
 * Source: RFC 6455 section 7.4.1, the IANA registry of close codes; 1008 behind an error frame is what the reference sends.
 */

/** Each code by its name; `closeCodes.policyViolation` follows every error frame. */
export const closeCodes = {
  /** All is done; nothing more will come. */
  normal: 1000,
  /** The server shuts down or restarts: come back soon, from your cursor. */
  goingAway: 1001,
  /** The other side broke the WebSocket protocol. */
  protocolError: 1002,
  /** A kind of message that is not taken here: text where frames are binary. */
  unsupportedData: 1003,
  /** Never sent: what a socket reports when it died without a close. */
  abnormal: 1006,
  /** Text that is not UTF-8. */
  invalidPayload: 1007,
  /** Refused; an error frame said why (FutureCursor, ConsumerTooSlow). */
  policyViolation: 1008,
  /** A message beyond the limit. */
  messageTooBig: 1009,
  /** The server failed. */
  internalError: 1011,
  /** The server restarts: come back. */
  serviceRestart: 1012,
  /** Overloaded: come back later, from your cursor. */
  tryAgainLater: 1013,
} as const;
