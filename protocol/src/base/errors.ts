/**
 * The error for bytes, tokens and documents of others that break the protocol.
 * Not for our own mistakes (assert) nor for an everyday refusal (a returned verdict).
 * Every code is listed here once, so that a code in a log or a metric leads to the file that throws it.
 * Source: ours, see STYLE.md "Errors".
 */

/** Codes of `protocol/data` and `protocol/car`: bytes that are not what they claim to be. */
export type DataErrorCode = 'InvalidVarint' | 'InvalidUtf8' | 'InvalidBase32' | 'InvalidBase64' | 'InvalidHex'
  | 'InvalidCid' | 'InvalidCbor' | 'InvalidJson' | 'InvalidCar';

/** Codes of `protocol/crypto`: keys, signatures and tokens. The BadJwt family are the XRPC error names. */
export type CryptoErrorCode = 'InvalidKey' | 'InvalidPassword'
  | 'BadJwt' | 'BadJwtType' | 'JwtExpired' | 'BadJwtAudience' | 'BadJwtLexiconMethod' | 'BadJwtIss' | 'BadJwtSignature';

/** Codes of `protocol/mst` and `protocol/repo`: trees, commits and writes. */
export type RepoErrorCode = 'InvalidTid' | 'InvalidMstKey' | 'InvalidMst' | 'InvalidProof' | 'MissingBlock' | 'KeyExists' | 'KeyNotFound' | 'InversionFailed'
  | 'InvalidCommit' | 'InvalidOperation' | 'InvalidRepo' | 'RecordExists' | 'RecordNotFound' | 'TooManyOps' | 'BlocksTooBig';

/** Codes of `protocol/stream`: frames and cursors. */
export type StreamErrorCode = 'InvalidFrame' | 'FrameTooBig' | 'InvalidEvent' | 'InvalidCursor';

/** Codes of `protocol/identity`: DIDs, documents, handles, directory operations. */
export type IdentityErrorCode = 'InvalidDid' | 'InvalidDidDocument' | 'InvalidHandle' | 'InvalidPlcOperation' | 'IdentityUnavailable';

/** Every code a ProtocolError can carry. */
export type ProtocolErrorCode = DataErrorCode | CryptoErrorCode | RepoErrorCode | StreamErrorCode | IdentityErrorCode;

/** Says that something from outside breaks the protocol; `code` is stable, the message is for people. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ProtocolErrorCode;

  /** The message begins with the fact, then the values; never a secret, never the contents of a record. */
  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
