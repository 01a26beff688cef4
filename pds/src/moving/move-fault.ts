/**
 * Why a move does not go on, told apart by what can be done about it.
 * A passing fault is tried again by itself; any other waits for the person, who reads the sentence.
 * Source: ours; the codes are those of app.dunlin.move.getStatus.
 */

/** Names for programs. */
export type MoveFaultCode =
  | 'OldServerUnreachable' | 'OldServerTooSlow' | 'OldServerRefused' | 'OldSessionOver'
  | 'OperationRefused' | 'RepoRefused' | 'FilesMissing' | 'IdentityNotReady' | 'ServerBusy' | 'AccountInService'
  | 'AccountTakenDown' | 'StoppedByOperator';

/** A move cannot go on. */
export class MoveFault extends Error {
  readonly code: MoveFaultCode;
  /** The error name the old server gave, null for none. */
  readonly theirError: string | null;
  /** True when something was done before it came to this: then its tries begin anew. */
  readonly hasProgressed: boolean;
  /** True when it took so long to come to this that it is not tried again by itself. */
  readonly isFinal: boolean;

  constructor(code: MoveFaultCode, message: string, o: { cause?: unknown; theirError?: string; hasProgressed?: boolean; isFinal?: boolean } = {}) {
    super(message, { cause: o.cause });
    this.code = code;
    this.theirError = o.theirError ?? null;
    this.hasProgressed = o.hasProgressed ?? false;
    this.isFinal = o.isFinal ?? false;
  }

  /** True when waiting may mend it. */
  get isPassing(): boolean {
    if (this.isFinal) return false;
    return ['OldServerUnreachable', 'OldServerTooSlow', 'ServerBusy', 'IdentityNotReady'].includes(this.code);
  }
}

/** Why nothing goes on for an account that was taken down. */
export function takenDown(): MoveFault {
  return new MoveFault('AccountTakenDown', 'The operator of this server has taken the account down. Nothing more is done until that is lifted.');
}
