/**
 * The one way this project says "this cannot be": a failed assertion is our own mistake.
 * Not for bad input: what a peer sent is answered with a ProtocolError, a caller with an XrpcError.
 * A process that sees an AssertionFailure drains and exits. Source: ours, see STYLE.md "Errors".
 */

/** Thrown by `assert`; only a bug of ours can cause it. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/**
 * Checks a claim about our own state.
 * @throws AssertionFailure when the condition is falsy
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}
