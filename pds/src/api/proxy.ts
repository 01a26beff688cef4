/**
 * Serves methods that are not in this server's table by passing them on: who calls, whether they may, where it goes, the answer.
 * A stranger is asked who it is first, as at the reference PDS; a method for which nobody named a service is told to be missing.
 * What happens on the way stands in `proxy/`. Source: atproto.com/specs/xrpc, section on service proxying; order, lists and texts as
 * the reference PDS.
 */
import { pipeline, Transform, type Readable } from 'node:stream';
import { isValidAtUri, isValidNsid } from '@atproto/syntax';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Context } from '@dunlin/service/http/app';
import type { RawAnswer } from '@dunlin/service/http/raw-exchange';
import { bodyPresence, rawBodyStream } from '@dunlin/service/xrpc/body';
import { invalidRequest, methodNotImplemented } from '@dunlin/service/xrpc/errors';
import type { AppViewReader } from '../proxy/app-view-reader.ts';
import { CallsUnderWay } from '../proxy/calls-under-way.ts';
import type { ForwardedIdentity, Forwarder } from '../proxy/forward.ts';
import { bodyHeaders, passedOnHeaders } from '../proxy/passed-on-headers.ts';
import type { ProxyTarget, ProxyTargets } from '../proxy/proxy-target.ts';
import { readablePackings } from '../proxy/read-answer.ts';
import type { CompletedAnswer, ReadAfterWrite } from '../proxy/read-after-write.ts';
import { UpstreamError } from '../proxy/upstream-error.ts';
import { callOf, type Authenticator, type Caller } from './auth.ts';
import { isPrivilegedMethod, isProtectedMethod } from './method-rules.ts';

/** What passing on uses. */
export interface ProxyParts {
  readonly auth: Authenticator;
  readonly targets: ProxyTargets;
  readonly forwarder: Forwarder;
  readonly readAfterWrite: ReadAfterWrite;
  readonly appView: AppViewReader;
  readonly clock: Clock;
  /** Largest body that is passed on, in bytes. */
  readonly maxBodyBytes: number;
}

const createReport = 'com.atproto.moderation.createReport';
const getFeed = 'app.bsky.feed.getFeed';
const getFeedSkeleton = 'app.bsky.feed.getFeedSkeleton';
const getPostThread = 'app.bsky.feed.getPostThread';

type PassedMethod = 'GET' | 'HEAD' | 'POST';

/** Gives the answer to every method that is not in the table. */
export function passOn(o: ProxyParts): (context: Context) => Promise<void> {
  const access = o.auth.access({ oauth: 'allowed' });
  // Somebody who was taken down may still object to it.
  const accessToReport = o.auth.access({ oauth: 'allowed', allowTakendown: true });
  const underWay = new CallsUnderWay(o.clock);
  return async (context) => {
    context.set('cache-control', 'private');
    context.vary('Authorization');
    const nsid = context.path.slice('/xrpc/'.length);
    const caller = await (nsid === createReport ? accessToReport : access)(callOf(context));
    const method = methodOf(context);
    // What stands before the path would go along to the service.
    if (!context.url.startsWith('/xrpc/')) throw invalidRequest('the address of the request is not a path');
    if (!isValidNsid(nsid)) throw methodNotImplemented();
    checkRights(nsid, caller);
    const target = await o.targets.find(context.get('atproto-proxy'), nsid);
    if (target === null) throw nsid === createReport ? invalidRequest(`No service configured for ${nsid}`) : methodNotImplemented();
    caller.permissions?.requireRpc(nsid, `${target.did}#${target.serviceId}`);
    await underWay.enter(caller.account.id, context.res);
    await serve(o, context, { nsid, method, caller, target });
  };
}

interface Call {
  readonly nsid: string;
  readonly method: PassedMethod;
  readonly caller: Caller;
  readonly target: ProxyTarget;
}

function methodOf({ method }: Context): PassedMethod {
  if (method === 'GET' || method === 'HEAD' || method === 'POST') return method;
  throw invalidRequest('XRPC requests only supports GET and POST');
}

