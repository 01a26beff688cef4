/**
 * Turns anything thrown into one answer {error, message}, so that no stack and no inner detail ever leaves the house.
 * XrpcError: as it says. ProtocolError: 400 with its code. No room on the disk, or a database that another program holds: 503, for
 * callers to try again. Anything else: 500 without detail. The last two are for the log.
 * Not for logging itself: the caller does that for faults that are ours. Source: ours; XRPC spec for the body.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { XrpcError } from '../xrpc/errors.ts';

/** What the caller gets to see. */
export interface Fault {
  readonly status: number;
  readonly error: string;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
  /** True when we did not expect this: someone must look at the log. */
  readonly isUnexpected: boolean;
}

/** Gives the answer for anything thrown. */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof XrpcError) {
    const { status, error, message, headers } = thrown;
    return { status, error, message, headers, isUnexpected: false };
  }
  if (thrown instanceof ProtocolError) {
    const isUpstream = thrown.code === 'IdentityUnavailable';
    return { status: isUpstream ? 502 : 400, error: isUpstream ? 'UpstreamFailure' : thrown.code, message: thrown.message, headers: {}, isUnexpected: false };
  }
  if (isClientFault(thrown)) {
    return { status: thrown.status, error: 'InvalidRequest', message: thrown.message, headers: {}, isUnexpected: false };
  }
  const reason = codesOf(thrown).map((code) => storageReasons[code]).find((words) => words !== undefined);
  if (reason !== undefined) return { status: 503, error: 'NotEnoughResources', message: reason, headers: { 'retry-after': '30' }, isUnexpected: true };
  return { status: 500, error: 'InternalServerError', message: 'Internal Server Error', headers: {}, isUnexpected: true };
}

/** What passes when the operator has mended it, by the codes of SQLite and the system. */
const storageReasons: Readonly<Record<string, string>> = {
  SQLITE_FULL: 'the disk of this server is full: nothing was changed, try again later',
  ENOSPC: 'the disk of this server is full: nothing was changed, try again later',
  EDQUOT: 'the disk of this server is full: nothing was changed, try again later',
  SQLITE_BUSY: 'another program holds the database of this server: nothing was changed, try again',
};

/** Most causes behind an error that are looked at. */
const maxCauses = 4;

function codesOf(thrown: unknown): string[] {
  const codes: string[] = [];
  // By what it has, not by its class: an error of SQLite is of the class that its native part was loaded with.
  for (let error = thrown; typeof error === 'object' && error !== null && codes.length < maxCauses; error = (error as { cause?: unknown }).cause) codes.push('code' in error ? String(error.code) : '');
  return codes;
}

/** Koa and its kin mark errors that a caller may see with `expose` and a 4xx `status`. */
function isClientFault(thrown: unknown): thrown is Error & { readonly status: number } {
  return thrown instanceof Error && 'expose' in thrown && thrown.expose === true
    && 'status' in thrown && typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500;
}
