/**
 * One lexicon method as a route: parameters, authentication, input, rate limit, handler, answer; in this order.
 * Handlers see typed and checked values and return a result or throw; they never touch the HTTP library.
 * Not for subscriptions (websocket/server) and plain paths (http/router).
 * Source: AT Protocol spec "HTTP API (XRPC)"; order and texts of the checks as the reference PDS has them.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { jsonToLex, ValidationError } from '@atproto/lexicon';
import { assert } from '@dunlin/protocol/base/assert';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { isTestRun } from '../config/env.ts';
import type { App, Context } from '../http/app.ts';
import { clientAddress } from '../http/client-address.ts';
import { spendAll, type RateLimitRule } from '../http/rate-limit.ts';
import { allowLongBody } from '../http/slow-bodies.ts';
import type { Metrics } from '../metrics/registry.ts';
import { discardRest } from './body.ts';
import { invalidRequest, methodNotImplemented, XrpcError } from './errors.ts';
import { readInput, type Input } from './input.ts';
import { mainTypeOf, type Lexicons } from './lexicons.ts';
import { toJsonText } from './output.ts';
import { readParams } from './params.ts';

/** A call before its caller is known and its body read: what `auth` gets. */
export interface XrpcCall<P = Record<string, unknown>> {
  readonly nsid: string;
  readonly params: P;
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
  readonly method: string;
  /** Path with query, as the caller wrote it. */
  readonly url: string;
  /** Aborts when the caller went away before its answer was complete. */
  readonly signal: AbortSignal;
  /** Sets a header of the answer, whatever the answer will be. */
  setHeader(name: string, value: string): void;
}

/** A call as its handler gets it. */
export interface XrpcRequest<P = Record<string, unknown>, I = unknown, A = unknown> extends XrpcCall<P> {
  /** Validated JSON in lexicon form (Cid objects, BlobRef), or a bounded Readable when the body is not JSON. */
  readonly input: I;
  /** JSON input just as it was sent, for records whose bytes are made by protocol/data; undefined when it was no JSON. */
  readonly rawInput: unknown;
  /** Media type of the input; null when the method takes none. */
  readonly encoding: string | null;
  readonly auth: A;
}

/** What a handler gives: nothing, a JSON value in lexicon form, JSON it wrote itself, raw bytes with their media type, or another place to go. */
export type XrpcResult =
  | undefined | void
  | { readonly body: unknown; readonly encoding?: undefined; readonly headers?: Readonly<Record<string, string>>; readonly status?: number }
  | { readonly body: Readable | Uint8Array; readonly encoding: string; readonly headers?: Readonly<Record<string, string>>; readonly status?: number }
  | { readonly json: Buffer }
  | { readonly redirect: string };

/** What `auth` may give where the right to call can be lost while a body is on its way, which its sender may draw out for minutes. */
export interface LosableRight {
  /** Looks again. @throws XrpcError when they may not call any more */
  assertHolds(): void;
}

/** How one method is served. */
export interface RouteOptions<P, I, A> {
  /** Finds out who calls; throws XrpcError when they may not. Its presence marks answers as private to the caller. A LosableRight is looked at again behind the input. */
  readonly auth?: (call: XrpcCall<P>) => A | Promise<A>;
  /** Spent after the input is known and before the handler runs. */
  readonly rateLimit?: RateLimitRule<XrpcRequest<P, I, A>> | readonly RateLimitRule<XrpcRequest<P, I, A>>[];
  /** Largest body, unpacked, in bytes; default 153,600 for JSON, 5,242,880 for other bodies. */
  readonly maxBytes?: number;
  /** True lets the body of whoever may call take long, as long as it comes at a pace (`http/slow-bodies.ts`). */
  readonly hasLongBody?: boolean;
  /** True for calls that are another service's by their headers: they are served as if the method were not in the table. */
  readonly isElsewhere?: (headers: IncomingHttpHeaders) => boolean;
  readonly handler: (request: XrpcRequest<P, I, A>) => XrpcResult | Promise<XrpcResult>;
}

/** A method ready to be mounted. */
export interface XrpcRoute {
  readonly nsid: string;
  readonly hasAuth: boolean;
  readonly maxBytes: number | undefined;
  readonly hasLongBody: boolean;
  readonly isElsewhere: (headers: IncomingHttpHeaders) => boolean;
  readonly run: (call: XrpcCall, readInput: () => Promise<Input>) => Promise<XrpcResult>;
}

