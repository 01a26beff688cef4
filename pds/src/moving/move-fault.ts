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
  /** True when something was done before it came to this: then its tries begin anew. */
  readonly hasProgressed: boolean;

  constructor(code: MoveFaultCode, message: string, o: { cause?: unknown; theirError?: string; hasProgressed?: boolean } = {}) {
    super(message, { cause: o.cause });
    this.code = code;
    this.theirError = o.theirError ?? null;
    this.hasProgressed = o.hasProgressed ?? false;
  }

  /** True when waiting may mend it. */
  get isPassing(): boolean {
    return this.code === 'OldServerUnreachable' || this.code === 'ServerBusy' || this.code === 'IdentityNotReady';
  }
}
