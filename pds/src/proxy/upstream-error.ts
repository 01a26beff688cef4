/**
 * What another service answered to a call that was passed on, when it was an error: status, name and text are handed on, save
 * that a 500 of theirs is a 502 of ours. What is no JSON is told by its status alone.
 * Not for services that cannot be reached (`forward.ts`). Source: behaviour of the reference PDS; names of the XRPC spec.
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { readAnswer } from './read-answer.ts';
import type { RawAnswer } from '@dunlin/service/http/raw-exchange';
import { passedOnHeaders } from './passed-on-headers.ts';

/** An error another service answered with. */
export class UpstreamError extends XrpcError {}

/** Largest answer that is read to find out what went wrong, in bytes. */
const maxErrorBytes = 100_000;

/** Longest text of another service that is handed on, in characters. */
const maxMessageLength = 1_000;

const names: Readonly<Record<number, string>> = {
  400: 'InvalidRequest', 401: 'AuthenticationRequired', 403: 'Forbidden', 404: 'XRPCNotSupported', 406: 'NotAcceptable', 413: 'PayloadTooLarge',
  415: 'UnsupportedMediaType', 429: 'RateLimitExceeded', 501: 'MethodNotImplemented', 502: 'UpstreamFailure', 503: 'NotEnoughResources', 504: 'UpstreamTimeout',
};

/** Reads an answer with a status of 400 or more, or of a redirect, which no XRPC service gives. */
export async function upstreamError(answer: RawAnswer): Promise<UpstreamError> {
  const status = answer.status < 400 || answer.status === 500 ? 502 : answer.status;
  const { error, message } = await readError(answer);
  return new UpstreamError(status, error ?? names[status] ?? 'UpstreamFailure', message ?? `upstream service answered ${answer.status}`, passedOnHeaders(answer.headers));
}

async function readError(answer: RawAnswer): Promise<{ error?: string; message?: string }> {
  try {
    const json: unknown = JSON.parse((await readAnswer(answer, maxErrorBytes)).toString('utf8'));
    if (typeof json !== 'object' || json === null) return {};
    const { error, message } = json as { error?: unknown; message?: unknown };
    return {
      ...(typeof error === 'string' && { error: error.slice(0, 100) }),
      ...(typeof message === 'string' && { message: message.slice(0, maxMessageLength) }),
    };
  } catch {
    // An error page of a proxy, or too long, or cut short: its status is all there is to tell.
    answer.body.destroy();
    return {};
  }
}