/** Makes the route of one method. The types of params and input are the caller's word; the lexicon has checked the values. */
export function route<P = Record<string, unknown>, I = unknown, A = undefined>(nsid: string, o: RouteOptions<P, I, A>): XrpcRoute {
  const limits = o.rateLimit === undefined ? [] : [o.rateLimit].flat();
  return {
    nsid,
    hasAuth: o.auth !== undefined,
    maxBytes: o.maxBytes,
    hasLongBody: o.hasLongBody ?? false,
    isElsewhere: o.isElsewhere ?? (() => false),
    async run(untyped, readInput) {
      const call = untyped as XrpcCall<P>;
      const auth = (await o.auth?.(call)) as A;
      const { input, rawInput, encoding } = await readInput();
      if (isLosable(auth)) auth.assertHolds();
      const request = new RequestOfCall<P, I, A>(call, { input: input as I, rawInput, encoding, auth });
      spendAll(limits, request);
      return o.handler(request);
    },
  };
}

function isLosable(auth: unknown): auth is LosableRight {
  return typeof auth === 'object' && auth !== null && 'assertHolds' in auth;
}

/** What mounting needs. */
export interface MountOptions {
  readonly lexicons: Lexicons;
  /** Serves methods that are not in the table, such as those passed on to another service; default 501 MethodNotImplemented. */
  readonly fallback?: (context: Context) => Promise<void>;
  readonly metrics?: Metrics;
  /** Spent on every call by its address before anything else is looked at. */
  readonly rateLimit?: readonly RateLimitRule<Pick<XrpcCall, 'ip' | 'headers' | 'setHeader'>>[];
  /** Checks JSON answers against the lexicon; default: in test runs. */
  readonly validateOutput?: boolean;
}

/** Mounts the methods at /xrpc/<nsid>. */
export function mountXrpc(app: App, routes: readonly XrpcRoute[], o: MountOptions): void {
  const table = new Map<string, XrpcRoute>();
  for (const each of routes) {
    assert(!table.has(each.nsid), `method is mounted twice: nsid=${each.nsid}`);
    const type = mainTypeOf(o.lexicons, each.nsid);
    assert(type === 'query' || type === 'procedure', `no lexicon has such a method: nsid=${each.nsid}`);
    table.set(each.nsid, each);
  }
  const errors = o.metrics?.counter({ name: 'xrpc_errors_total', help: 'Calls answered with an error, by error name.', labels: ['method', 'error'] });
  const validateOutput = o.validateOutput ?? isTestRun();
  app.use(async (context, next) => {
    if (!context.path.startsWith('/xrpc/')) return next();
    const name = context.path.slice('/xrpc/'.length).replace(/(?<=.)\/$/, '');
    const listed = table.get(name);
    const found = listed?.isElsewhere(context.headers) ? undefined : listed;
    context.state['route'] = found?.nsid ?? 'xrpc other';
    try {
      if (name === '' || name.includes('/')) throw invalidRequest('invalid xrpc path');
      if (o.rateLimit) spendAll(o.rateLimit, { ip: clientAddress(context.req), headers: context.headers, setHeader: (name, value) => context.set(name, value) });
      if (found) await serve(context, found, o.lexicons, validateOutput);
      else if (o.fallback) await o.fallback(context);
      else throw methodNotImplemented();
    } catch (thrown) {
      const error = named(thrown, found, o.lexicons);
      errors?.inc({ method: found?.nsid ?? 'other', error: error instanceof XrpcError ? error.error : 'other' });
      throw error;
    } finally {
      if (context.respond !== false) discardRest(context.req);
    }
  });
}

/** Gives a fault of the caller's bytes a name its caller can know: the code where the lexicon lists it, else XRPC's own. */
function named(thrown: unknown, found: XrpcRoute | undefined, lexicons: Lexicons): unknown {
  if (!(thrown instanceof ProtocolError) || thrown.code === 'IdentityUnavailable') return thrown;
  const errors = found === undefined ? [] : lexicons.getDefOrThrow(found.nsid, ['query', 'procedure']).errors ?? [];
  const isListed = errors.some(({ name }) => name === thrown.code);
  return new XrpcError(400, isListed ? thrown.code : 'InvalidRequest', thrown.message, {}, { cause: thrown });
}

