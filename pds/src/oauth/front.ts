/**
 * OAuth's place on the HTTP server: the documents that name it, and every path of the provider, which is loaded when one is first asked for.
 * Stands before anything that reads bodies. The sign-in pages get one small script of ours, which leads to the second step.
 * Not for methods that clients call with their tokens: those come in by `api/auth.ts`. Source: paths as the reference PDS.
 */
import type { ServerResponse } from 'node:http';
import type { Context } from '@dunlin/service/http/app';
import type { RateLimiter } from '@dunlin/service/http/rate-limit';
import { clientAddress } from '@dunlin/service/http/client-address';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { ServerIdentity } from '../identity/server-identity.ts';
import { spendOfAddress } from './address-limit.ts';
import { authorizationServer, protectedResource } from './metadata.ts';
import type { RunningProvider } from './provider.ts';

/** The script that the sign-in pages get. */
export const secondStepScript = '/account/second-step.js';

/** Where the documents stand that say how to sign people in here. */
const resourcePath = '/.well-known/oauth-protected-resource';
const serverPath = '/.well-known/oauth-authorization-server';

/** A middleware of the app. */
export type Middleware = (context: Context, next: () => Promise<unknown>) => Promise<unknown>;

/** OAuth on the server, asleep until it is used. */
export class OAuthFront {
  readonly #create: () => Promise<RunningProvider>;
  readonly #server: ServerIdentity;
  readonly #limit: RateLimiter | null;
  #loading: Promise<RunningProvider> | null = null;

  /** `limit` bounds what one address may ask of the provider's paths; null for no bound. */
  constructor(o: { create: () => Promise<RunningProvider>; server: ServerIdentity; limit: RateLimiter | null }) {
    this.#create = o.create;
    this.#server = o.server;
    this.#limit = o.limit;
  }

  /** Gives the provider, which is made once; a failure is tried again at the next call. */
  readonly load = (): Promise<RunningProvider> => {
    this.#loading ??= this.#create().catch((fault: unknown) => {
      this.#loading = null;
      throw fault;
    });
    return this.#loading;
  };

  /** Answers the documents and the provider's paths, and lets everything else pass. */
  readonly middleware: Middleware = async (context, next) => {
    if (context.path === resourcePath) return answerDocument(context, resourcePath, protectedResource(this.#server.publicUrl));
    if (context.path === serverPath) {
      context.set('cache-control', 'max-age=300');
      return answerDocument(context, serverPath, authorizationServer(this.#server.publicUrl));
    }
    if (!isProviderPath(context.path)) return next();
    context.state['route'] = 'oauth';
    // A request line with an address of its own would be taken for ours when proofs are checked.
    if (!/^\/(?!\/)/.test(context.req.url ?? '')) throw invalidRequest('the address of the request is not a path');
    if (!context.path.startsWith('/@')) spendOfAddress(this.#limit, context);
    const { handler } = await this.load();
    return passOn(context, next, handler);
  };
}

function isProviderPath(path: string): boolean {
  return path.startsWith('/oauth/') || path === '/account' || path.startsWith('/account/')
    || path.startsWith('/@atproto/oauth-provider/') || path === '/.well-known/change-password';
}

function answerDocument(context: Context, route: string, document: object): void {
  context.state['route'] = route;
  context.set('content-type', route === serverPath ? 'application/json' : 'application/json; charset=utf-8');
  context.body = JSON.stringify(document);
}

/** Gives the request to the provider and waits until it has answered, or passed. */
async function passOn(context: Context, next: () => Promise<unknown>, handler: RunningProvider['handler']): Promise<unknown> {
  const { req, res } = context;
  // The provider would believe any proxy of itself; whom we believe is judged in one place.
  Object.assign(req, { ip: clientAddress(req) });
  delete req.headers['x-forwarded-port'];
  if (req.method === 'GET' && !context.path.startsWith('/@')) addScript(res);
  context.respond = false;
  res.statusCode = 200;
  try {
    const isAnswered = await new Promise<boolean>((resolve, reject) => {
      res.once('close', () => resolve(true));
      handler(req, res, (fault) => (fault === undefined || fault === null ? resolve(false) : reject(fault)));
    });
    if (isAnswered) return undefined;
  } catch (fault) {
    context.respond = true;
    throw fault;
  }
  context.respond = true;
  res.statusCode = 404;
  return next();
}

/** Puts our script at the head of a page; whatever is no page is left as it is. The pages allow scripts of this server. */
function addScript(res: ServerResponse): void {
  const end = res.end.bind(res);
  res.end = ((chunk?: unknown, ...rest: []) => {
    const isPage = typeof chunk === 'string' && String(res.getHeader('content-type')).startsWith('text/html');
    return end(isPage ? chunk.replace('<head>', `<head><script src="${secondStepScript}"></script>`) : chunk, ...rest);
  }) as typeof res.end;
}
