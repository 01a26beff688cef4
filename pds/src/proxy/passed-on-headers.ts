/**
 * Which headers go through this server when a call is passed on: few, and by name.
 * Nothing of a caller's own credentials and cookies goes out, nothing that concerns one connection goes either way.
 * Source: lists of the reference PDS; atproto.com/specs/xrpc.
 */
import type { IncomingHttpHeaders } from 'node:http';

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

const ofRequest = ['accept-language', 'atproto-accept-labelers', 'x-bsky-topics'] as const;
const ofBody = ['content-type', 'content-encoding', 'content-length'] as const;
const ofAnswer = ['atproto-repo-rev', 'atproto-content-labelers', 'retry-after'] as const;
const ofAnswerBody = ['content-length', 'content-encoding', 'content-type', 'content-language'] as const;

/** Gives what of a caller's headers goes to the service; with `hasBody` those that describe it too. */
export function requestHeaders(headers: IncomingHttpHeaders, { hasBody }: { hasBody: boolean }): Record<string, string> {
  const passed: Record<string, string> = { 'accept-encoding': headers['accept-encoding']?.toString() ?? 'identity' };
  for (const name of hasBody ? [...ofRequest, ...ofBody] : ofRequest) copy(headers, name, passed);
  for (const name in headers) if (name.startsWith('x-atproto-')) copy(headers, name, passed);
  return passed;
}

/** Gives what of a service's headers goes to the caller whatever becomes of the body. */
export function passedOnHeaders(headers: AnswerHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of ofAnswer) copy(headers, name, passed);
  return passed;
}

/** Gives what describes a body that goes through as it is. */
export function bodyHeaders(headers: AnswerHeaders): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of ofAnswerBody) copy(headers, name, passed);
  return passed;
}

function copy(from: AnswerHeaders | IncomingHttpHeaders, name: string, to: Record<string, string>): void {
  const value = from[name];
  if (value !== undefined) to[name] = Array.isArray(value) ? value.join(',') : value;
}
