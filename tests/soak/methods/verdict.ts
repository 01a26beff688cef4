/**
 * Whether an answer may be what it is: a success that fits the lexicon, or an error whose name the lexicon or XRPC itself knows.
 * Not for: whether a call should have succeeded (prove.ts knows what it asked). Source: AT Protocol specs "XRPC", "Lexicon".
 */
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import { lexOf, type Reply } from './exchange.ts';
import type { Schema } from './near-misses.ts';

/** What a method's definition says. */
export interface Method {
  readonly type: string;
  readonly parameters?: Schema;
  readonly input?: { readonly encoding: string; readonly schema?: Schema };
  readonly output?: { readonly encoding: string; readonly schema?: Schema };
  readonly errors?: readonly { readonly name: string }[];
}

/** Names that any method may answer with: XRPC's own, and those of the reference PDS for credentials. */
const generalErrors = [
  'InvalidRequest', 'SyntaxError', 'PayloadTooLarge', 'UnsupportedMediaType', 'MethodNotImplemented', 'UpstreamFailure', 'RateLimitExceeded', 'NotFound',
  'AuthMissing', 'AuthenticationRequired', 'AuthRequired', 'InvalidToken', 'ExpiredToken', 'Forbidden', 'AccountNotFound', 'AccountTakedown', 'AccountDeactivated',
  'BadJwt', 'BadJwtSignature', 'BadJwtAudience', 'BadJwtLexiconMethod', 'JwtExpired', 'UntrustedIss', 'RequestHeaderFieldsTooLarge', 'RequestTimeout', 
  // OAuth's own (RFC 6750, 9449).
  'invalid_token', 'invalid_dpop_proof', 'use_dpop_nonce',
];

/** Statuses from 500 on that are meant: not here, somebody else's fault. */
const meantFaults = [501, 502];

/** Tells whether a status is a success; a relay's getRepo leads on to the host. */
export function isSuccess(status: number): boolean {
  return (status >= 200 && status < 300) || status === 302;
}

/** Judges one answer and gives the error's name, null for a success. @throws when it may not be */
export function judge(lexicons: Lexicons, nsid: string, { status, headers, body }: Reply, o: { readonly errors?: readonly string[]; readonly isOutputUnchecked?: true }): string | null {
  const method = lexicons.getDefOrThrow(nsid, ['query', 'procedure']) as unknown as Method;
  if (isSuccess(status)) {
    if (status !== 302 && o.isOutputUnchecked !== true) checkOutput(lexicons, nsid, method, String(headers['content-type'] ?? ''), body);
    return null;
  }
  if (status < 400 || (status >= 500 && !meantFaults.includes(status))) throw new Error(`status ${status}: ${body.toString().slice(0, 300)}`);
  return errorName(method, body, status, o.errors ?? []);
}

function checkOutput(lexicons: Lexicons, nsid: string, { output }: Method, type: string, body: Buffer): void {
  if (output === undefined) {
    if (body.length > 0) throw new Error(`an output that the lexicon does not have: ${body.toString().slice(0, 100)}`);
    return;
  }
  if (output.encoding !== '*/*' && type.split(';')[0] !== output.encoding) throw new Error(`output is ${type}, not ${output.encoding}`);
  if (output.encoding !== 'application/json' || output.schema === undefined) return;
  const value = lexOf(body);
  lexicons.assertValidXrpcOutput(nsid, value);
}

function errorName({ errors = [] }: Method, body: Buffer, status: number, furtherErrors: readonly string[]): string {
  // HEAD and some refusals of the HTTP parser have no body.
  const { error, message } = JSON.parse(body.toString()) as { error?: unknown; message?: unknown };
  if (typeof error !== 'string' || (message !== undefined && typeof message !== 'string')) throw new Error(`an error without a name: ${status} ${body.toString().slice(0, 200)}`);
  const isKnown = generalErrors.includes(error) || furtherErrors.includes(error) || errors.some(({ name }) => name === error);
  if (!isKnown) throw new Error(`an error name the lexicon does not know: ${status} ${body.toString().slice(0, 200)}`);
  return error;
}

/** Tells whether the lexicon takes a body as input. */
export function isInputValid(lexicons: Lexicons, nsid: string, body: unknown): boolean {
  try {
    lexicons.assertValidXrpcInput(nsid, lexOf(Buffer.from(JSON.stringify(body) ?? '')));
    return true;
  } catch {
    return false;
  }
}

/** Tells whether the lexicon takes parameters as they come out of a URL. */
export function areParamsValid(lexicons: Lexicons, nsid: string, query: string): boolean {
  const { parameters } = lexicons.getDefOrThrow(nsid, ['query', 'procedure']) as unknown as Method;
  const given = new URLSearchParams(query);
  const params: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(parameters?.properties ?? {})) {
    // Nothing behind the "=" is as good as no parameter.
    const texts = given.getAll(name).filter((text) => text !== '');
    if (texts.length > 1 && schema.type !== 'array') return false;
    const read = (text: string, type: string): unknown => (type === 'integer' && /^-?\d+$/.test(text) ? Number(text) : type === 'boolean' && /^(true|false)$/.test(text) ? text === 'true' : text);
    if (texts.length > 0) params[name] = schema.type === 'array' ? texts.map((text) => read(text, schema.items?.type ?? '')) : read(texts[0]!, schema.type);
  }
  try {
    lexicons.assertValidXrpcParams(nsid, params);
    return true;
  } catch {
    return false;
  }
}
