/**
 * Open CORS, as the protocol asks: any web page may call any method and read every protocol header.
 * Preflights are answered here and go no further. Not for deciding who may do what: that is auth.
 * Source: answers of the reference PDS; header names from the XRPC, OAuth and rate-limit conventions.
 */
import type { Middleware } from 'koa';

const exposedHeaders = [
  'DPoP-Nonce', 'WWW-Authenticate', 'atproto-repo-rev', 'atproto-content-labelers',
  'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset', 'RateLimit-Policy', 'Retry-After', 'Content-Disposition',
].join(', ');

/** How long browsers may remember a preflight, in seconds. */
const preflightAgeSeconds = 86_400;

/** Longest list of asked headers that is echoed, in characters. */
const maxEchoLength = 2_048;

/** Answers preflights and opens every other answer to any origin. */
export const cors: Middleware = async (context, next) => {
  context.set('access-control-allow-origin', '*');
  if (context.method === 'OPTIONS') {
    const asked = context.get('access-control-request-headers').slice(0, maxEchoLength);
    context.set('access-control-allow-methods', 'GET,HEAD,PUT,PATCH,POST,DELETE');
    context.set('access-control-allow-headers', asked === '' ? '*' : asked);
    context.set('access-control-max-age', String(preflightAgeSeconds));
    context.vary('access-control-request-headers');
    context.status = 204;
    return;
  }
  context.set('access-control-expose-headers', exposedHeaders);
  await next();
};
