/**
 * The error a caller of an XRPC method gets: status, error name of the lexicon, one helpful sentence.
 * Not for bytes of peers (ProtocolError) nor for our own mistakes (assert). Turned into a response by http/faults.
 * Source: AT Protocol spec "HTTP API (XRPC)", section error responses.
 */

/** Thrown by a handler to answer with an error. */
export class XrpcError extends Error {
  override readonly name = 'XrpcError';
  /** HTTP status, 4xx or 5xx. */
  readonly status: number;
  /** Error name, such as 'InvalidRequest'. */
  readonly error: string;
  /** Further response headers, such as Retry-After. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: string, message: string, headers: Readonly<Record<string, string>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** Makes the everyday 400: InvalidRequest unless another name is given. */
export function invalidRequest(message: string, error = 'InvalidRequest'): XrpcError {
  return new XrpcError(400, error, message);
}

/** Makes the 413 for a body that is too large. */
export function payloadTooLarge(maxBytes: number): XrpcError {
  return new XrpcError(413, 'PayloadTooLarge', `request entity too large: at most ${maxBytes} bytes`);
}

/** Makes the answer to a method this service does not have. */
export function methodNotImplemented(): XrpcError {
  return new XrpcError(501, 'MethodNotImplemented', 'Method Not Implemented');
}
