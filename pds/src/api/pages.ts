/**
 * What is not XRPC: the page at /, robots.txt, the documents under /.well-known by which the network finds names, and /tls-check, which
 * tells a proxy for which names it may get certificates.
 * Source: paths and texts as the reference PDS; did.json beside them, since this server's DID is a did:web.
 * A handle's documents are chosen by the Host header, so that every handle under our domains answers for itself.
 */
import { forwardedHostname } from '@dunlin/service/http/client-address';
import { createRouter, type PlainRouter } from '@dunlin/service/http/router';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { AccountStore } from '../account/account-store.ts';
import type { HostedDids } from '../identity/hosted-dids.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';

/** Gives the paths. */
export function pages({ accounts, server, hosted }: { accounts: AccountStore; server: ServerIdentity; hosted: HostedDids }): PlainRouter {
  const router = createRouter();
  router.get('/', (context) => {
    context.type = 'text/plain; charset=utf-8';
    context.body = welcome(server.publicUrl);
  });
  router.get('/robots.txt', (context) => {
    context.type = 'text/plain; charset=utf-8';
    context.body = '# Everything that is public may be crawled\nUser-agent: *\nAllow: /\n';
  });
  router.get('/.well-known/did.json', (context) => {
    const found = hosted.at(context.hostname.toLowerCase());
    context.set('cache-control', 'no-cache');
    if (found.kind === 'ended') context.status = 410;
    context.body = found.kind === 'document' ? found.document : found.kind === 'ended' ? { error: 'Gone', message: 'this DID has ended' } : server.document(context.host.toLowerCase());
  });
  router.get('/.well-known/atproto-did', (context) => {
    // Some proxies put their own name into Host and the right one beside it.
    const account = accounts.byHandle(context.hostname) ?? accounts.byHandle(forwardedHostname(context.req) ?? '');
    context.type = 'text/plain; charset=utf-8';
    context.status = account === null ? 404 : 200;
    context.body = account?.did ?? 'User not found';
  });
  router.get('/tls-check', (context) => {
    const domain = context.query['domain'];
    if (typeof domain !== 'string' || domain === '') throw invalidRequest('bad or missing domain query param');
    const name = domain.toLowerCase();
    const isOurs = server.hasHostname(name) || accounts.byHandle(name) !== null || hosted.at(name).kind !== 'none';
    if (!isOurs) throw new XrpcError(404, 'NotFound', 'handle not found for this domain');
    context.body = { success: true };
  });
  return router;
}

function welcome(publicUrl: string): string {
  return [
    '    ___,',
    "  _(o  )>-",
    ' /  ~~  \\      Dunlin PDS',
    " \\_______)     a personal data server of the AT Protocol",
    '   |  |',
    '',
    `This server is ${publicUrl}`,
    `Sign in or make an account: ${publicUrl}/account`,
    `Bring an account here from another server: ${publicUrl}/account/move-in`,
    '',
    'Its API is under /xrpc/, its health at /xrpc/_health.',
    '',
  ].join('\n');
}