async function serve(context: Context, found: XrpcRoute, lexicons: Lexicons, validateOutput: boolean): Promise<void> {
  if (found.hasAuth) {
    context.set('cache-control', 'private');
    context.vary('Authorization');
  }
  const expected = lexicons.getDefOrThrow(found.nsid, ['query', 'procedure']).type === 'query' ? 'GET' : 'POST';
  const isHead = expected === 'GET' && context.method === 'HEAD';
  if (context.method !== expected && !isHead) throw invalidRequest(`Incorrect HTTP method (${context.method}) expected ${expected}`);
  const call = new CallOverHttp(context, found.nsid, readParams(lexicons, found.nsid, context.querystring));
  const result = await found.run(call, () => {
    if (found.hasLongBody) allowLongBody(context.req);
    return readInput(lexicons, found.nsid, context.req, found.maxBytes);
  });
  answer(context, result, validateOutput ? (body) => checkOutput(lexicons, found.nsid, body) : null);
}

/** A call over HTTP. A class, as is the request: one is made for every call, and objects of getters and closures cost more. */
class CallOverHttp implements XrpcCall {
  readonly nsid: string;
  readonly params: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
  readonly method: string;
  readonly url: string;
  readonly #response: ServerResponse;
  #abort: AbortController | null = null;

  constructor({ req, res }: Context, nsid: string, params: Record<string, unknown>) {
    this.nsid = nsid;
    this.params = params;
    this.headers = req.headers;
    this.ip = clientAddress(req);
    this.method = req.method ?? '';
    this.url = req.url ?? '';
    this.#response = res;
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      const controller = new AbortController();
      const response = this.#response;
      const giveUp = (): void => { if (!response.writableFinished) controller.abort(new Error('caller went away')); };
      // It may have gone before anybody asked.
      if (response.closed) giveUp();
      else response.once('close', giveUp);
      this.#abort = controller;
    }
    return this.#abort.signal;
  }

  setHeader(name: string, value: string): void {
    if (!this.#response.headersSent) this.#response.setHeader(name, value);
  }
}

class RequestOfCall<P, I, A> implements XrpcRequest<P, I, A> {
  readonly nsid: string;
  readonly params: P;
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
  readonly method: string;
  readonly url: string;
  readonly input: I;
  readonly rawInput: unknown;
  readonly encoding: string | null;
  readonly auth: A;
  readonly #call: XrpcCall<P>;

  constructor(call: XrpcCall<P>, { input, rawInput, encoding, auth }: { input: I; rawInput: unknown; encoding: string | null; auth: A }) {
    this.nsid = call.nsid;
    this.params = call.params;
    this.headers = call.headers;
    this.ip = call.ip;
    this.method = call.method;
    this.url = call.url;
    this.input = input;
    this.rawInput = rawInput;
    this.encoding = encoding;
    this.auth = auth;
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  setHeader(name: string, value: string): void {
    this.#call.setHeader(name, value);
  }
}

const jsonType = 'application/json; charset=utf-8';

function answer(context: Context, result: XrpcResult, check: ((body: unknown) => void) | null): void {
  if (result === undefined) {
    context.status = 200;
    context.body = '';
    context.remove('content-type');
    return;
  }
  if ('redirect' in result) return context.redirect(result.redirect);
  if ('json' in result) {
    check?.(jsonToLex(JSON.parse(result.json.toString())));
    context.type = jsonType;
    context.body = result.json;
    return;
  }
  context.status = result.status ?? 200;
  context.set({ ...result.headers });
  if (result.encoding !== undefined) {
    context.type = result.encoding;
    context.body = result.body instanceof Readable ? result.body : Buffer.from(result.body.buffer, result.body.byteOffset, result.body.byteLength);
    return;
  }
  if (context.status < 300) check?.(result.body);
  context.type = jsonType;
  context.body = toJsonText(result.body);
}

function checkOutput(lexicons: Lexicons, nsid: string, body: unknown): void {
  try {
    lexicons.assertValidXrpcOutput(nsid, body);
  } catch (error) {
    if (error instanceof ValidationError) throw new XrpcError(500, 'InvalidOutput', `${nsid} gave an answer that its lexicon refuses: ${error.message}`);
    throw error;
  }
}
