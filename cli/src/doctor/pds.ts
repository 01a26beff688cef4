/**
 * What the doctor looks at from outside a running PDS, under the address the network uses: its description, its DID document, events
 * through the proxy, relays, an account's handle, and the mail server.
 * Changes nothing. Not for the machine (`machine.ts`). Source: ours; atproto.com/specs.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { xrpcGet } from '@dunlin/service/xrpc/call';
import { Mailer, type MailAccount } from '@dunlin/pds/mail/mailer';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';

type Fetch = typeof globalThis.fetch;

/** Events a relay may be behind before the doctor says so. */
const relayLag = 100;

/** Looks whether the server describes itself under its public address, as the one it is set up to be. */
export async function checkDescription(url: string, did: string, fetch: Fetch): Promise<Finding> {
  const check = 'public address';
  try {
    const said = (await xrpcGet('com.atproto.server.describeServer', {}, { fetch, service: url })) as { did?: unknown };
    if (said.did === did) return ok(check, `${url} is ${did}`);
    return fail(check, `${url} says it is ${String(said.did)}, not ${did}`, 'set PDS_HOSTNAME (and PDS_SERVICE_DID) as the server has them, or send this name to this server');
  } catch (fault) {
    return fail(check, `${url}: ${reasonOf(fault)}`, 'start the server; let DNS, the firewall and the proxy lead this name to its port');
  }
}

/** Looks whether a did:web of the server names it. */
export async function checkDidDocument(url: string, did: string, fetch: Fetch): Promise<Finding | null> {
  if (!did.startsWith('did:web:')) return null;
  const check = 'did.json';
  try {
    const answer = await fetch(`${url}/.well-known/did.json`, { signal: AbortSignal.timeout(10_000) });
    const document = answer.ok ? ((await answer.json()) as { id?: unknown }) : null;
    return document?.id === did ? ok(check, did) : fail(check, `answer ${answer.status} names ${String(document?.id)}`, 'let the proxy pass /.well-known/did.json on to the server');
  } catch (fault) {
    return fail(check, reasonOf(fault), 'let the proxy pass /.well-known/did.json on to the server');
  }
}

/** Looks whether a WebSocket gets through to the events. */
export async function checkWebSocket(url: string): Promise<Finding> {
  const check = 'websocket';
  const answer = await upgrade(new URL('/xrpc/com.atproto.sync.subscribeRepos', url)).catch(reasonOf);
  if (answer === 101) return ok(check, 'subscribeRepos opens');
  const found = typeof answer === 'number' ? `subscribeRepos answers ${answer} instead of opening` : answer;
  return fail(check, found, 'let the proxy pass Upgrade and Connection on (see deploy/): relays read events this way alone');
}

/** Asks for a WebSocket and gives the status of the answer; 101 is success. */
function upgrade(url: URL): Promise<number> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const key = Buffer.from(randomBytes(16)).toString('base64');
  return new Promise((resolve, reject) => {
    const request = send(url, { headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key }, timeout: 10_000 });
    request.once('upgrade', (_answer, socket) => {
      socket.destroy();
      resolve(101);
    });
    request.once('response', (answer) => {
      answer.destroy();
      resolve(answer.statusCode ?? 0);
    });
    request.once('timeout', () => request.destroy(new Error('no answer within 10 s')));
    request.once('error', reject);
    request.end();
  });
}

/** Looks what a relay knows of the server, and how far it has read. `headSeq` null is not known. */
export async function checkRelay(relay: string, { hostname, headSeq, fetch }: { hostname: string; headSeq: number | null; fetch: Fetch }): Promise<Finding> {
  const check = `relay ${new URL(relay).host}`;
  try {
    const { status, seq } = (await xrpcGet('com.atproto.sync.getHostStatus', { hostname }, { fetch, service: relay })) as { status?: string; seq?: number };
    const found = `${status ?? 'no status'}, at seq ${seq ?? 'unknown'}${headSeq === null ? '' : ` of ${headSeq}`}`;
    if (status === 'banned') return fail(check, found, 'ask the operator of the relay why');
    if (headSeq !== null && (seq ?? 0) > headSeq) return fail(check, found, 'it has heard later events than the server has: restart the server, it jumps ahead');
    if (headSeq !== null && headSeq - (seq ?? 0) > relayLag) return warn(check, found, 'wait; when it stays behind: dunlin admin pds request-crawl, and see the websocket check');
    return status === 'active' ? ok(check, found) : warn(check, found, 'dunlin admin pds request-crawl');
  } catch (fault) {
    return warn(check, reasonOf(fault), `dunlin admin pds request-crawl ${relay}`);
  }
}

/** Looks whether an account's handle and DID name each other, and the DID this server. */
export async function checkAccount(name: string, { url, fetch, resolver }: { url: string; fetch: Fetch; resolver: IdentityResolver }): Promise<Finding> {
  const check = `account ${name}`;
  try {
    const did = name.startsWith('did:') ? name : ((await xrpcGet('com.atproto.identity.resolveHandle', { handle: name }, { fetch, service: url })) as { did: string }).did;
    const document = await resolver.resolveDid(did);
    if (document === null) return fail(check, `${did} is in no directory`, 'see PDS_DID_PLC_URL');
    if (document.pdsUrl !== url) return fail(check, `${did} says it lives at ${document.pdsUrl ?? 'no server'}, not at ${url}`, 'the account lives elsewhere, or PDS_HOSTNAME was changed');
    const handle = await resolver.verifiedHandle(did);
    if (handle === null) return fail(check, `the handle of ${did} does not lead back to it`, 'a name of its own: TXT _atproto.HANDLE "did=DID"; below the server\'s domain: wildcard DNS and certificate, and /.well-known/atproto-did through the proxy');
    return ok(check, `@${handle} is ${did}`);
  } catch (fault) {
    return fail(check, reasonOf(fault), 'name a handle or DID of an account of this server');
  }
}

/** Looks whether the mail server lets us in. */
export async function checkMail(account: MailAccount | null): Promise<Finding> {
  if (account === null) return warn('mail', 'PDS_EMAIL_SMTP_URL is not set', 'without mail people cannot reset passwords by themselves; codes: dunlin admin pds codes');
  const mailer = new Mailer(account);
  try {
    const refusal = await mailer.test();
    return refusal === null ? ok('mail', 'the mail server lets us in') : fail('mail', refusal, 'see PDS_EMAIL_SMTP_URL: name, port, user, password');
  } finally {
    mailer.close();
  }
}
