/**
 * The one error class this package throws at its user, told apart by `code`.
 * Not for: what a server sent (that is a `SubscriptionFault`, a `Drop` or a `Notice`, reported and never thrown).
 * Place in the flow: options, cursor stores and the end of a run.
 * Source: ours, see firehose-consumer/README.md.
 */

/**
 * InvalidOption: the caller's option cannot be used. FutureCursor, OutdatedCursor: the server said so and the
 * caller asked to stop then. CursorStore: the cursor could not be loaded or saved. Ledger: the ledger could not be read or
 * written. Listing: the list of accounts to fetch was refused. HandlerFailed: the handler threw.
 */
export type FirehoseErrorCode = 'InvalidOption' | 'FutureCursor' | 'OutdatedCursor' | 'CursorStore' | 'Ledger' | 'Listing' | 'HandlerFailed';

/** An end the caller has to hear about; `cause` holds the first fault where there is one. */
export class FirehoseError extends Error {
  readonly code: FirehoseErrorCode;

  constructor(code: FirehoseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FirehoseError';
    this.code = code;
  }
}