function checkRights(nsid: string, { scope }: Caller): void {
  const isClosed = isProtectedMethod(nsid) || (scope === 'com.atproto.appPass' && isPrivilegedMethod(nsid));
  if (isClosed) throw invalidRequest('Bad token method', 'InvalidToken');
}

async function serve(o: ProxyParts, context: Context, call: Call): Promise<void> {
  const { nsid, method, target, caller: { account } } = call;
  const isCompleted = method === 'GET' && o.readAfterWrite.concerns(nsid);
  try {
    const answer = await send(o, context, call, isCompleted);
    const completed = isCompleted ? await o.readAfterWrite.complete(nsid, account, answer, target) : answer;
    if ('status' in completed) answerRaw(context, completed);
    else answerCompleted(context, completed, answer.headers);
  } catch (fault) {
    const rev = fault instanceof UpstreamError && fault.error === 'NotFound' ? fault.headers['atproto-repo-rev'] : undefined;
    const completed = isCompleted && nsid === getPostThread && rev !== undefined
      ? await o.readAfterWrite.completeMissingThread(account, context.URL.searchParams, rev)
      : null;
    if (completed === null) throw fault;
    answerCompleted(context, completed, {});
  }
}

async function send(o: ProxyParts, context: Context, { nsid, method, caller, target }: Call, isRead: boolean): Promise<RawAnswer> {
  const hasBody = method === 'POST' && bodyPresence(context.req) === 'present';
  const accepted = context.get('accept-encoding');
  const abort = new AbortController();
  context.res.once('close', () => { if (!context.res.writableFinished) abort.abort(); });
  const identity = nsid === getFeed ? await feedIdentity(o, context, caller) : { account: caller.account, audience: target.did, lxm: nsid };
  // It may have waited for a place, and for the service to be looked up.
  caller.assertHolds();
  return o.forwarder.send({
    target, method, path: context.url, headers: context.headers,
    body: hasBody ? whileRightHolds(rawBodyStream(context.req, o.maxBodyBytes), caller) : null,
    identity,
    ...(isRead && { acceptEncoding: readablePackings.filter((name) => accepted.includes(name)).join(', ') || 'identity' }),
    signal: abort.signal,
  });
}

/** Gives a body, its last piece only when its sender may still call: the service has no whole request of who lost the right meanwhile. */
function whileRightHolds(body: Readable, caller: Caller): Readable {
  let held: Buffer | null = null;
  const gate = new Transform({
    transform(piece: Buffer, _encoding, done) {
      const before = held;
      held = piece;
      done(null, before);
    },
    flush(done) {
      try {
        caller.assertHolds();
        done(null, held);
      } catch (fault) {
        done(fault as Error);
      }
    },
  });
  // Its reader is told of what goes wrong; it may have gone away, too.
  return pipeline(body, gate, () => undefined);
}

/** A feed is shown by the app view but made by a service of its own, which is told who asks. */
async function feedIdentity(o: ProxyParts, context: Context, { account, permissions }: Caller): Promise<ForwardedIdentity> {
  const feed = context.URL.searchParams.get('feed') ?? '';
  if (!isValidAtUri(feed) || feed.split('/').length !== 5) throw invalidRequest('feed must be an at:// URI of a feed generator');
  const audience = await o.appView.feedService(feed);
  if (audience === null) throw invalidRequest('could not resolve feed did', 'UnknownFeed');
  permissions?.requireRpc(getFeedSkeleton, `${audience}#bsky_fg`);
  return { account, audience, lxm: getFeedSkeleton };
}

function answerRaw(context: Context, { status, headers, body }: RawAnswer): void {
  context.status = status;
  context.body = body;
  context.set({ ...bodyHeaders(headers), ...passedOnHeaders(headers) });
}

function answerCompleted(context: Context, { body, headers }: CompletedAnswer, upstream: RawAnswer['headers']): void {
  context.status = 200;
  context.body = body;
  context.set({ ...passedOnHeaders(upstream), ...headers });
  context.type = 'application/json; charset=utf-8';
}
