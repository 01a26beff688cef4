/**
 * What the doctor looks at in a PDS from outside: its description, its DID document, handles below its domains, large uploads, an account;
 * and its mail server.
 * Changes nothing. Not for the machine (`machine.ts`), streams (`stream.ts`), what relays say of it (`relay.ts`). Source: ours; atproto.com/specs.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { toHex } from '@dunlin/protocol/base/bytes';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { xrpcGet } from '@dunlin/service/xrpc/call';
import { Mailer, type MailAccount } from '@dunlin/pds/mail/mailer';
import { resolveName } from './address.ts';
import { fail, ok, reasonOf, warn, type Finding } from './finding.ts';
import { checkUnknownDid } from './others.ts';

type Fetch = typeof globalThis.fetch;

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

/** Looks whether the names below a domain of the server lead to it, with a certificate, so that its people's handles hold. */
export async function checkHandles(domain: string, { url, fetch, resolve = resolveName }: { url: string; fetch: Fetch; resolve?: (name: string) => Promise<string[]> }): Promise<Finding> {
  const check = `handles ${domain}`;
  const name = `doctor-${toHex(randomBytes(4))}${domain}`;
  try {
    const [there, here] = [await resolve(name), await resolve(new URL(url).hostname)];
    if (!there.some((address) => here.includes(address))) return warn(check, `${name} leads to ${there.join(', ')}, the server to ${here.join(', ')}`, 'right only if something there passes /.well-known/atproto-did on to the server');
  } catch (fault) {
    return fail(check, `${name}: ${reasonOf(fault)}`, `add a wildcard record: *${domain}`);
  }
  const advice = `let the proxy serve *${domain} with a certificate for each name, and pass /.well-known/atproto-did on with its Host (see deploy/)`;
  const known = await handleBelow(domain, url, fetch);
  const asked = `https://${known?.handle ?? name}/.well-known/atproto-did`;
  try {
    const answer = await fetch(asked, { signal: AbortSignal.timeout(10_000), redirect: 'manual' });
    const text = (await answer.text()).trim();
    const isOurs = known === null ? answer.status === 404 && answer.headers.get('content-type')?.startsWith('text/plain') === true : answer.status === 200 && text === known.did;
    return isOurs ? ok(check, `${known?.handle ?? `*${domain}`} reaches the server`) : fail(check, `${asked} answers ${answer.status} ${answer.headers.get('content-type') ?? ''}`, advice);
  } catch (fault) {
    // A proxy that gets certificates name by name gets none for a name that nobody has.
    return known === null ? warn(check, `${asked}: ${reasonOf(fault)}`, 'nobody has a handle there yet: look again when somebody has') : fail(check, `${asked}: ${reasonOf(fault)}`, advice);
  }
}

/** Gives somebody whose handle is below a domain; null when nobody is found among the first accounts. */
async function handleBelow(domain: string, url: string, fetch: Fetch): Promise<{ handle: string; did: string } | null> {
  try {
    const { repos } = (await xrpcGet('com.atproto.sync.listRepos', { limit: 20 }, { fetch, service: url })) as { repos: { did: string; active?: boolean }[] };
    for (const { did } of repos.filter(({ active }) => active !== false)) {
      const { handle } = (await xrpcGet('com.atproto.repo.describeRepo', { repo: did }, { fetch, service: url })) as { handle: string };
      if (handle.endsWith(domain)) return { handle, did };
    }
  } catch {
    // Whether the server answers is another check.
  }
  return null;
}

/** Looks whether an upload of the largest blob would reach the server: its head is sent, and who refuses it is seen by the answer. */
export async function checkUploadSize(url: string, maxBytes: number): Promise<Finding> {
  const check = 'uploads';
  const size = `${Math.round(maxBytes / 1_000_000)} MB`;
  const answer = await answerToHead(new URL('/xrpc/com.atproto.repo.uploadBlob', url), maxBytes).catch(reasonOf);
  if (answer === 401) return ok(check, `${size} get through to the server`);
  if (answer === 413) return fail(check, `something before the server refuses ${size}`, 'let the proxy take large bodies (client_max_body_size 0): the server has bounds of its own');
  return warn(check, typeof answer === 'number' ? `an upload of ${size} is answered with ${answer} before it begins` : answer, 'see health');
}

/** Gives the status that is answered to an upload's head alone. */
function answerToHead(url: URL, bytes: number): Promise<number> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { method: 'POST', headers: { 'content-length': String(bytes), 'content-type': 'image/png' }, agent: false, timeout: 10_000 });
    request.once('response', (answer) => {
      resolve(answer.statusCode ?? 0);
      request.destroy();
    });
    request.once('timeout', () => request.destroy(new Error('no answer within 10 s')));
    request.on('error', reject);
    request.flushHeaders();
  });
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

/** Looks whether the did:plc directory of the server answers. */
export async function checkDirectory(plcUrl: string, fetch: Fetch): Promise<Finding> {
  const finding = await checkUnknownDid(plcUrl, fetch, `directory ${new URL(plcUrl).host}`);
  return finding.state === 'ok' ? finding : { ...finding, advice: 'without it nobody signs up, moves or changes a handle, and all else goes on: wait, or see PDS_DID_PLC_URL' };
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
