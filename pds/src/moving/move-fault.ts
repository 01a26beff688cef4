/**
 * Why a move does not go on, told apart by what can be done about it.
 * A passing fault is tried again by itself; any other waits for the person, who reads the sentence.
 * Source: ours; the codes are those of app.dunlin.move.getStatus.
 */

/** Names for programs. */
export type MoveFaultCode =
  | 'OldServerUnreachable' | 'OldServerRefused' | 'OldSessionOver'
  | 'OperationRefused' | 'RepoRefused' | 'FilesMissing' | 'IdentityNotReady' | 'ServerBusy' | 'AccountInService';

/** A move cannot go on. */
export class MoveFault extends Error {
  readonly code: MoveFaultCode;
  /** The error name the old server gave, null for none. */
  readonly theirError: string | null;

  constructor(code: MoveFaultCode, message: string, o: { cause?: unknown; theirError?: string } = {}) {
    super(message, { cause: o.cause });
    this.code = code;
    this.theirError = o.theirError ?? null;
  }

  /** True when waiting may mend it. */
  get isPassing(): boolean {
    return this.code === 'OldServerUnreachable' || this.code === 'ServerBusy' || this.code === 'IdentityNotReady';
  }
}
