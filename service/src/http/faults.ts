/**
 * Turns anything thrown into one answer {error, message}, so that no stack and no inner detail ever leaves the house.
 * XrpcError: as it says. ProtocolError: 400 with its code. Anything else: 500 without detail, for the log.
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
  return { status: 500, error: 'InternalServerError', message: 'Internal Server Error', headers: {}, isUnexpected: true };
}

/** Koa and its kin mark errors that a caller may see with `expose` and a 4xx `status`. */
function isClientFault(thrown: unknown): thrown is Error & { readonly status: number } {
  return thrown instanceof Error && 'expose' in thrown && thrown.expose === true
    && 'status' in thrown && typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500;
}
